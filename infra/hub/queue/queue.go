package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// Queue holds the events of one tracking.
type Queue struct {
	store *Store
	name  string

	mu      sync.Mutex
	changed chan struct{} // closed when an event may be visible earlier; nil while nothing waits on it

	redriving sync.Mutex // two redrives at once would put each dead letter back twice
}

var _ relay.Spool = (*Queue)(nil)

// Queue returns the queue with this name.
func (s *Store) Queue(name string) *Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues[name] == nil {
		s.queues[name] = &Queue{store: s, name: name}
	}
	return s.queues[name]
}

// errStale means that an item was deleted, or that it was received again.
var errStale = errors.New("the event was deleted, or it was received again")

// Put implements relay.Spool. When it returns nil, the event is synced to the disk. It does
// not wait longer than the context; the event may then still be written, and be sent twice.
func (q *Queue) Put(ctx context.Context, e relay.Envelope) error {
	if len(e.Body) > relay.MaxBody {
		return fmt.Errorf("the body has %d bytes, and at most %d are allowed: %w", len(e.Body), relay.MaxBody, relay.ErrTooLarge)
	}
	return q.put(ctx, event{record: encode(e)})
}

// put adds events to the queue, and wakes Receive.
func (q *Queue) put(ctx context.Context, events ...event) error {
	err := q.store.put(ctx, q.name, events)
	if err != nil {
		return fmt.Errorf("writing an event to the disk: %w", err)
	}
	q.wake()
	return nil
}

// Retry implements relay.Spool.
func (q *Queue) Retry(_ context.Context, item relay.Item, next relay.Next) error {
	number, key, ok := splitHandle(item.Handle)
	file := q.store.file(number)
	if !ok || file == nil {
		return fmt.Errorf("scheduling the next attempt of event %s: %w", item.Handle, errStale)
	}
	found, err := file.retry(q.name, key, next)
	q.store.noteFile(file, err)
	if err == nil && !found {
		err = errStale
	}
	if err != nil {
		return fmt.Errorf("scheduling the next attempt of event %s: %w", item.Handle, err)
	}
	q.wake()
	return nil
}

// Fail implements relay.Spool.
func (q *Queue) Fail(_ context.Context, e relay.Envelope, why relay.Failure) error {
	return q.fail(encode(e), why)
}

// fail adds a dead letter.
func (q *Queue) fail(record []byte, why relay.Failure) error {
	value, err := failedValue(record, header{why, time.Now()})
	if err != nil {
		return err
	}
	return q.failValues(value)
}

// failValues adds dead letters, as failedValue returned them.
func (q *Queue) failValues(values ...[]byte) error {
	failed, err := q.store.deadLetters()
	if err == nil {
		err = failed.put(q.name, values)
	}
	q.store.noteFailed(failed, err)
	if err != nil {
		return fmt.Errorf("writing a dead letter to the disk: %w", err)
	}
	return nil
}

// Receive returns at least one and at most limit visible events. It waits until there is
// one, and returns none only when the context is done.
func (q *Queue) Receive(ctx context.Context, limit int) []relay.Item {
	for ctx.Err() == nil {
		changed := q.notice()
		file, next := q.store.due(q.name)
		if file == nil || next.After(time.Now()) {
			spool.Wait(ctx, next, changed)
			continue
		}
		items, err := q.receive(file, limit)
		if len(items) > 0 {
			return items
		}
		if err != nil {
			spool.Wait(ctx, time.Now().Add(retryWrite), nil)
		}
	}
	return nil
}

// retryWrite is the delay before a failed write to the disk is tried again.
const retryWrite = time.Second

// receive takes events from a file. An event whose attempts had no outcome too often becomes a
// dead letter: the program crashes when it attempts it.
func (q *Queue) receive(file *file, limit int) ([]relay.Item, error) {
	events, err := file.take(q.name, limit)
	if errors.Is(err, database.ErrClosed) {
		return nil, nil // the file was removed in the meantime
	}
	q.store.noteFile(file, err)
	if err != nil {
		return nil, err
	}
	var items []relay.Item
	for _, e := range events {
		if e.unfinished <= spool.MaxReceives {
			item := open(e.handle, e.receives, e.record)
			item.Last = spool.IsLast(e.first, e.receives)
			items = append(items, item)
			continue
		}
		if err := q.fail(e.record, spool.Exhausted(e.receives-1)); err != nil {
			return items, err // the event is visible again after the timeout
		}
		if err := q.Delete(e.handle); err != nil {
			return items, err
		}
	}
	return items, nil
}

// Delete deletes events. It ignores an event that was received again: only the handle of
// the last receive is valid.
func (q *Queue) Delete(handles ...string) error {
	keys := map[int][][]byte{}
	for _, handle := range handles {
		if number, key, ok := splitHandle(handle); ok {
			keys[number] = append(keys[number], key)
		}
	}
	for number, own := range keys {
		file := q.store.file(number)
		if file == nil {
			continue
		}
		err := file.remove(q.name, own)
		q.store.noteFile(file, err)
		if err != nil {
			return fmt.Errorf("removing events from the disk: %w", err)
		}
		if file.isEmpty() {
			q.store.removeEmpty()
		}
	}
	return nil
}

// notice returns a channel that is closed when an event may be visible earlier than due
// returned.
func (q *Queue) notice() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

// wake ends every wait in Receive.
func (q *Queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
