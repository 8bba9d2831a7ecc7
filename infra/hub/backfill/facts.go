// Package backfill finds the events of a Commerce store that Segment did not receive, and
// sends them: events from before the integration ran, and events that were lost. It reads
// orders and customers from Commerce's API, rebuilds the webhooks that each must have
// caused, and renders them with the templates of the store. The messages have the same
// messageIds as those of the live webhooks, so Segment drops a message that it has
// received within a day.
package backfill

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// Kind is a kind of resource that Commerce can list.
type Kind string

// The kinds.
const (
	Orders    Kind = "orders"
	Customers Kind = "customers"
)

// ParseKind reads the name of a kind.
func ParseKind(name string) (Kind, error) {
	if kind := Kind(name); kind == Orders || kind == Customers {
		return kind, nil
	}
	return "", fmt.Errorf("%q cannot be backfilled: write %s or %s", name, Orders, Customers)
}

// Count returns a number of resources in words, like "1 order" or "2 orders".
func (k Kind) Count(n int) string { return words.Count(n, k.resource()) }

// resource returns the type of the resources in Commerce's events.
func (k Kind) resource() string { return strings.TrimSuffix(string(k), "s") }

// sendable returns the trackings about a kind of resource that can be backfilled. Updates are
// not among them, because Commerce does not record what was changed in an order or a customer,
// and when; nor are deletions, because Commerce does not list what was deleted.
func sendable(kind Kind) []tracking.Tracking {
	return slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool {
		return t.Resource() != kind.resource() || !t.Once && !t.InParts || tracking.AtDeletion(t.Observes[0])
	})
}

// Trackings returns the names of the trackings that can be backfilled.
func Trackings(kinds ...Kind) []string {
	var names []string
	for _, kind := range kinds {
		for _, t := range sendable(kind) {
			names = append(names, t.Name)
		}
	}
	return names
}

// resource is an order or a customer as Commerce has it now.
type resource struct {
	commerce.Record
	order *commerce.Order // nil for a customer
	// payments has the transactions of an order; nil until they are read.
	payments []commerce.Transaction
}

// fact is an event that happened to a resource, according to its current state.
type fact struct {
	by       *observer
	event    string // the Commerce event of its webhook
	resource *resource
	// happened is the event time (RFC 3339). It is empty if the event time is created_at,
	// or if Commerce has no better time than updated_at.
	happened string
}

// time returns the event time, or the time of the resource's last change if the event time
// is not known.
func (f fact) time() time.Time {
	text := f.happened
	if text == "" && tracking.AtCreation(f.event) {
		text = f.resource.CreatedAt
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, _ = time.Parse(time.RFC3339, f.resource.UpdatedAt) // else the zero time
	}
	return at
}

// isExact reports whether time returns the event time. Otherwise the event happened at that
// time or earlier.
func (f fact) isExact() bool { return f.happened != "" || tracking.AtCreation(f.event) }

// factsOf returns the facts of resources, including partial refunds. To find
// those it sends a request for each order that is paid.
func (s *Sender) factsOf(ctx context.Context, resources []*resource) ([]fact, error) {
	if err := s.readAllPayments(ctx, s.needPayments(resources, nil)); err != nil {
		return nil, err
	}
	var all []fact
	for _, r := range resources {
		own, err := s.facts(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, own...)
	}
	return all, nil
}

// facts returns the facts of a resource that its trackings observe. The facts do
// not have the time of a payment, refund or authorization yet: see date.
func (s *Sender) facts(ctx context.Context, r *resource) ([]fact, error) {
	var all []fact
	for _, o := range s.observers {
		for _, event := range o.events {
			f := fact{by: o, event: event, resource: r}
			happened, err := s.happened(ctx, event, r)
			if f.isPartialRefund() {
				happened, err = s.wasPartlyRefunded(ctx, r)
			}
			if err != nil {
				return nil, err
			}
			if happened {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// isPartialRefund reports whether the fact is a partial refund, which an update of the order
// reported. Commerce does not keep what other updates changed.
func (f fact) isPartialRefund() bool {
	return f.by != nil && f.by.InParts && f.event == "order.updated"
}

// mayBePartlyRefunded reports whether an order may have a partial refund, by its payment, and a
// tracking observes it.
func (s *Sender) mayBePartlyRefunded(r *resource) bool {
	return r.order != nil && commerce.MayHavePartRefunded(r.order.Payment) && slices.ContainsFunc(s.observers, func(o *observer) bool {
		return o.InParts && slices.Contains(o.events, "order.updated")
	})
}

// wasPartlyRefunded reports whether a part of an order was refunded.
func (s *Sender) wasPartlyRefunded(ctx context.Context, r *resource) (bool, error) {
	if !s.mayBePartlyRefunded(r) {
		return false, nil
	}
	err := s.readPayments(ctx, r)
	return commerce.RefundOf(r.payments).Amount > 0, err
}

// happened reports whether an event happened to a resource, according to its current state.
func (s *Sender) happened(ctx context.Context, event string, r *resource) (bool, error) {
	isOrder := strings.HasPrefix(event, "order.")
	if isOrder != (r.order != nil) {
		return false, nil
	}
	switch event {
	case "order.created", "customer.created":
		return true, nil
	case "order.paid":
		// Commerce refunds only paid orders.
		return slices.Contains([]string{"paid", "refunded", "partially_refunded"}, r.order.Payment), nil
	case "order.authorized":
		return s.wasAuthorized(ctx, r)
	case "order.fulfilled":
		return r.order.Shipping == "fulfilled", nil
	case "order.refunded":
		return r.order.Payment == "refunded", nil
	case "order.cancelled":
		return r.order.Status == "cancelled", nil
	}
	return false, nil
}

// wasAuthorized reports whether an order was authorized. If the order is paid, only its
// transactions show it.
func (s *Sender) wasAuthorized(ctx context.Context, r *resource) (bool, error) {
	switch r.order.Payment {
	case "authorized":
		return true, nil
	case "unpaid", "partially_authorized":
		return false, nil
	}
	if err := s.readPayments(ctx, r); err != nil {
		return false, err
	}
	return r.last(authorized) != "", nil
}

// readPayments reads the transactions of an order, once.
func (s *Sender) readPayments(ctx context.Context, r *resource) error {
	if r.payments != nil {
		return nil
	}
	payments, err := s.commerce.Transactions(ctx, r.ID)
	r.payments = append([]commerce.Transaction{}, payments...) // not nil, even if there are none
	return err
}

// needPayments returns the orders among resources and facts whose payments must be
// read: for a possible partial refund, or for the time of a fact.
func (s *Sender) needPayments(resources []*resource, facts []fact) []*resource {
	needed := map[*resource]bool{}
	for _, r := range resources {
		if s.mayBePartlyRefunded(r) {
			needed[r] = true
		}
	}
	for _, f := range facts {
		if f.needsPayments() {
			needed[f.resource] = true
		}
	}
	return slices.Collect(maps.Keys(needed))
}

// readAllPayments reads the payments of several orders at once.
func (s *Sender) readAllPayments(ctx context.Context, orders []*resource) error {
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(atOnce)
	for _, r := range orders {
		reading.Go(func() error { return s.readPayments(ctx, r) })
	}
	return reading.Wait()
}

// transactionsOf selects the transactions that cause an event.
var transactionsOf = map[string]func(commerce.Transaction) bool{
	"order.paid":       paid,
	"order.authorized": authorized,
}

// paid reports whether a payment was made, even if it was refunded later.
func paid(t commerce.Transaction) bool {
	return t.Status == "complete" && (t.Type == "purchase" || t.Type == "capture" || t.Type == "refund")
}

func authorized(t commerce.Transaction) bool { return t.Status == "complete" && t.Type == "authorize" }

// last returns when the last of the selected transactions was created, or "" if there is
// none.
func (r *resource) last(selected func(commerce.Transaction) bool) string {
	var last string
	var at time.Time
	for _, payment := range r.payments {
		created := payment.Meta.Timestamps.CreatedAt
		t, err := time.Parse(time.RFC3339, created)
		if selected(payment) && err == nil && t.After(at) {
			last, at = created, t
		}
	}
	return last
}

// needsPayments reports whether the event time is known only from the order's transactions.
func (f fact) needsPayments() bool { return transactionsOf[f.event] != nil || f.isRefund() }

// isRefund reports whether the fact is a full or a partial refund.
func (f fact) isRefund() bool { return f.event == "order.refunded" || f.isPartialRefund() }

// date sets the time of a fact from the payments that were read. An order has only
// the times of its creation and of its last change, which may be years later.
func (f *fact) date() {
	if f.isRefund() {
		f.happened = commerce.RefundOf(f.resource.payments).When()
		return
	}
	f.happened = f.resource.last(transactionsOf[f.event])
}
