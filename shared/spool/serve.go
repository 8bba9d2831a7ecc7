package spool

import (
	"context"
	"slices"
	"sync"
	"time"

	"commerce-segment/shared/relay"
)

// Serve hands batches of ten to deliver until the context is done, up to five at
// once, as Lambda's event source mapping does. Deliver says which items must
// stay, as relay.Relay.Deliver does; the others are deleted. Batches that are
// underway when the context ends get 6 s to finish. Serve returns after the last of them.
func (m *Memory) Serve(ctx context.Context, deliver func(context.Context, []relay.Item) (keep []string)) {
	var pollers sync.WaitGroup
	for range Concurrency {
		pollers.Go(func() { m.poll(ctx, deliver) })
	}
	pollers.Wait()
}

func (m *Memory) poll(ctx context.Context, deliver func(context.Context, []relay.Item) []string) {
	for {
		items := m.Receive(ctx, BatchSize)
		if len(items) == 0 {
			return
		}
		underway, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverWithin)
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainWithin, cancel) })
		keep := deliver(underway, items)
		stop()
		cancel()
		for _, item := range items {
			if !slices.Contains(keep, item.Handle) {
				m.Delete(item.Handle)
			}
		}
	}
}
