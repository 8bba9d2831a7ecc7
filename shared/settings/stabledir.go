package settings

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"
)

// SettleFor is how long the files of a directory must stay unchanged before a StableDir uses
// them. In this time an editor finishes writing a file in place.
const SettleFor = 500 * time.Millisecond

const (
	// pollEvery is the time between two reads of the files.
	pollEvery = 200 * time.Millisecond
	// pollPause is the shortest time between two reads, for any number of callers.
	pollPause = 5 * time.Millisecond
)

// StableDir is a Source: the files of a Dir that editors may be writing. It uses the files
// when nothing has changed in the directory for SettleFor, all of them together, and never
// a file that is only partly written. Until then its parameters stay the same.
type StableDir struct {
	dir   Dir
	names []string

	mu    sync.Mutex
	begun time.Time // when the last read began
	last  *snapshot // what it read
	since time.Time // since when the directory has been like that
	taken *snapshot // the snapshot in effect

	changed chan struct{} // closed when another snapshot is in effect; nil while nothing waits on it
}

// snapshot is the content of a directory.
type snapshot struct {
	values map[string]string
	err    error
	files  map[string]file
}

// file shows that a file was written, even if its content is the same.
type file struct {
	size     int64
	modified time.Time
}

// NewStableDir returns the StableDir of the named parameters. It has no parameters before a
// call of Settle or Take.
func NewStableDir(dir Dir, names []string) *StableDir {
	return &StableDir{dir: dir, names: names, last: &snapshot{}, taken: &snapshot{}}
}

// Parameters implements Source. It reads no file.
func (s *StableDir) Parameters(_ context.Context, names []string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken.err != nil {
		return nil, s.taken.err
	}
	parameters := make(map[string]string, len(names))
	for _, name := range names {
		if value, isSet := s.taken.values[name]; isSet {
			parameters[name] = value
		}
	}
	return parameters, nil
}

// Watch follows the changes of the directory until the context ends.
func (s *StableDir) Watch(ctx context.Context) {
	for tick := time.NewTicker(pollEvery); ; {
		select {
		case <-tick.C:
			s.poll(time.Now())
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// Settle waits until the current files of the directory are in effect. It returns an error
// if they are still being changed when the context ends.
func (s *StableDir) Settle(ctx context.Context) error {
	for {
		asked := time.Now()
		s.mu.Lock()
		next := s.begun.Add(pollPause)
		s.mu.Unlock()
		wait(ctx, time.Until(next))
		if s.poll(asked) {
			return nil
		}
		if !wait(ctx, pollEvery) {
			return fmt.Errorf("the settings in %s are being changed, and are used after %s without a change", s.dir, SettleFor)
		}
	}
}

// wait waits for a time. It returns false if the context ends first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// Take puts the files of the directory into effect at once. It is for a caller that has just
// written them.
func (s *StableDir) Take() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = time.Now()
	s.last = s.read()
	s.take()
}

// take puts the last snapshot into effect. The caller holds the lock.
func (s *StableDir) take() {
	if s.taken == s.last {
		return
	}
	s.taken = s.last
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Changed returns a channel that is closed when other parameters are in effect.
func (s *StableDir) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// poll reads the directory, unless it was read after asked. It reports whether the last
// snapshot is in effect.
func (s *StableDir) poll(asked time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun.After(asked) {
		isFirst := s.begun.IsZero()
		s.begun = time.Now()
		if found := s.read(); !found.equal(s.last) {
			s.last, s.since = found, s.begun
			if newest := found.newest(); isFirst && newest.Before(s.begun) {
				s.since = newest
			}
		}
		if s.begun.Sub(s.since) >= SettleFor {
			s.take()
		}
	}
	return s.taken == s.last
}

// read reads the directory. It reads the times first, so that the next snapshot differs if a
// file is written meanwhile.
func (s *StableDir) read() *snapshot {
	found := snapshot{files: map[string]file{}}
	for _, name := range s.names {
		path, err := s.dir.path(name)
		if err != nil {
			return &snapshot{err: err}
		}
		if info, err := os.Stat(path); err == nil {
			found.files[name] = file{info.Size(), info.ModTime()}
		}
	}
	found.values, found.err = s.dir.Parameters(context.Background(), s.names)
	return &found
}

// newest returns the latest modification time of the files.
func (l *snapshot) newest() (newest time.Time) {
	for _, f := range l.files {
		if f.modified.After(newest) {
			newest = f.modified
		}
	}
	return newest
}

func (l *snapshot) equal(other *snapshot) bool {
	return maps.Equal(l.files, other.files) && maps.Equal(l.values, other.values) && fmt.Sprint(l.err) == fmt.Sprint(other.err)
}
