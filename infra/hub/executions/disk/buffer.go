package disk

import (
	"context"
	"errors"
	"sync"
	"time"

	"commerce-segment/infra/hub/executions"
)

const (
	// writeInterval is the time between two writes to the disk.
	writeInterval = 250 * time.Millisecond
	// retryInterval is the time between two writes if they fail.
	retryInterval = 5 * time.Second
	// linesInBuffer is how many lines wait for a write. A line needs about 500 bytes. Further
	// lines are lost, which happens only if the disk is full or fails.
	linesInBuffer = 40_000
	// linesInCommit is how many lines are written at once. bbolt needs much time for a change
	// of many keys in a small file.
	linesInCommit = 2000
	// pruneInterval is the time between two searches for old executions.
	pruneInterval = time.Minute
)

// buffer holds the lines that are not written yet.
type buffer struct {
	mu    sync.Mutex
	lines []executions.Line
	lost  int           // lines that had no place
	wake  chan struct{} // holds a token if there are lines

	writing sync.Mutex // held while lines are written
	failing bool       // the last write failed; guarded by writing
}

// add adds a line.
func (b *buffer) add(line executions.Line) {
	b.mu.Lock()
	if len(b.lines) < linesInBuffer {
		b.lines = append(b.lines, line)
	} else {
		b.lost++
	}
	b.mu.Unlock()
	b.signal()
}

// take removes lines, at most linesInCommit of them, and returns how many are left.
func (b *buffer) take() (lines []executions.Line, left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) <= linesInCommit {
		lines, b.lines = b.lines, nil
	} else {
		lines, b.lines = b.lines[:linesInCommit:linesInCommit], b.lines[linesInCommit:]
	}
	return lines, len(b.lines)
}

// putBack adds lines that were taken and not written.
func (b *buffer) putBack(lines []executions.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := append(lines, b.lines...)
	b.lines = all[:min(len(all), linesInBuffer)]
	b.lost += len(all) - len(b.lines)
}

// takeLost returns how many lines were lost since the last call.
func (b *buffer) takeLost() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	lost := b.lost
	b.lost = 0
	return lost
}

// run writes the buffered lines and removes old executions, until the context is done.
func (s *Store) run(ctx context.Context) {
	defer close(s.ended)
	s.prune(time.Now())
	prune := time.NewTicker(pruneInterval)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			s.prune(time.Now())
			continue
		case <-s.buffer.wake:
		}
		pause := writeInterval
		if !s.flush() {
			pause = retryInterval
			s.buffer.signal()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Add writes lines to the disk, without waiting for the next write. If that fails, they are
// written later, as the lines of the handler.
func (s *Store) Add(lines []executions.Line) {
	for _, line := range lines {
		s.buffer.add(line)
	}
	s.flush()
}

// signal wakes run.
func (b *buffer) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// flush writes the lines to the disk that were added before. It reports whether that
// succeeded.
func (s *Store) flush() bool {
	s.buffer.writing.Lock()
	defer s.buffer.writing.Unlock()
	lines, left := s.buffer.take()
	for left += len(lines); len(lines) > 0; lines, _ = s.buffer.take() {
		unwritten, err := s.write(lines)
		done := len(unwritten) == 0
		if !done {
			s.buffer.putBack(unwritten)
		}
		if done || err != nil { // otherwise their file was set aside, and the next write uses another
			s.noteWrite(err)
		}
		if left -= len(lines); !done || left <= 0 {
			return done
		}
	}
	return true
}

// write writes lines to the files of their webhooks, and returns those that it failed to
// write. It sets a damaged file aside, which is no error: its lines can be written to another.
func (s *Store) write(lines []executions.Line) (unwritten []executions.Line, err error) {
	if err := s.begin(time.Now()); err != nil {
		return lines, err
	}
	byFile := map[*file][]executions.Line{}
	s.mu.Lock()
	for _, line := range lines {
		f := s.fileOf(receivedIn(line))
		byFile[f] = append(byFile[f], line)
	}
	s.mu.Unlock()
	var errs []error
	for f, own := range byFile {
		err := f.add(own)
		if err == nil {
			continue
		}
		unwritten = append(unwritten, own...)
		if !s.noteDamage(f, err) {
			errs = append(errs, err)
		}
	}
	return unwritten, errors.Join(errs...)
}

// receivedIn returns when the webhook of a line was received, or rejected.
func receivedIn(line executions.Line) time.Time {
	if line.Received.IsZero() {
		return line.Time
	}
	return line.Received
}

// noteWrite logs the first write that fails, and the first one that succeeds again.
func (s *Store) noteWrite(err error) {
	was := s.buffer.failing
	s.buffer.failing = err != nil
	switch {
	case err != nil && !was:
		s.log.Error("what happens to webhooks cannot be written to the disk: check its free space and the permissions. "+
			"The pages and commands do not show it until then. Events are not affected by this", "directory", s.dir, "detail", err.Error())
	case err == nil && was:
		s.log.Info("what happens to webhooks is written to the disk again", "directory", s.dir, "lost_lines", s.buffer.takeLost())
	}
}
