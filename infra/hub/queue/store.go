package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"commerce-segment/infra/hub/database"
)

// fileBytes is the size of a file of waiting events from which on the next one is created.
const fileBytes = 64 << 20

// deadLetterAge is how long a dead letter is kept.
const deadLetterAge = 30 * 24 * time.Hour

// Store holds the queues of a hub in one directory. It is safe for concurrent use. Only one
// process at a time may open a directory.
type Store struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	files   []*file // of waiting events, the oldest first; new events go to the last
	next    int     // the number of the next file
	failed  *failed // nil after it was set aside
	queues  map[string]*Queue
	failing bool // the last write failed

	removing sync.Mutex // held while files are removed or set aside
	writable writable
	changes  atomic.Uint64 // to the dead letters

	stop        context.CancelFunc // ends maintain
	maintaining sync.WaitGroup
}

// Open opens the queues in a directory, and creates the directory if it is missing. It
// renames a damaged file and logs that. The error is a database.ErrNewer if a later release of
// hub wrote a file.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the directory for events: %w%s", err, advice(err))
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{dir: dir, log: log, queues: map[string]*Queue{}, next: 1, stop: stop}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("opening the events in %s: %w%s", dir, err, advice(err))
	}
	s.maintaining.Go(func() { s.maintain(ctx) })
	return s, nil
}

// advice returns what to do about an error of the disk, for the end of a message.
func advice(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ": the hub must be able to write there: change the permissions, or choose another directory with --dir"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ": make room on the disk, or choose another directory with --dir"
	}
	return ""
}

// open opens the files in the directory. It changes nothing before it has read the versions
// of all of them.
func (s *Store) open() error {
	if err := s.warnOfDamaged(); err != nil {
		return err
	}
	numbers, newest, err := filesIn(s.dir)
	if err != nil {
		return err
	}
	damaged := map[string]error{}
	for _, number := range numbers {
		s.next = number + 1
		file, err := openFile(s.dir, number)
		switch {
		case errors.Is(err, database.ErrDamaged):
			damaged[fileName(number)] = err
		case err != nil:
			return err
		default:
			s.files = append(s.files, file)
		}
	}
	if s.failed, err = openFailed(s.dir); errors.Is(err, database.ErrDamaged) {
		damaged[failedName] = err
	} else if err != nil {
		return err
	}
	for name, damage := range damaged {
		if err := s.setAside(name, damage); err != nil {
			return err
		}
	}
	// If the clock was set back, events would be invisible for that much longer.
	if err := s.release(newest.After(time.Now().Add(time.Minute))); err != nil {
		return err
	}
	if _, err := s.deadLetters(); err != nil {
		return err
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

// begin creates a new file if there is none or the last one is full. The caller holds mu, or
// no other goroutine uses the store yet.
func (s *Store) begin() error {
	if n := len(s.files); n > 0 && s.files[n-1].size() < fileBytes {
		return nil
	}
	file, err := openFile(s.dir, s.next)
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

// deadLetters returns the file of dead letters, and creates it after a damaged one was set
// aside.
func (s *Store) deadLetters() (_ *failed, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed, err = openFailed(s.dir)
	}
	return s.failed, err
}

// put adds events to a queue.
func (s *Store) put(ctx context.Context, queue string, events []event) error {
	return s.write(func(f *file) error { return f.put(ctx, queue, events) })
}

// write applies a change to the file for new events.
func (s *Store) write(change func(*file) error) error {
	for {
		file, err := s.last()
		if err != nil {
			s.noteWrite(err)
			return err
		}
		err = change(file)
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

// list returns the files of waiting events.
func (s *Store) list() []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.files)
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
