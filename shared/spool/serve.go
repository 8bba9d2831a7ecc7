package spool

import (
	"context"
	"slices"
	"sync"
	"time"

	"commerce-segment/shared/relay"
)

// drainWithin is how long a running batch may still take after the stop. After that its
// events go back to the queue.
const drainWithin = 6 * time.Second

// Receiver hands out the events of a queue.
type Receiver interface {
	// Receive waits for events and returns at least one and at most limit. It returns none
	// only if the context is done.
	Receive(ctx context.Context, limit int) []relay.Item
	// Delete deletes items, except those that have been handed out again since.
	Delete(handles ...string) error
}

// Serve calls deliver with batches of ten until the context is done, up to five at the
// same time, as Lambda's event source mapping does. Deliver returns the handles of the
// items that must stay, as relay.Relay.Deliver does. The others are deleted. Batches that
// are running when the context ends get 6 s to finish. Serve returns after the last one.
func Serve(ctx context.Context, queue Receiver, deliver func(context.Context, []relay.Item) (keep []string)) {
	var pollers sync.WaitGroup
	for range Concurrency {
		pollers.Go(func() { poll(ctx, queue, deliver) })
	}
	pollers.Wait()
}

func poll(ctx context.Context, queue Receiver, deliver func(context.Context, []relay.Item) []string) {
	for {
		items := queue.Receive(ctx, BatchSize)
		if len(items) == 0 {
			return
		}
		running, cancel := context.WithTimeout(context.WithoutCancel(ctx), DeliverWithin)
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainWithin, cancel) })
		keep := deliver(running, items)
		stop()
		cancel()
		var done []string
		for _, item := range items {
			if !slices.Contains(keep, item.Handle) {
				done = append(done, item.Handle)
			}
		}
		// An item that cannot be deleted is handed out again, and sent with the same messageId.
		_ = queue.Delete(done...)
	}
}

// Wait is for a Receive without a visible event. It returns at the given time, when the
// channel is closed, or when the context is done. With the zero time, it does not return
// because of the time.
func Wait(ctx context.Context, at time.Time, changed <-chan struct{}) {
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
