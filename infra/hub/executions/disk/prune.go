package disk

import (
	"os"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/executions"
)

// prune removes the files whose executions are too old, and the oldest files while all are
// too large, except the current one. It logs what it removed.
func (s *Store) prune(now time.Time) {
	s.buffer.writing.Lock() // so that no line is written to a file that is being removed
	defer s.buffer.writing.Unlock()
	removed, newest := 0, time.Time{}
	for {
		f, end := s.surplus(now)
		if f == nil {
			break
		}
		s.drop(f)
		removed, newest = removed+f.count(), end
		f.Close() // there is nothing to write
		if err := os.Remove(f.path); err != nil {
			s.log.Warn("a file of old executions cannot be removed", "file", f.path, "detail", err.Error())
		}
	}
	if removed > 0 {
		s.log.Info("removed old executions", "executions", removed, "received_before", newest.UTC().Format(time.RFC3339), "keep", s.limits.Age.String())
	}
}

// surplus returns the oldest file if it is to be removed, and when the webhooks in it had all
// been received; nil if no file is to be removed.
func (s *Store) surplus(now time.Time) (oldest *file, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) == 0 {
		return nil, time.Time{}
	}
	var bytes int64
	for _, f := range s.files {
		bytes += f.bytes.Load()
	}
	oldest = s.files[0]
	end = oldest.start.Add(s.span())
	if len(s.files) > 1 {
		end = s.files[1].start
	}
	if now.Sub(end) > s.limits.Age || bytes > s.limits.Bytes && oldest != s.fileOf(now) {
		return oldest, end
	}
	return nil, time.Time{}
}

// count returns the number of executions in the file, or 0 if it cannot be read.
func (f *file) count() (n int) {
	_ = f.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketHours).ForEach(func(_, record []byte) error {
			counts, err := decodeCounts(record)
			n += counts.Of(func(executions.Kind) bool { return true })
			return err
		})
	})
	return n
}
