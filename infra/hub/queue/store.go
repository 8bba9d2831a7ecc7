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

	"commerce-segment/infra/hub/database"
)

// fileBytes is the size of a file of waiting events from which on the next one is created.
const fileBytes = 64 << 20

// deadLetterAge is how long a dead letter is kept.
const deadLetterAge = 30 * 24 * time.Hour

// Store holds the queues of a hub in one directory. It is safe for concurrent use. Only one
// process at a time may open a directory.
type Store struct {
	dir    string
	log    *slog.Logger
	failed *failed

	mu      sync.Mutex
	files   []*file // of waiting events, the oldest first; new events go to the last
	next    int     // the number of the next file
	queues  map[string]*Queue
	failing bool // the last write failed

	removing sync.Mutex // held while files are removed or set aside

	stop        context.CancelFunc // ends maintain
	maintaining sync.WaitGroup
}

// Open opens the queues in a directory, and creates the directory if it is missing. It
// renames a damaged file and logs that. The error is a database.ErrNewer if a later release of
// hub wrote a file.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the directory for events: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{dir: dir, log: log, queues: map[string]*Queue{}, next: 1, stop: stop}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("opening the events in %s: %w", dir, err)
	}
	s.maintaining.Go(func() { s.maintain(ctx) })
	return s, nil
}

// open opens the files in the directory.
func (s *Store) open() error {
	numbers, newest, err := filesIn(s.dir)
	if err != nil {
		return err
	}
	damaged, err := database.Damaged(s.dir)
	if err != nil {
		return err
	}
	for _, each := range damaged {
		s.log.Warn("this file of events was damaged when the hub read it, and its events are not delivered. "+adviceDamaged, "file", each)
	}
	// If the clock was set back, events would be invisible for that much longer.
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

// filesIn returns the numbers of the files of waiting events in ascending order, and the
// time of the last change to any of them.
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

const adviceDamaged = "hub backfill can send them again from Commerce. Then delete the file"

// setAside renames a damaged file, so that it is kept and the hub works without it. It
// returns any other error as it is.
func (s *Store) setAside(name string, damage error) error {
	if !errors.Is(damage, database.ErrDamaged) {
		return damage
	}
	aside, err := database.SetAside(filepath.Join(s.dir, name))
	if err != nil {
		return errors.Join(damage, err)
	}
	s.log.Error("a file of events is damaged. It was renamed, and its events are not delivered. "+adviceDamaged,
		"file", aside, "detail", damage.Error())
	return nil
}

// begin creates a new file if there is none or the last one is full. The caller holds mu, or
// no other goroutine uses the store yet.
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

// last returns the file for new events.
func (s *Store) last() (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, fmt.Errorf("creating a new file of events: %w", err)
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
		if errors.Is(err, database.ErrClosed) && !s.isLast(file) {
			continue // it became full and empty in the meantime, and is being removed
		}
		s.noteFile(file, err)
		return err
	}
}

// isLast reports whether new events go to a file. Only other files are removed.
func (s *Store) isLast(f *file) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.files)
	return n > 0 && s.files[n-1] == f
}

// file returns the file with this number; nil if it was removed.
func (s *Store) file(number int) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.files, func(f *file) bool { return f.number == number })
	if i < 0 {
		return nil
	}
	return s.files[i]
}

// due returns the file with the queue's next event, and when that event is visible; nil if
// the queue is empty.
func (s *Store) due(queue string) (next *file, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		if its := file.status(queue).next; !its.IsZero() && (next == nil || its.Before(at)) {
			next, at = file, its
		}
	}
	return next, at
}

// removeEmpty removes all files without events except the last.
func (s *Store) removeEmpty() {
	s.removing.Lock()
	defer s.removing.Unlock()
	s.mu.Lock()
	full := slices.Clone(s.files[:max(len(s.files)-1, 0)])
	s.mu.Unlock()
	for _, each := range full {
		if !each.isEmpty() {
			continue
		}
		gone, err := each.removeIfEmpty()
		if err != nil && !errors.Is(err, database.ErrClosed) {
			s.log.Warn("a file of delivered events cannot be removed", "file", each.path, "detail", err.Error())
		}
		if gone {
			s.drop(each)
		}
	}
}

// drop removes a file from the list. It reports whether the list had it.
func (s *Store) drop(f *file) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.files, f)
	if i >= 0 {
		s.files = slices.Delete(s.files, i, i+1)
	}
	return i >= 0
}

// noteFile is noteWrite for a file of waiting events. It sets the file aside if the error is
// a database.ErrDamaged: otherwise Receive would read the same event again and again, and the events
// in the other files would never be delivered.
func (s *Store) noteFile(f *file, err error) {
	if !errors.Is(err, database.ErrDamaged) {
		s.noteWrite(err)
		return
	}
	s.removing.Lock()
	defer s.removing.Unlock()
	if !s.drop(f) {
		return
	}
	f.Close() // its error is about the damage
	if err := s.setAside(filepath.Base(f.path), err); err != nil {
		s.log.Error("a damaged file of events cannot be renamed. Rename it, or the hub reads it again at its next start",
			"file", f.path, "detail", err.Error())
	}
}

// Close waits for pending writes and closes the files. No method of the store or of its
// queues may be called afterwards.
func (s *Store) Close() error {
	s.stop()
	s.maintaining.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, file := range s.files {
		errs = append(errs, file.Close())
	}
	if s.failed != nil {
		errs = append(errs, s.failed.Close())
	}
	return errors.Join(errs...)
}

// maintain keeps the queues in order once a minute, until the context is done:
//
//   - It removes dead letters that are older than deadLetterAge.
//   - If the clock of the machine was set back, it makes all waiting events visible, because
//     they would be invisible for that much longer.
//   - It ends all waits in Receive, because timers stand still while a machine is suspended.
func (s *Store) maintain(ctx context.Context) {
	const every = time.Minute
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		now := time.Now()
		if now.Round(0).Sub(last.Round(0)) < 0 {
			s.log.Warn("the clock of this machine was set back: all waiting events are sent now")
			s.releaseAll()
		}
		s.wakeAll()
		last = now
		s.prune(now.Add(-deadLetterAge))
	}
}

// list returns the files of waiting events.
func (s *Store) list() []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.files)
}

// releaseAll makes all events visible.
func (s *Store) releaseAll() {
	for _, file := range s.list() {
		s.noteFile(file, file.Update(func(tx *bbolt.Tx) error { return file.release(tx, true) }))
	}
}

// wakeAll ends the waits in Receive of all queues.
func (s *Store) wakeAll() {
	for _, queue := range s.all() {
		queue.wake()
	}
}

// all returns the queues that were asked for so far.
func (s *Store) all() []*Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.queues))
}

// noteWrite logs the first write to the disk that fails, and the first one that succeeds
// again.
func (s *Store) noteWrite(err error) {
	if errors.Is(err, database.ErrClosed) {
		return
	}
	s.mu.Lock()
	was := s.failing
	s.failing = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !was:
		s.log.Error("events cannot be written to the disk: check its free space and the permissions. Until then webhooks are answered 503, and Commerce posts them again",
			"directory", s.dir, "detail", err.Error())
	case err == nil && was:
		s.log.Info("events are written to the disk again", "directory", s.dir)
	}
}

// Status counts the events of a queue.
type Status struct {
	Waiting int
	Failed  int
	Oldest  time.Time // when the webhook of the first waiting event was received; zero if there is none
}

// Add adds the counts of another queue.
func (st *Status) Add(other Status) {
	st.Waiting += other.Waiting
	st.Failed += other.Failed
	if st.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(st.Oldest) {
		st.Oldest = other.Oldest
	}
}

// Status counts the queue's events.
func (q *Queue) Status() (st Status) {
	s := q.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		if n := file.status(q.name).waiting; n > 0 {
			if st.Waiting == 0 {
				st.Oldest = file.oldest(q.name)
			}
			st.Waiting += n
		}
	}
	st.Failed = s.failed.count(q.name)
	return st
}
