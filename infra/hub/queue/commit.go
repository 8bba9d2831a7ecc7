package queue

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"
)

// errClosed means that the store was closed, or that the file was removed.
var errClosed = errors.New("the store of events is closed")

// change is one caller's change to a database.
type change struct {
	apply func(*bbolt.Tx) error
	done  chan error
}

// committer writes changes to a database. All changes that arrive during a commit are
// written by the next one, so they share the cost of its sync. A single change does not wait
// for others.
type committer struct {
	db *bbolt.DB

	mu      sync.Mutex
	pending []change
	closed  bool
	wake    chan struct{} // holds a token if there is work
	ended   chan struct{}
}

func newCommitter(db *bbolt.DB) *committer {
	c := &committer{db: db, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go c.run()
	return c
}

// update applies a change, and returns when it is on the disk. It may call apply more than
// once, so apply must reset what it set in an earlier call.
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

// close waits until pending changes are written, and closes the database. Later changes fail
// with errClosed.
func (c *committer) close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	<-c.ended
	return c.db.Close()
}

// signal wakes run.
func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run writes changes until the committer is closed.
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

// commit writes changes together. If one of them fails, it writes each in a commit of its
// own, so that only the one at fault fails.
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

// write writes changes in one transaction.
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

// errDamaged means that a file is not one that bbolt wrote.
var errDamaged = errors.New("the file is damaged")

// guard calls a function that reads or writes a database, and returns an errDamaged if the
// function panics. bbolt panics when it finds an invalid page, and reading a memory-mapped
// file that was truncated is a memory fault.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w: %v", errDamaged, value)
		}
	}()
	return do()
}
