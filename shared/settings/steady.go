package settings

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"
)

// SettleFor is how long the files of a directory must stay unchanged until a Steady takes
// them. An editor that writes a file in place is done by then.
const SettleFor = 500 * time.Millisecond

const (
	// lookEvery is how often a Steady reads the files.
	lookEvery = 200 * time.Millisecond
	// lookPause is the least time between two reads, however many callers ask for one.
	lookPause = 5 * time.Millisecond
)

// Steady is a Source: the files of a Dir while editors write them. It takes what is in the
// directory when nothing has changed there for SettleFor, all of it together, and never a
// file that is half written. Until then its parameters are those that it took before.
type Steady struct {
	dir   Dir
	names []string

	mu    sync.Mutex
	begun time.Time // when the last look began
	last  *look     // what it found
	since time.Time // since when that has been there
	taken *look     // what is in effect
}

// look is what was in a directory.
type look struct {
	values map[string]string
	err    error
	files  map[string]file
}

// file is what tells that a file has changed although its content is the same.
type file struct {
	size     int64
	modified time.Time
}

// NewSteady returns the named parameters of a directory. It has none before Settle or Take.
func NewSteady(dir Dir, names []string) *Steady {
	return &Steady{dir: dir, names: names, last: &look{}, taken: &look{}}
}

// Parameters implements Source. It reads no file.
func (s *Steady) Parameters(_ context.Context, names []string) (map[string]string, error) {
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

// Watch takes what changes in the directory until the context is done.
func (s *Steady) Watch(ctx context.Context) {
	for tick := time.NewTicker(lookEvery); ; {
		select {
		case <-tick.C:
			s.look(time.Now())
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// Settle waits until what is in the directory now is in effect. Its error says that it was
// still being changed when the context was done.
func (s *Steady) Settle(ctx context.Context) error {
	for {
		asked := time.Now()
		s.mu.Lock()
		next := s.begun.Add(lookPause)
		s.mu.Unlock()
		wait(ctx, time.Until(next))
		if s.look(asked) {
			return nil
		}
		if !wait(ctx, lookEvery) {
			return fmt.Errorf("the settings in %s are being changed, and are read once nothing has changed there for %s", s.dir, SettleFor)
		}
	}
}

// wait waits for a time, and reports whether the context lasted as long.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// Take takes what is in the directory as it is. Only for who has just written it.
func (s *Steady) Take() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = time.Now()
	s.last = s.read()
	s.taken = s.last
}

// look reads the directory, unless that was done since asked. It reports whether what was
// found is in effect.
func (s *Steady) look(asked time.Time) bool {
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
			s.taken = s.last
		}
	}
	return s.taken == s.last
}

// read reads the directory as it is. The times are read first: who writes meanwhile makes
// the next look differ.
func (s *Steady) read() *look {
	found := look{files: map[string]file{}}
	for _, name := range s.names {
		path, err := s.dir.path(name)
		if err != nil {
			return &look{err: err}
		}
		if info, err := os.Stat(path); err == nil {
			found.files[name] = file{info.Size(), info.ModTime()}
		}
	}
	found.values, found.err = s.dir.Parameters(context.Background(), s.names)
	return &found
}

// newest is when the directory was changed last, by the times of its files.
func (l *look) newest() (newest time.Time) {
	for _, f := range l.files {
		if f.modified.After(newest) {
			newest = f.modified
		}
	}
	return newest
}

func (l *look) equal(other *look) bool {
	return maps.Equal(l.files, other.files) && maps.Equal(l.values, other.values) && fmt.Sprint(l.err) == fmt.Sprint(other.err)
}
