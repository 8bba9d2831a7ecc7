package spool

import (
	"context"
	"slices"
	"sync"
	"time"

	"commerce-segment/shared/relay"
)

// drainWithin is how long a batch may still take once no more are handed out. Then its
// events go back to the queue.
const drainWithin = 6 * time.Second

// Receiver hands out what is on a queue.
type Receiver interface {
	// Receive waits for events and returns at most that many; none only when the context
	// is done.
	Receive(ctx context.Context, limit int) []relay.Item
	// Delete ends items, but those that were handed out again since.
	Delete(handles ...string) error
}

// Serve hands batches of ten to deliver until the context is done, up to five at
// once, as Lambda's event source mapping does. Deliver says which items must
// stay, as relay.Relay.Deliver does; the others are deleted. Batches that are
// underway when the context ends get 6 s to finish. Serve returns after the last of them.
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
		underway, cancel := context.WithTimeout(context.WithoutCancel(ctx), DeliverWithin)
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainWithin, cancel) })
		keep := deliver(underway, items)
		stop()
		cancel()
		var done []string
		for _, item := range items {
			if !slices.Contains(keep, item.Handle) {
				done = append(done, item.Handle)
			}
		}
		// What cannot be deleted is handed out again, and sent with the same messageId.
		_ = queue.Delete(done...)
	}
}
