package database

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
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
	pending []*change
	closed  error         // why it accepts no more changes; nil while it does
	wake    chan struct{} // holds a token if there is work
	ended   chan struct{}
	damaged bool // set before ended is closed
}

// Update applies a change, and returns when it is on the disk. It may call apply more than
// once, so apply must reset what it set in an earlier call.
func (d *DB) Update(apply func(*bbolt.Tx) error) error {
	return d.UpdateWithin(context.Background(), apply)
}

// UpdateWithin is Update for a caller that does not wait longer than the context. After an
// error of the context, the change may still be made if its commit has begun.
func (d *DB) UpdateWithin(ctx context.Context, apply func(*bbolt.Tx) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	mine := &change{apply: apply, done: make(chan error, 1)}
	d.mu.Lock()
	if d.closed != nil {
		defer d.mu.Unlock()
		return d.closed
	}
	d.pending = append(d.pending, mine)
	d.mu.Unlock()
	d.signal()
	select {
	case err := <-mine.done:
		return err
	case <-ctx.Done():
	}
	d.withdraw(mine)
	select {
	case err := <-mine.done: // it was committed at the same moment
		return err
	default:
		return ctx.Err()
	}
}

// withdraw removes a change whose commit has not begun.
func (d *DB) withdraw(mine *change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending = slices.DeleteFunc(d.pending, func(each *change) bool { return each == mine })
}

// Close waits until pending changes are written, and closes the database. Later changes fail
// with ErrClosed.
func (d *DB) Close() error {
	d.end(ErrClosed)
	d.signal()
	<-d.ended
	if d.damaged {
		go d.bolt.Close() // it waits for ever if bbolt panicked while it held its lock
		return nil
	}
	return d.bolt.Close()
}

// View reads the database. What read returns must not refer to the memory of the transaction.
func (d *DB) View(read func(*bbolt.Tx) error) error {
	return guard(func() error { return d.bolt.View(read) })
}

// end lets later changes fail with an error, unless an earlier call has set one.
func (d *DB) end(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed == nil {
		d.closed = why
	}
}

// signal wakes run.
func (d *DB) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run writes changes until the database is closed or the file is damaged.
func (d *DB) run() {
	defer close(d.ended)
	for range d.wake {
		closed := d.isClosed()
		if err := d.commit(d.take()); errors.Is(err, ErrDamaged) {
			d.damaged = true
			d.end(err)
			answer(d.take(), err)
			return
		}
		if closed {
			return
		}
	}
}

// isClosed reports whether no more changes are accepted.
func (d *DB) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed != nil
}

// take removes the pending changes and returns them.
func (d *DB) take() (changes []*change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changes, d.pending = d.pending, nil
	return changes
}

// answer ends changes with the same result.
func answer(changes []*change, err error) {
	for _, each := range changes {
		each.done <- err
	}
}

// commit writes changes together. If one of them fails, it writes each in a commit of its
// own, so that only the one at fault fails. If the file is damaged, all of the rest fail,
// because bbolt may hold its lock for ever. It returns the last error.
func (d *DB) commit(changes []*change) error {
	if len(changes) == 0 {
		return nil
	}
	err := d.write(changes)
	if err == nil || len(changes) == 1 {
		answer(changes, err)
		return err
	}
	for i, each := range changes {
		if !errors.Is(err, ErrDamaged) {
			err = d.write(changes[i : i+1])
		}
		each.done <- err
	}
	return err
}

// write writes changes in one transaction.
func (d *DB) write(changes []*change) error {
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
