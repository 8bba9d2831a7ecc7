package backfill

import (
	"cmp"
	"context"
	"errors"
	"time"

	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
)

// sentRevenue is what Segment was sent about an order, or would be.
type sentRevenue struct {
	source   Source
	reason   Reason // why nothing was sent; empty if it was
	revenue  money.Amount
	currency string
}

// isSent reports whether a revenue was sent.
func (s sentRevenue) isSent() bool {
	return (s.source == FromLog || s.source == FromTemplate) && s.reason == ""
}

// sentFor returns what Segment was sent about an order. A missing event is added to Missing.
func (c comparingRevenue) sentFor(ctx context.Context, o paidOrder, paid time.Time) (sentRevenue, error) {
	f := fact{by: c.by, event: c.by.events[0], resource: o.resource}
	arrival := c.arrivals[o.resource.ID]
	switch {
	case arrival.Outcome == Delivered && arrival.Revenue != "":
		if revenue, err := money.ParseAmount(arrival.Revenue); err == nil {
			return sentRevenue{source: FromLog, revenue: revenue, currency: cmp.Or(arrival.Currency, o.currency)}, nil
		}
		return sentRevenue{source: FromLog, reason: ReasonNoRevenue}, nil
	case arrival.Outcome == Delivered:
		messages, s, err := c.written(ctx, f, o)
		if s.source = FromTemplate; len(messages) == 0 { // the template was changed since
			s = sentRevenue{source: NotKnown, reason: ReasonUnknown}
		}
		return s, err
	case arrival.Outcome == Pending:
		return sentRevenue{source: NotSent, reason: ReasonPending}, nil
	case arrival.Outcome == DeadLettered:
		return sentRevenue{source: NotSent, reason: ReasonDeadLetter}, nil
	case arrival.Outcome == Skipped && arrival.Reason == "disabled", !c.by.enabled:
		return sentRevenue{source: NotSent, reason: ReasonDisabled}, nil
	case arrival.Outcome == Skipped:
		return sentRevenue{source: NotSent, reason: ReasonFiltered}, nil
	}
	return c.unseen(ctx, f, o, paid)
}

// unseen returns what is known of an order whose webhook is not in the log.
func (c comparingRevenue) unseen(ctx context.Context, f fact, o paidOrder, paid time.Time) (sentRevenue, error) {
	happened, err := c.happened(ctx, f.event, f.resource)
	if err != nil {
		return sentRevenue{}, err
	}
	if !happened {
		return sentRevenue{source: NotSent, reason: ReasonNotYet}, nil
	}
	messages, s, err := c.written(ctx, f, o)
	if err != nil || s.reason == ReasonFiltered || s.reason == ReasonInvalid {
		s.source = NotSent
		return s, err
	}
	earliest, _ := time.Parse(time.RFC3339, o.resource.CreatedAt) // else the zero time
	if f.event == orderPaid && o.resource.last(transactionsOf[orderPaid]) != "" {
		earliest = paid
	}
	if earliest.Before(c.LogBegins) {
		s.source, s.reason = NotKnown, ReasonUnknown
		return s, nil
	}
	c.Missing = append(c.Missing, Missing{Kind: Orders, Tracking: c.by.Name, Resource: o.resource.ID, Event: f.event, Happened: paid, Messages: len(messages)})
	return sentRevenue{source: NotSent, reason: ReasonMissing}, nil
}

// written returns the messages that the current template writes for an order, and their
// revenue.
func (c comparingRevenue) written(ctx context.Context, f fact, o paidOrder) ([]segment.Message, sentRevenue, error) {
	messages, err := c.render(ctx, f, relay.Lookup(c.commerce, lookupWithin), nil)
	switch invalid := (*segment.InvalidError)(nil); {
	case errors.As(err, &invalid):
		return nil, sentRevenue{reason: ReasonInvalid}, nil
	case err != nil:
		return nil, sentRevenue{}, err
	case len(messages) == 0:
		return nil, sentRevenue{reason: ReasonFiltered}, nil
	}
	return messages, revenueIn(messages, o.currency), nil
}
