package backfill

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/jsontext"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/money"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
)

// Reason is why the revenue of an order differs from what was paid.
type Reason string

// The reasons.
const (
	ReasonTax        Reason = "tax"
	ReasonShipping   Reason = "shipping"
	ReasonDiscount   Reason = "discount"
	ReasonRefund     Reason = "refund"
	ReasonChanged    Reason = "changed since"
	ReasonAmount     Reason = "another amount"
	ReasonCurrency   Reason = "another currency"
	ReasonNoRevenue  Reason = "sent without a revenue"
	ReasonMissing    Reason = "missing"
	ReasonPending    Reason = "queued or retrying"
	ReasonDeadLetter Reason = "dead letter"
	ReasonFiltered   Reason = "filtered by the template"
	ReasonDisabled   Reason = "tracking disabled"
	ReasonInvalid    Reason = "message not valid"
	ReasonNotYet     Reason = "event not happened"
	ReasonUnknown    Reason = "not known"
)

// Means describes a reason in a sentence.
func (r Reason) Means() string { return meanings[r] }

var meanings = map[Reason]string{
	ReasonTax:        "The total in Commerce includes tax. The revenue that was sent does not.",
	ReasonShipping:   "The total in Commerce includes shipping. The revenue that was sent does not.",
	ReasonDiscount:   "The difference is the order's discount.",
	ReasonRefund:     "The difference is what was refunded.",
	ReasonChanged:    "The order was changed in Commerce after it was sent, or the template was.",
	ReasonAmount:     "The template writes another amount. Tax, shipping, discount and refund do not explain the difference.",
	ReasonCurrency:   "The message has another currency than the order.",
	ReasonNoRevenue:  "Segment accepted a message without a number as its revenue.",
	ReasonMissing:    "The webhook did not arrive: the log is complete for that time and does not have it. The event can be sent.",
	ReasonPending:    "The event is on the queue or retrying.",
	ReasonDeadLetter: "The event failed. Fix the reason on the page Dead letters, and replay it.",
	ReasonFiltered:   "The template writes no message for the order.",
	ReasonDisabled:   "Order Completed is disabled, or was when the webhook came.",
	ReasonInvalid:    "Segment would drop the message that the template writes.",
	ReasonNotYet:     "Order Completed observes another event than order.paid, and it has not happened to the order.",
	ReasonUnknown:    "The order was paid before the log of webhooks begins.",
}

// paidOrder is a paid order with its amounts.
type paidOrder struct {
	resource *resource
	number   string // by which people know it
	currency string
	decimals int
	paid     money.Amount
	// parts are the amounts that may be in what was paid and not in the revenue.
	parts []Part
}

// isPaid reports whether an order with this payment status was paid. Commerce refunds only
// paid orders.
func isPaid(payment string) bool {
	return slices.Contains([]string{"paid", "refunded", "partially_refunded"}, payment)
}

// paidOrder reads the amounts of an order.
func (c comparingRevenue) paidOrder(r *resource) (paidOrder, error) {
	o := paidOrder{resource: r, currency: jsontext.Text(jsontext.Member(r.JSON, "meta", "display_price", "with_tax", "currency"))}
	body, err := fact{event: orderPaid, resource: r}.webhook()
	if err != nil {
		return o, err
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		return o, err
	}
	o.number = loggable.OrderNumber(webhook.Number)
	input, err := webhook.Input()
	if err != nil {
		return o, err
	}
	o.decimals = money.Choose(c.by.currencies, func() money.Prices { return template.PricesOf(input) }, o.currency)
	total, _ := o.price("with_tax")
	o.paid = total
	tax, hasTax := o.price("tax")
	if without, has := o.price("without_tax"); !hasTax && has {
		tax = total.Sub(without)
	}
	shipping, _ := o.price("shipping")
	discount, _ := o.price("discount")
	discount = discount.Abs()
	o.parts = []Part{{ReasonTax, tax}, {ReasonShipping, shipping}, {ReasonDiscount, discount.Neg()}, {ReasonDiscount, discount}}
	return o, nil
}

// price returns a price of the order, if it has it.
func (o paidOrder) price(name string) (a money.Amount, ok bool) {
	text := jsontext.Member(o.resource.JSON, "meta", "display_price", name, "amount")
	a, err := money.ParseMinor(string(bytes.TrimSpace(text)), o.decimals)
	return a, err == nil
}

// refunded returns what was refunded, according to the payments that were read.
func (o paidOrder) refunded() money.Amount {
	amount := strconv.FormatFloat(commerce.RefundOf(o.resource.payments).Amount, 'f', -1, 64)
	refund, err := money.ParseMinor(amount, o.decimals)
	if err != nil { // Commerce's number is too long for an amount
		return money.Amount{}
	}
	return refund
}

// explain returns the parts of the difference between what was paid and what was sent. Their
// sum is the difference.
func (c comparingRevenue) explain(ctx context.Context, o paidOrder, sent sentRevenue) ([]Part, error) {
	switch {
	case sent.reason != "":
		return partsOf(sent.reason, o.paid), nil
	case sent.currency != o.currency:
		return partsOf(ReasonCurrency, o.paid), nil
	}
	difference := o.paid.Sub(sent.revenue)
	if parts, ok := o.sumTo(difference); ok {
		return parts, nil
	}
	if err := c.readPayments(ctx, o.resource); err != nil {
		return nil, err
	}
	o.parts = append(slices.Clone(o.parts), Part{ReasonRefund, o.refunded()})
	if parts, ok := o.sumTo(difference); ok {
		return parts, nil
	}
	return c.explainChange(ctx, o, sent, difference)
}

// explainChange explains a difference that no amount of the order explains: the order or the
// template was changed, or the template writes another amount.
func (c comparingRevenue) explainChange(ctx context.Context, o paidOrder, sent sentRevenue, difference money.Amount) ([]Part, error) {
	_, now, err := c.written(ctx, fact{by: c.by, event: c.by.events[0], resource: o.resource}, o)
	if err != nil {
		return nil, err
	}
	if now.reason != "" || now.currency != sent.currency || now.revenue.Equal(sent.revenue) {
		return partsOf(ReasonAmount, difference), nil
	}
	parts, ok := o.sumTo(o.paid.Sub(now.revenue))
	if !ok {
		parts = partsOf(ReasonAmount, o.paid.Sub(now.revenue))
	}
	return append(parts, Part{ReasonChanged, now.revenue.Sub(sent.revenue)}), nil
}

// partsOf returns one part, or none if the amount is 0.
func partsOf(reason Reason, amount money.Amount) []Part {
	if amount.Sign() == 0 {
		return nil
	}
	return []Part{{reason, amount}}
}

// sumTo returns the fewest parts of the order whose sum is an amount.
func (o paidOrder) sumTo(amount money.Amount) (best []Part, ok bool) {
	for chosen := range 1 << len(o.parts) {
		var sum money.Amount
		var parts []Part
		for i, p := range o.parts {
			if chosen&(1<<i) != 0 && p.Amount.Sign() != 0 {
				sum, parts = sum.Add(p.Amount), append(parts, p)
			}
		}
		if sum.Equal(amount) && (!ok || len(parts) < len(best)) {
			best, ok = parts, true
		}
	}
	return best, ok
}

// revenueIn returns the revenue of the first message that has one, as the log line of a
// delivery does.
func revenueIn(messages []segment.Message, currency string) sentRevenue {
	for _, m := range messages {
		number := strings.TrimSpace(string(jsontext.Member(m.JSON, "properties", "revenue")))
		if revenue, err := money.ParseAmount(number); err == nil {
			return sentRevenue{revenue: revenue, currency: cmp.Or(jsontext.Text(jsontext.Member(m.JSON, "properties", "currency")), currency)}
		}
	}
	return sentRevenue{reason: ReasonNoRevenue}
}
