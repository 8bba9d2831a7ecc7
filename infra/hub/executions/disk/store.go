package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/executions"
)

// Limits are how long and how many executions are kept.
type Limits struct {
	Age   time.Duration
	Bytes int64 // of all files
}

// A new file begins when the current one is this large or old.
const (
	fileBytes = 32 << 20
	fileAge   = 24 * time.Hour
)

// Store holds the executions of a hub in one directory. It is safe for concurrent use. Only
// one process at a time may write to a directory.
type Store struct {
	dir       string
	limits    Limits
	fileBytes int64
	log       *slog.Logger

	mu    sync.Mutex
	files []*file // by start, the oldest first

	buffer buffer
	stop   context.CancelFunc // ends run
	ended  chan struct{}      // run has ended
}

var _ executions.Log = (*Store)(nil)

// Open opens the executions in a directory, and creates the directory if it is missing. It
// renames a damaged file and logs that. Close writes what is buffered.
func Open(dir string, limits Limits, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the directory for executions: %w", err)
	}
	s, err := open(dir, log, database.Open)
	if err != nil {
		return nil, err
	}
	s.limits = limits
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	go s.run(ctx)
	return s, nil
}

// OpenToRead opens the executions in the directory of a hub that does not run. A damaged file
// is an error.
func OpenToRead(dir string) (*Store, error) {
	s, err := open(dir, nil, database.OpenToRead)
	if err == nil {
		s.stop = func() {}
		close(s.ended)
	}
	return s, err
}

// open opens the files in a directory.
func open(dir string, log *slog.Logger, openDatabase func(path string) (*database.DB, error)) (*Store, error) {
	s := &Store{dir: dir, fileBytes: fileBytes, log: log, ended: make(chan struct{})}
	s.buffer.wake = make(chan struct{}, 1)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening the executions: %w", err)
	}
	for _, entry := range entries { // sorted by name, so by start
		start, ok := startOf(entry.Name())
		if !ok {
			continue
		}
		f, err := openFile(dir, start, openDatabase)
		if errors.Is(err, database.ErrDamaged) && log != nil {
			s.setAside(filepath.Join(dir, entry.Name()), err)
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the executions in %s: %w", entry.Name(), err), s.closeFiles())
		}
		s.files = append(s.files, f)
	}
	return s, nil
}

// Handler returns a log handler that keeps the lines about webhooks.
func (s *Store) Handler() slog.Handler { return executions.Handler(s.buffer.add) }

// Close writes the buffered lines and closes the files. It must be called once, after the
// last line.
func (s *Store) Close() error {
	s.stop()
	<-s.ended
	if !s.flush() {
		s.flush() // a damaged file was set aside, and there is a new one
	}
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.files = nil
	return errors.Join(errs...)
}

// newestFirst returns the files, the newest first.
func (s *Store) newestFirst() []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := slices.Clone(s.files)
	slices.Reverse(files)
	return files
}

// fileOf returns the file of the webhooks that were received at a time. Those that were
// received before the first file began belong to the first. It is nil if there is no file.
// The caller holds mu.
func (s *Store) fileOf(at time.Time) *file {
	for _, f := range slices.Backward(s.files) {
		if !f.start.After(at) {
			return f
		}
	}
	if len(s.files) > 0 {
		return s.files[0]
	}
	return nil
}

// begin creates a file for the webhooks from now on, if the current one is too large or old.
func (s *Store) begin(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fileOf(now); f != nil && f.bytes.Load() < s.fileBytes && now.Sub(f.start).Abs() < s.span() {
		return nil
	}
	f, err := openFile(s.dir, now, database.Open)
	if err != nil {
		return err
	}
	s.files = append(s.files, f)
	slices.SortFunc(s.files, func(a, b *file) int { return a.start.Compare(b.start) })
	return nil
}

// span returns the longest time whose webhooks are in one file.
func (s *Store) span() time.Duration { return min(fileAge, s.limits.Age) }

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

// noteDamage sets a file aside if the error says that it is damaged, and reports whether it
// did.
func (s *Store) noteDamage(f *file, err error) bool {
	if !errors.Is(err, database.ErrDamaged) || s.log == nil {
		return false
	}
	if s.drop(f) {
		f.Close() // its error is about the damage
		s.setAside(f.path, err)
	}
	return true
}

// setAside renames a damaged file, so that it is kept and the hub works without it.
func (s *Store) setAside(path string, damage error) {
	const says = "a file of executions is damaged. The pages and commands do not show the executions in it. No event is lost"
	aside, err := database.SetAside(path)
	if err != nil {
		s.log.Error(says+". It cannot be renamed, so the hub reads it again at its next start", "file", path, "detail", errors.Join(damage, err).Error())
		return
	}
	s.log.Error(says+". It was renamed, and can be deleted", "file", aside, "detail", damage.Error())
}
