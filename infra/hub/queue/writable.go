package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// minFree is the free space of the disk in bytes below which the store is not writable. It has
// room for the largest event and for the pages that are written with it.
const minFree = 16 << 20

// writableInterval is how long a result of Writable is in use. So requests that ask for it,
// which need no key, cause at most one write to the disk in that time.
const writableInterval = time.Second

// writableWithin is how long a write may take, as when a webhook is accepted.
const writableWithin = 3 * time.Second

// writable is the last result of Writable.
type writable struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Writable returns nil if the store can take events now. Its error says why it cannot, in words
// and without a path. It writes to the disk as an event does.
func (s *Store) Writable() error {
	s.writable.mu.Lock()
	defer s.writable.mu.Unlock()
	if time.Since(s.writable.at) >= writableInterval {
		s.writable.err = s.tryWrite()
		s.writable.at = time.Now()
	}
	return s.writable.err
}

// tryWrite writes a commit without an event.
func (s *Store) tryWrite() error {
	if free, err := s.Free(); err == nil && free < minFree {
		return fmt.Errorf("the disk is full: it has %d MB free, and an event may need %d", free>>20, minFree>>20)
	}
	ctx, cancel := context.WithTimeout(context.Background(), writableWithin)
	defer cancel()
	err := s.write(func(f *file) error { return f.UpdateWithin(ctx, func(*bbolt.Tx) error { return nil }) })
	var ofSystem syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("events cannot be written to the disk: it takes longer than %v", writableWithin)
	case errors.As(err, &ofSystem):
		return fmt.Errorf("events cannot be written to the disk: %w", ofSystem)
	default:
		return errors.New("events cannot be written to the disk: the log says why")
	}
}

// Free returns the free space of the disk in bytes, as far as this process may use it.
func (s *Store) Free() (uint64, error) { return free(s.dir) }
