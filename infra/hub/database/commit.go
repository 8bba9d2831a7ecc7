package database

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"
)

// ErrClosed means that the database was closed.
var ErrClosed = errors.New("the database is closed")

// change is one caller's change to a database.
type change struct {
	apply func(*bbolt.Tx) error
	done  chan error
}

// DB is an open database. All changes that arrive during a commit are written by the next
// one, so they share the cost of its sync. A single change does not wait for others.
type DB struct {
	bolt *bbolt.DB

	mu      sync.Mutex
	pending []change
	closed  bool
	wake    chan struct{} // holds a token if there is work
	ended   chan struct{}
}

// Update applies a change, and returns when it is on the disk. It may call apply more than
// once, so apply must reset what it set in an earlier call.
func (d *DB) Update(apply func(*bbolt.Tx) error) error {
	mine := change{apply: apply, done: make(chan error, 1)}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	d.pending = append(d.pending, mine)
	d.mu.Unlock()
	d.signal()
	return <-mine.done
}

// Close waits until pending changes are written, and closes the database. Later changes fail
// with ErrClosed.
func (d *DB) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.signal()
	<-d.ended
	return d.bolt.Close()
}

// View reads the database. What read returns must not refer to the memory of the transaction.
func (d *DB) View(read func(*bbolt.Tx) error) error {
	return guard(func() error { return d.bolt.View(read) })
}

// signal wakes run.
func (d *DB) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run writes changes until the database is closed.
func (d *DB) run() {
	defer close(d.ended)
	for range d.wake {
		d.mu.Lock()
		changes, closed := d.pending, d.closed
		d.pending = nil
		d.mu.Unlock()
		d.commit(changes)
		if closed {
			return
		}
	}
}

// commit writes changes together. If one of them fails, it writes each in a commit of its
// own, so that only the one at fault fails.
func (d *DB) commit(changes []change) {
	if len(changes) == 0 {
		return
	}
	err := d.write(changes)
	for i := range changes {
		if err != nil && len(changes) > 1 {
			changes[i].done <- d.write(changes[i : i+1])
		} else {
			changes[i].done <- err
		}
	}
}

// write writes changes in one transaction.
func (d *DB) write(changes []change) error {
	return guard(func() error {
		return d.bolt.Update(func(tx *bbolt.Tx) error {
			for _, each := range changes {
				if err := each.apply(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// ErrDamaged means that a file is not one that bbolt wrote.
var ErrDamaged = errors.New("the file is damaged")

// guard calls a function that reads or writes a database, and returns an ErrDamaged if the
// function panics. bbolt panics when it finds an invalid page, and reading a memory-mapped
// file that was truncated is a memory fault.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, value)
		}
	}()
	return do()
}
