package queue

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// body has about the size of the webhook of an order with five lines.
var body = bytes.Repeat([]byte("order "), 7<<10/6)

// BenchmarkPut puts events from many callers at once. Each event is synced to the disk.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			q := newQueue(b)
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := q.Put(context.Background(), relay.Envelope{Received: when, Body: body}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkServe delivers waiting events with a function that does nothing.
func BenchmarkServe(b *testing.B) {
	q := newQueue(b)
	record := encode(relay.Envelope{Received: when, Body: body})
	for left := b.N; left > 0; left -= 100 {
		records := make([]event, min(left, 100))
		for i := range records {
			records[i].record = record
		}
		if err := q.put(b.Context(), records...); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	delivered := make(chan int)
	go func() {
		for left := b.N; left > 0; {
			left -= <-delivered
		}
		cancel()
	}()
	b.ResetTimer()
	spool.Serve(ctx, q, func(_ context.Context, items []relay.Item) []string {
		select {
		case delivered <- len(items):
		case <-ctx.Done():
		}
		return nil
	})
}
