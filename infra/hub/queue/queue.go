package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// Queue is the events of one tracking.
type Queue struct {
	store *Store
	name  string

	mu      sync.Mutex
	changed chan struct{} // closed when an event may be visible earlier; nil while no one waits
}

var _ relay.Spool = (*Queue)(nil)

// Queue returns the queue with a name.
func (s *Store) Queue(name string) *Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues[name] == nil {
		s.queues[name] = &Queue{store: s, name: name}
	}
	return s.queues[name]
}

// errStale means that an item was deleted, or has been handed out again since.
var errStale = errors.New("the item was deleted or has been handed out again since")

// Put implements relay.Spool. The event is on the disk once it returns nil.
func (q *Queue) Put(_ context.Context, e relay.Envelope) error {
	if len(e.Body) > relay.MaxBody {
		return fmt.Errorf("a body of %d bytes, where %d are allowed: %w", len(e.Body), relay.MaxBody, relay.ErrTooLarge)
	}
	return q.put(encode(e))
}

func (q *Queue) put(records ...[]byte) error {
	err := q.store.put(q.name, records)
	q.store.noteWrite(err)
	if err != nil {
		return fmt.Errorf("writing an event to the disk: %w", err)
	}
	q.wake()
	return nil
}

// Postpone implements relay.Spool.
func (q *Queue) Retry(_ context.Context, item relay.Item, delay time.Duration) error {
	number, key, ok := splitHandle(item.Handle)
	file := q.store.file(number)
	if !ok || file == nil {
		return fmt.Errorf("postponing item %s: %w", item.Handle, errStale)
	}
	found, err := file.retry(q.name, key, delay)
	q.store.noteWrite(err)
	if err == nil && !found {
		err = errStale
	}
	if err != nil {
		return fmt.Errorf("postponing item %s: %w", item.Handle, err)
	}
	q.wake()
	return nil
}

// Bury implements relay.Spool.
func (q *Queue) Fail(_ context.Context, e relay.Envelope, why relay.Failure) error {
	return q.fail(encode(e), why)
}

func (q *Queue) fail(record []byte, why relay.Failure) error {
	err := q.store.failed.put(q.name, record, why)
	q.store.noteWrite(err)
	if err != nil {
		return fmt.Errorf("writing a dead letter to the disk: %w", err)
	}
	return nil
}

// Receive hands out up to that many visible events, at least one: it waits for the first.
// It gives none only when the context is done.
func (q *Queue) Receive(ctx context.Context, limit int) []relay.Item {
	for ctx.Err() == nil {
		changed := q.notice()
		file, next := q.store.due(q.name)
		if file == nil || next.After(time.Now()) {
			wait(ctx, next, changed)
			continue
		}
		items, err := q.receive(file, limit)
		if len(items) > 0 {
			return items
		}
		if err != nil {
			wait(ctx, time.Now().Add(retryWrite), nil)
		}
	}
	return nil
}

// retryWrite is when a write to the disk that failed is tried again.
const retryWrite = time.Second

// receive takes events from a file. Those that were received too often become dead letters.
func (q *Queue) receive(file *file, limit int) ([]relay.Item, error) {
	events, err := file.take(q.name, limit)
	if errors.Is(err, errClosed) {
		return nil, nil // it was removed meanwhile
	}
	q.store.noteWrite(err)
	if err != nil {
		return nil, err
	}
	var items []relay.Item
	for _, e := range events {
		if e.receives <= spool.MaxReceives {
			items = append(items, open(e.handle, e.receives, e.record))
			continue
		}
		if err := q.fail(e.record, spool.Exhausted(spool.MaxReceives)); err != nil {
			return items, err // it comes back
		}
		if err := q.Delete(e.handle); err != nil {
			return items, err
		}
	}
	return items, nil
}

// Delete ends items. It does nothing for one that has been handed out again since: who has
// it now decides.
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
		q.store.noteWrite(err)
		if err != nil {
			return fmt.Errorf("removing events from the disk: %w", err)
		}
		if file.isEmpty() {
			q.store.removeEmpty()
		}
	}
	return nil
}

// notice returns what is closed when an event may be visible earlier than known.
func (q *Queue) notice() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

// wake ends every wait.
func (q *Queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// wait returns at the time, when the channel is closed, or when the context is done. The
// zero time is never.
func wait(ctx context.Context, at time.Time, changed <-chan struct{}) {
	var due <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-due:
	}
}
