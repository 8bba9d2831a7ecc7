package backfill

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"commerce-segment/shared/commerce"
)

// Messages iterates over the messages of the facts of a period, as Backfill would send them, and
// sends none. It calls read with the number of orders and customers that it has read so far, and
// rejected with each fact whose messages Segment would drop.
//
// An order with a fact in the period was updated then or later, so it reads all orders that were
// updated since, except for those that were created after it.
func (s *Sender) Messages(ctx context.Context, since, until time.Time, read func(int), rejected func(Rejection)) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		count := 0
		for batch, err := range s.batches(ctx, since, until) {
			if err != nil {
				yield(nil, err)
				return
			}
			count += len(batch)
			read(count)
			facts, err := s.factsOf(ctx, batch)
			if err != nil {
				yield(nil, err)
				return
			}
			all, err := s.write(ctx, facts, true)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, w := range all {
				if at := w.fact.time(); at.Before(since) || !at.Before(until) {
					continue
				}
				if w.invalid != nil {
					rejected(rejection(w.fact, w.invalid.Error()))
				}
				for _, m := range w.messages {
					if !yield(m.JSON, nil) {
						return
					}
				}
			}
		}
	}
}

// batches iterates over the orders and customers with facts in a period, batchLength at a time.
func (s *Sender) batches(ctx context.Context, since, until time.Time) iter.Seq2[[]*resource, error] {
	return func(yield func([]*resource, error) bool) {
		var batch []*resource
		for kind, period := range map[Kind]commerce.Period{
			Orders: {Of: commerce.Updated, From: since}, Customers: {From: since, To: until},
		} {
			if !s.sends(kind) {
				continue
			}
			for r, err := range s.list(ctx, kind, period) {
				if err != nil {
					yield(nil, err)
					return
				}
				if created, err := time.Parse(time.RFC3339, r.CreatedAt); err == nil && !created.Before(until) {
					continue
				}
				if batch = append(batch, r); len(batch) < batchLength {
					continue
				}
				if !yield(slices.Clone(batch), nil) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}
