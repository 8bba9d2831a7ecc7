package queue

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"
)

// errClosed means that the store was closed, or the file removed because it was empty.
var errClosed = errors.New("the store of events is closed")

// change is what one caller wants written.
type change struct {
	apply func(*bbolt.Tx) error
	done  chan error
}

// committer writes changes to a database. All changes that arrive while it commits are
// written by its next commit: so the cost of a sync is shared, and a lonely change does not
// wait for others.
type committer struct {
	db *bbolt.DB

	mu      sync.Mutex
	pending []change
	closed  bool
	wake    chan struct{} // holds a token where there is something to do
	ended   chan struct{}
}

func newCommitter(db *bbolt.DB) *committer {
	c := &committer{db: db, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go c.run()
	return c
}

// update applies a change, and returns when it is on the disk. The function may be called
// more than once, so that it must keep nothing from an earlier call.
func (c *committer) update(apply func(*bbolt.Tx) error) error {
	mine := change{apply: apply, done: make(chan error, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	c.pending = append(c.pending, mine)
	c.mu.Unlock()
	c.signal()
	return <-mine.done
}

// close writes what is pending, and returns when no more is written.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	<-c.ended
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *committer) run() {
	defer close(c.ended)
	for range c.wake {
		c.mu.Lock()
		changes, closed := c.pending, c.closed
		c.pending = nil
		c.mu.Unlock()
		c.commit(changes)
		if closed {
			return
		}
	}
}

// commit writes changes together. Where one of them fails, each is written on its own, so
// that it fails alone.
func (c *committer) commit(changes []change) {
	if len(changes) == 0 {
		return
	}
	err := c.write(changes)
	for i := range changes {
		if err != nil && len(changes) > 1 {
			changes[i].done <- c.write(changes[i : i+1])
		} else {
			changes[i].done <- err
		}
	}
}

func (c *committer) write(changes []change) error {
	return guard(func() error {
		return c.db.Update(func(tx *bbolt.Tx) error {
			for _, each := range changes {
				if err := each.apply(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// errDamaged means that a file does not have the form that bbolt writes.
var errDamaged = errors.New("the file is damaged")

// guard calls a function that reads or writes a database, and turns a panic into an
// errDamaged: bbolt panics where it finds a page that it has not written, and a file that
// is cut off while it is mapped is a fault.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w: %v", errDamaged, value)
		}
	}()
	return do()
}
