package backfill

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/money"
)

// Revenue compares what was paid in Commerce with the revenue in the messages that Segment
// was sent, by the day of the payment and the currency.
type Revenue struct {
	// Since and Until limit the period. Days are those of the time zone of Since.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// LogBegins is the time since which the log of webhooks is complete.
	LogBegins time.Time      `json:"log_begins"`
	Days      []RevenueDay   `json:"days"`   // oldest first
	Orders    []RevenueOrder `json:"orders"` // those with a difference, by their days
	Omitted   int            `json:"omitted_orders,omitempty"`
	Missing   []Missing      `json:"-"` // the missing events, which can be sent
}

// RevenueDay is the sum of a day in one currency.
type RevenueDay struct {
	Day            time.Time    `json:"day"` // its beginning
	Currency       string       `json:"currency"`
	Orders         int          `json:"orders"` // that were paid
	Paid           money.Amount `json:"paid"`
	Sent           money.Amount `json:"sent"`
	Difference     money.Amount `json:"difference"`
	Estimated      int          `json:"estimated_orders"` // orders in Sent whose revenue is not in the log: it is that of the current template
	Unknown        int          `json:"unknown_orders"`   // orders of which it is not known whether they were sent
	UnknownRevenue money.Amount `json:"unknown_revenue"`  // the revenue of the unknown ones with the current template
	Reasons        []ReasonSum  `json:"reasons"`          // of the difference, the largest first
	// Messages counts the messages of Order Completed on the day, in all currencies. Only the first of
	// the day's currencies has it. It is nil if it is not known what Segment received.
	Messages *DayMessages `json:"messages,omitempty"`
	isFirst  bool         // of the day's currencies
}

// DayMessages is how many messages of an event were sent on a day, and how many Segment received.
type DayMessages struct {
	Sent     int `json:"sent"`
	Received int `json:"received"`
}

// AddMessages adds to the first row of each day how many messages of Order Completed were sent, and how many Segment
// received. The function that counts them reports whether that is known.
func (r *Revenue) AddMessages(count func(day time.Time) (sent, received int, known bool)) {
	for i := range r.Days {
		d := &r.Days[i]
		d.isFirst = i == 0 || !d.Day.Equal(r.Days[i-1].Day)
		if sent, received, known := count(d.Day); known && d.isFirst {
			d.Messages = &DayMessages{sent, received}
		}
	}
}

// ReasonSum is a part of the difference of a day.
type ReasonSum struct {
	Reason Reason       `json:"reason"`
	Orders int          `json:"orders"`
	Amount money.Amount `json:"amount"`
}

// RevenueOrder is an order whose revenue differs from what was paid. An order that was sent in
// another currency is there once for each of them.
type RevenueOrder struct {
	Day      time.Time    `json:"day"`
	ID       string       `json:"order"`
	Number   string       `json:"number,omitempty"` // by which people know it
	Currency string       `json:"currency"`
	Paid     money.Amount `json:"paid"`
	Sent     money.Amount `json:"sent"`
	Source   Source       `json:"source"`
	Parts    []Part       `json:"reasons"` // of the difference
}

// Difference returns what was paid and not sent.
func (o RevenueOrder) Difference() money.Amount { return o.Paid.Sub(o.Sent) }

// Part is a part of the difference of an order.
type Part struct {
	Reason Reason       `json:"reason"`
	Amount money.Amount `json:"amount"`
}

// Source is where the revenue of an order that was sent is known from.
type Source string

// The sources.
const (
	FromLog      Source = "log"      // Segment accepted it, according to the log
	FromTemplate Source = "template" // it was sent, and the current template writes it
	NotSent      Source = "not sent"
	NotKnown     Source = "not known" // the log begins later; the current template would write it
)

// ordersAtMost limits Revenue.Orders.
const ordersAtMost = 50_000

// comparingRevenue is the state of a comparison of revenues.
type comparingRevenue struct {
	*Sender
	*Revenue
	by       *observer
	arrivals map[string]Arrival // by the orders, and what was sent from here
	seen     map[string]bool    // the orders that were compared: an order may be listed twice
	days     map[dayKey]*RevenueDay
}

type dayKey struct {
	day      time.Time
	currency string
}

// logBefore is how long before the period the log is read. A log shows only by its oldest line
// when it begins.
const logBefore = 24 * time.Hour

// Revenue compares the orders that were paid in a period. The Sender must have Order Completed
// as its only tracking. It calls read with the number of orders that it has read so far. It
// reads the payments of an order, one request for each, only if the log does not have the time
// of its payment, or if nothing else explains a difference.
func (s *Sender) Revenue(ctx context.Context, since, until time.Time, log ArrivalLog, journal *Journal, read func(int)) (*Revenue, error) {
	arrivals, logBegins, err := log.Arrivals(ctx, since.Add(-logBefore))
	if err != nil {
		return nil, err
	}
	c := s.comparingRevenue(&Revenue{Since: since, Until: until, LogBegins: logBegins, Days: []RevenueDay{}, Orders: []RevenueOrder{}}, arrivals)
	lines, err := journal.linesOf(c.by.Name)
	if err != nil {
		return nil, err
	}
	for order, line := range lines {
		if c.arrivals[order].Outcome != Delivered {
			c.arrivals[order] = Arrival{Event: line.Event, Outcome: Delivered, EventTime: line.EventTime, Revenue: line.Revenue.String(), Currency: line.Currency}
		}
	}
	if err := c.compareAll(ctx, read); err != nil {
		return nil, err
	}
	c.conclude()
	return c.Revenue, nil
}

// comparingRevenue returns the state of a comparison with webhooks that arrived.
func (s *Sender) comparingRevenue(r *Revenue, arrivals []Arrival) comparingRevenue {
	by := *s.observers[0]
	by.skipsOptionalCalls = true
	c := comparingRevenue{Sender: s, Revenue: r, by: &by, arrivals: map[string]Arrival{}, seen: map[string]bool{}, days: map[dayKey]*RevenueDay{}}
	for _, a := range arrivals {
		if best, ok := c.arrivals[a.Resource]; a.Tracking == c.by.Name && (!ok || a.Outcome > best.Outcome) {
			c.arrivals[a.Resource] = a
		}
	}
	return c
}

// OneRevenue is the comparison of one order. It has no day if the order is not paid.
type OneRevenue struct {
	Days     []RevenueDay // one, or two if it was sent in another currency
	Refunded money.Amount
}

// OneRevenue compares an order, whenever it was paid, with what arrived about it or was sent
// from here. If the order was paid before the log of webhooks begins, what did not arrive is not
// known.
func (s *Sender) OneRevenue(ctx context.Context, order commerce.Order, arrivals []Arrival, begins time.Time) (OneRevenue, error) {
	r := &resource{Record: order.Record, order: &order}
	if !isPaid(order.Payment) {
		return OneRevenue{}, nil
	}
	if err := s.readPayments(ctx, r); err != nil {
		return OneRevenue{}, err
	}
	c := s.comparingRevenue(&Revenue{LogBegins: begins}, arrivals)
	if err := c.compareOrder(ctx, r, c.paidAt(r)); err != nil {
		return OneRevenue{}, err
	}
	c.conclude()
	o, err := c.paidOrder(r)
	return OneRevenue{Days: c.Days, Refunded: o.refunded()}, err
}

// compareAll compares the orders. One that was paid in the period was updated then or later.
func (c comparingRevenue) compareAll(ctx context.Context, read func(int)) error {
	var batch []*resource
	count := 0
	for r, err := range c.list(ctx, Orders, commerce.Period{Of: commerce.Updated, From: c.Since}) {
		if err != nil {
			return err
		}
		count++
		read(count)
		if !isPaid(r.order.Payment) || c.seen[r.ID] {
			continue
		}
		c.seen[r.ID] = true
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := c.compareBatch(ctx, batch); err != nil {
			return err
		}
		batch = nil
	}
	return c.compareBatch(ctx, batch)
}

func (c comparingRevenue) compareBatch(ctx context.Context, orders []*resource) error {
	if err := c.readAllPayments(ctx, slices.DeleteFunc(slices.Clone(orders), func(r *resource) bool { return !c.paidInLog(r).IsZero() })); err != nil {
		return err
	}
	for _, r := range orders {
		paid := c.paidAt(r)
		if paid.Before(c.Since) || !paid.Before(c.Until) {
			continue
		}
		if err := c.compareOrder(ctx, r, paid); err != nil {
			return fmt.Errorf("comparing the order %s: %w", loggable.ID(r.ID), err)
		}
	}
	return nil
}

// paidInLog returns the time of the payment according to the log, or the zero time.
func (c comparingRevenue) paidInLog(r *resource) time.Time {
	if a := c.arrivals[r.ID]; a.Event == orderPaid {
		return a.EventTime
	}
	return time.Time{}
}

const orderPaid = "order.paid"

// paidAt returns when an order was paid. If neither the log nor a payment has the time, it is
// that of the last change.
func (c comparingRevenue) paidAt(r *resource) time.Time {
	if at := c.paidInLog(r); !at.IsZero() {
		return at
	}
	at, _ := time.Parse(time.RFC3339, cmp.Or(r.last(paid), r.UpdatedAt)) // else the zero time
	return at
}

// compareOrder compares one order, and adds it to its day.
func (c comparingRevenue) compareOrder(ctx context.Context, r *resource, paid time.Time) error {
	o, err := c.paidOrder(r)
	if err != nil {
		return err
	}
	sent, err := c.sentFor(ctx, o, paid)
	if err != nil {
		return err
	}
	sent.revenue = sent.revenue.WithDecimals(c.decimalsOf(o, sent.currency))
	parts, err := c.explain(ctx, o, sent)
	if err != nil {
		return err
	}
	none := money.Amount{}.WithDecimals(o.decimals)
	order := RevenueOrder{Day: dayOf(paid.In(c.Since.Location())), ID: r.ID, Number: o.number, Currency: o.currency, Paid: o.paid, Sent: none, Source: sent.source, Parts: parts}
	switch {
	case !sent.isSent():
	case sent.currency == o.currency:
		order.Sent = sent.revenue
	default:
		other := order
		other.Currency, other.Paid, other.Sent = sent.currency, money.Amount{}.WithDecimals(c.decimalsOf(o, sent.currency)), sent.revenue
		other.Parts = partsOf(ReasonCurrency, sent.revenue.Neg())
		c.add(other, sent)
	}
	c.add(order, sent)
	return nil
}

// decimalsOf returns the decimals of a currency: those of the order if it is the order's.
func (c comparingRevenue) decimalsOf(o paidOrder, currency string) int {
	if currency == o.currency {
		return o.decimals
	}
	return money.Choose(c.by.currencies, func() money.Prices { return nil }, currency)
}

// add adds an order to its day.
func (c comparingRevenue) add(o RevenueOrder, sent sentRevenue) {
	key := dayKey{o.Day, o.Currency}
	d := c.days[key]
	if d == nil {
		d = &RevenueDay{Day: o.Day, Currency: o.Currency, Reasons: []ReasonSum{}}
		c.days[key] = d
	}
	d.Orders++
	d.Paid, d.Sent = d.Paid.Add(o.Paid), d.Sent.Add(o.Sent)
	d.Difference = d.Paid.Sub(d.Sent)
	switch o.Source {
	case FromTemplate:
		d.Estimated++
	case NotKnown:
		d.Unknown++
		d.UnknownRevenue = d.UnknownRevenue.Add(sent.revenue)
	}
	for _, p := range o.Parts {
		i := slices.IndexFunc(d.Reasons, func(s ReasonSum) bool { return s.Reason == p.Reason })
		if i < 0 {
			i = len(d.Reasons)
			d.Reasons = append(d.Reasons, ReasonSum{Reason: p.Reason})
		}
		d.Reasons[i].Orders++
		d.Reasons[i].Amount = d.Reasons[i].Amount.Add(p.Amount)
	}
	if len(o.Parts) == 0 {
		return
	}
	if len(c.Orders) == ordersAtMost {
		c.Omitted++
		return
	}
	c.Orders = append(c.Orders, o)
}

// conclude sorts what was found.
func (c comparingRevenue) conclude() {
	for _, d := range c.days {
		slices.SortFunc(d.Reasons, func(a, b ReasonSum) int {
			return cmp.Or(b.Amount.Abs().Compare(a.Amount.Abs()), cmp.Compare(a.Reason, b.Reason))
		})
		c.Days = append(c.Days, *d)
	}
	slices.SortFunc(c.Days, func(a, b RevenueDay) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Currency, b.Currency)) })
	slices.SortStableFunc(c.Orders, func(a, b RevenueOrder) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.ID, b.ID))
	})
}
