package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// fileBytes is how large a file of waiting events grows before the next one is begun.
const fileBytes = 64 << 20

// Store is the queues of a hub in one directory. It is safe for use by many goroutines at
// once. One process at a time may open a directory.
type Store struct {
	dir    string
	log    *slog.Logger
	failed *failed

	mu      sync.Mutex
	files   []*file // of waiting events, the oldest first; new events go to the last
	next    int     // the number of the next file
	queues  map[string]*Queue
	failing bool // the last write failed
}

// Open opens the queues in a directory, which it makes where it is missing. A file that is
// damaged, or that no hub has written, is renamed and said in the log. Its error is an
// ErrNewer where a later release of hub has written in the directory.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for events: %w", err)
	}
	s := &Store{dir: dir, log: log, queues: map[string]*Queue{}, next: 1}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("opening the events in %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open() error {
	numbers, newest, err := filesIn(s.dir)
	if err != nil {
		return err
	}
	// A clock that went back since would hide events for as long as it went back.
	dueNow := newest.After(time.Now().Add(time.Minute))
	for _, number := range numbers {
		s.next = number + 1
		file, err := openFile(s.dir, number, dueNow)
		if err := s.setAside(fileName(number), err); err != nil {
			return err
		}
		if file != nil {
			s.files = append(s.files, file)
		}
	}
	s.failed, err = openFailed(s.dir)
	if s.failed == nil {
		if err := s.setAside(failedName, err); err != nil {
			return err
		}
		if s.failed, err = openFailed(s.dir); err != nil {
			return err
		}
	}
	return s.begin()
}

// filesIn lists the numbers of the files of waiting events, in order, and when the newest
// of them was written.
func filesIn(dir string) (numbers []int, newest time.Time, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, time.Time{}, err
	}
	for _, entry := range entries {
		number, ok := numberOf(entry.Name())
		if !ok {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, time.Time{}, err
		}
		numbers = append(numbers, number)
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	slices.Sort(numbers)
	return numbers, newest, nil
}

// setAside renames a file that is damaged, so that it is kept and the hub goes on without
// it. Any other error it returns.
func (s *Store) setAside(name string, damage error) error {
	if !errors.Is(damage, errDamaged) {
		return damage
	}
	aside := fmt.Sprintf("%s.damaged-%s", name, time.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.Rename(filepath.Join(s.dir, name), filepath.Join(s.dir, aside)); err != nil {
		return errors.Join(damage, err)
	}
	s.log.Error("a file of events cannot be read. It is kept under another name, and its events are not delivered",
		"file", filepath.Join(s.dir, aside), "detail", damage.Error())
	return nil
}

// begin begins a new file where the last one is full, or there is none. The caller has
// locked mu, or is alone.
func (s *Store) begin() error {
	if n := len(s.files); n > 0 && s.files[n-1].size() < fileBytes {
		return nil
	}
	file, err := openFile(s.dir, s.next, false)
	if err != nil {
		return err
	}
	s.files, s.next = append(s.files, file), s.next+1
	return nil
}

// last returns the file to which new events go.
func (s *Store) last() (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, fmt.Errorf("beginning a new file of events: %w", err)
	}
	return s.files[len(s.files)-1], nil
}

// put adds events to a queue.
func (s *Store) put(queue string, records [][]byte) error {
	for {
		file, err := s.last()
		if err != nil {
			return err
		}
		err = file.put(queue, records...)
		if errors.Is(err, errClosed) && s.file(file.number) == nil {
			continue // it was full, its events were delivered, and it was removed meanwhile
		}
		return err
	}
}

// file returns the file with a number; nil where it was removed.
func (s *Store) file(number int) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.files, func(f *file) bool { return f.number == number })
	if i < 0 {
		return nil
	}
	return s.files[i]
}

// due returns the file in which a queue's next event becomes visible, and when; nil where
// none waits.
func (s *Store) due(queue string) (next *file, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		if its := file.standing(queue).next; !its.IsZero() && (next == nil || its.Before(at)) {
			next, at = file, its
		}
	}
	return next, at
}

// removeEmpty removes the files whose events are all delivered, but the last.
func (s *Store) removeEmpty() {
	s.mu.Lock()
	full := slices.Clone(s.files[:len(s.files)-1])
	s.mu.Unlock()
	for _, each := range full {
		if !each.isEmpty() {
			continue
		}
		gone, err := each.removeIfEmpty()
		if errors.Is(err, errClosed) {
			continue // another caller removes it
		}
		if err != nil {
			s.log.Warn("removing a file of delivered events", "file", each.path, "detail", err.Error())
		}
		if gone {
			s.mu.Lock()
			s.files = slices.DeleteFunc(s.files, func(f *file) bool { return f == each })
			s.mu.Unlock()
		}
	}
}

// Close ends what is being written. No method of the store or of its queues may be called
// afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, file := range s.files {
		errs = append(errs, file.close())
	}
	if s.failed != nil {
		errs = append(errs, s.failed.close())
	}
	return errors.Join(errs...)
}

// Maintain looks once a minute whether the clock of the machine went back, and then makes
// all events visible that wait: they would wait for as long as the clock went back. It
// also removes dead letters that are older than the age. It returns when the context is
// done.
func (s *Store) Maintain(ctx context.Context, age time.Duration) {
	const every = time.Minute
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		now := time.Now()
		if now.Round(0).Sub(last.Round(0)) < 0 {
			s.log.Warn("the clock of this machine went back: all events that wait are tried now")
			s.releaseAll()
		}
		last = now
		s.prune(now.Add(-age))
	}
}

// releaseAll makes all events visible.
func (s *Store) releaseAll() {
	s.mu.Lock()
	files := slices.Clone(s.files)
	queues := slices.Collect(maps.Values(s.queues))
	s.mu.Unlock()
	for _, file := range files {
		s.noteWrite(file.update(func(tx *bbolt.Tx) error { return file.release(tx, true) }))
	}
	for _, queue := range queues {
		queue.wake()
	}
}

// noteWrite logs when writing to the disk begins to fail, and when it works again.
func (s *Store) noteWrite(err error) {
	if errors.Is(err, errClosed) {
		return
	}
	s.mu.Lock()
	was := s.failing
	s.failing = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !was:
		s.log.Error("events cannot be written to the disk. Webhooks are answered 503 until they can, and Commerce posts them again",
			"directory", s.dir, "detail", err.Error())
	case err == nil && was:
		s.log.Info("events are written to the disk again", "directory", s.dir)
	}
}

// Standing is how a queue stands.
type Standing struct {
	Waiting int
	Failed  int
	Oldest  time.Time // when the webhook of the oldest waiting event was received; zero where none waits
}

// Add adds the events of another queue.
func (st *Standing) Add(other Standing) {
	st.Waiting += other.Waiting
	st.Failed += other.Failed
	if st.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(st.Oldest) {
		st.Oldest = other.Oldest
	}
}

// Standing says how the queue stands.
func (q *Queue) Standing() (st Standing) {
	s := q.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		if n := file.standing(q.name).waiting; n > 0 {
			if st.Waiting == 0 {
				st.Oldest = file.oldest(q.name)
			}
			st.Waiting += n
		}
	}
	st.Failed = s.failed.count(q.name)
	return st
}
