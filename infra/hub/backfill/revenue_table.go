package backfill

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
)

// Why describes the reasons of a day's difference, the largest first.
func (d RevenueDay) Why() string {
	texts := make([]string, len(d.Reasons))
	for i, r := range d.Reasons {
		texts[i] = fmt.Sprintf("%s %s (%s)", r.Reason, r.Amount, d.About(r))
	}
	return strings.Join(texts, ", ")
}

// About returns how many orders have a reason, and for those of which it is not known what was
// sent, what the current template would send.
func (d RevenueDay) About(r ReasonSum) string {
	orders := words.Count(r.Orders, "order")
	if r.Reason == ReasonUnknown {
		orders += ", by the template " + d.UnknownRevenue.String()
	}
	return orders
}

// SentText returns what was sent, or that nothing is known of the day.
func (d RevenueDay) SentText() string {
	if d.Unknown == d.Orders {
		return string(NotKnown)
	}
	return d.Sent.String()
}

// DifferenceText returns the difference, or that nothing is known of the day.
func (d RevenueDay) DifferenceText() string {
	if d.Unknown == d.Orders {
		return string(NotKnown)
	}
	return d.Difference.String()
}

// Why describes the reasons of an order's difference.
func (o RevenueOrder) Why() string {
	texts := make([]string, len(o.Parts))
	for i, p := range o.Parts {
		texts[i] = fmt.Sprintf("%s %s", p.Reason, p.Amount)
	}
	return strings.Join(texts, ", ")
}

// ReceivedText returns how many of the day's messages Segment received, or that it is not known. It is
// empty if another row of the day has it.
func (d RevenueDay) ReceivedText() string {
	switch {
	case !d.isFirst:
		return ""
	case d.Messages == nil:
		return string(NotKnown)
	}
	return fmt.Sprintf("%d of %d", d.Messages.Received, d.Messages.Sent)
}

// WriteDays writes the days as a table for a spreadsheet. The numbers of messages are in
// the first row of a day, and empty if it is not known what Segment received.
func (r *Revenue) WriteDays(w io.Writer) error {
	table := csv.NewWriter(w)
	_ = table.Write([]string{"day", "currency", "orders", "paid", "sent", "difference", "estimated_orders", "unknown_orders", "unknown_revenue", "reasons", "messages_sent", "messages_received"}) // Error returns its error
	for _, d := range r.Days {
		var sent, received string
		if d.Messages != nil {
			sent, received = strconv.Itoa(d.Messages.Sent), strconv.Itoa(d.Messages.Received)
		}
		_ = table.Write([]string{d.Day.Format(time.DateOnly), words.NoFormula(d.Currency), strconv.Itoa(d.Orders), d.Paid.String(), d.Sent.String(), d.Difference.String(),
			strconv.Itoa(d.Estimated), strconv.Itoa(d.Unknown), d.UnknownRevenue.String(), d.Why(), sent, received})
	}
	table.Flush()
	return table.Error()
}

// WriteOrders writes the orders with a difference as a table for a spreadsheet.
func (r *Revenue) WriteOrders(w io.Writer) error {
	table := csv.NewWriter(w)
	_ = table.Write([]string{"day", "order", "number", "currency", "paid", "sent", "difference", "source", "reasons"}) // Error returns its error
	for _, o := range r.Orders {
		_ = table.Write([]string{o.Day.Format(time.DateOnly), words.NoFormula(o.ID), words.NoFormula(o.Number), words.NoFormula(o.Currency), o.Paid.String(), o.Sent.String(), o.Difference().String(),
			string(o.Source), o.Why()})
	}
	table.Flush()
	return table.Error()
}
