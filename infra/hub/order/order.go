// Package order says what Commerce has of one order or customer now, and how the revenue of the
// order compares with what Segment was sent.
package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/commerce"
)

// askWithin limits the time of the requests to Commerce.
const askWithin = 10 * time.Second

// InCommerce describes the order or the customer of a story as Commerce has it now, in
// sentences without personal data. It returns none if the store is not connected to Commerce, or
// if the story is not about one order or customer. The inbox is where a store on this machine
// sends events if it has no Segment host, and the log is that of the story.
func InCommerce(ctx context.Context, s store.Store, inbox string, log executions.Log, story executions.Story) []string {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	client, err := s.Commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) || len(story.Candidates) > 0 {
		return nil
	}
	var says []string
	switch {
	case err != nil:
	case typeOf(story) == "customer":
		says, err = customer(ctx, client, resourceOf(story))
	case typeOf(story) == "order":
		says, err = order(ctx, client, s, inbox, log, story)
	}
	if err != nil {
		return []string{"What Commerce has is not known: " + err.Error()}
	}
	return says
}

// typeOf returns the type of the resource that a story is about: an order, if nothing shows
// another.
func typeOf(story executions.Story) string {
	if len(story.Chapters) == 0 {
		return "order"
	}
	return cmp.Or(story.Chapters[0].ResourceType(), "order")
}

// resourceOf returns the id of the order or customer. That of the story may be of a webhook.
func resourceOf(story executions.Story) string {
	for _, c := range story.Chapters {
		if c.Resource != "" {
			return c.Resource
		}
	}
	return story.Resource
}

func customer(ctx context.Context, client *commerce.Client, id string) ([]string, error) {
	c, err := client.Customer(ctx, id)
	if isMissing(err) {
		return []string{"Commerce has no customer with this id."}, nil
	}
	if err != nil {
		return nil, err
	}
	return []string{"Commerce has the customer. " + dates(c.Record)}, nil
}

// isMissing reports whether Commerce answered that it does not have a resource.
func isMissing(err error) bool {
	failed := (*commerce.APIError)(nil)
	return errors.As(err, &failed) && failed.Status == http.StatusNotFound
}

// dates describes when a resource was created and changed.
func dates(r commerce.Record) string {
	return fmt.Sprintf("It was created at %s and last changed at %s.", chars.Line(r.CreatedAt), chars.Line(r.UpdatedAt))
}

func order(ctx context.Context, client *commerce.Client, s store.Store, inbox string, log executions.Log, story executions.Story) ([]string, error) {
	o, err := client.Order(ctx, resourceOf(story))
	if isMissing(err) {
		return []string{"Commerce has no order with this number or id."}, nil
	}
	if err != nil {
		return nil, err
	}
	says := []string{fmt.Sprintf("In Commerce the order is %s. %s", state(o), dates(o.Record))}
	revenue, err := compare(ctx, s, inbox, log, o, story)
	if err != nil {
		return append(says, "What was paid cannot be compared with what was sent: "+err.Error()), nil
	}
	for _, day := range revenue.Days {
		says = append(says, figures(day, revenue))
	}
	if len(revenue.Days) == 0 {
		says = append(says, "It is not paid, so there is no revenue to compare.")
	}
	return says, nil
}

// compare compares the revenue of an order.
func compare(ctx context.Context, s store.Store, inbox string, log executions.Log, o commerce.Order, story executions.Story) (backfill.OneRevenue, error) {
	opened, err := s.OpenRevenue(ctx, inbox)
	if err != nil {
		return backfill.OneRevenue{}, err
	}
	begins, err := begin(ctx, log)
	if err != nil {
		return backfill.OneRevenue{}, err
	}
	return opened.OneRevenue(ctx, o, story.Executions(), begins)
}

// oldestRows is how many executions are read to find the oldest one.
const oldestRows = 200

// begin returns the time of the oldest webhook in a log. It is now if the log is empty or
// remote: to read all of a remote one would take long.
func begin(ctx context.Context, log executions.Log) (time.Time, error) {
	if _, remote := log.(executions.Remote); remote {
		return time.Now(), nil
	}
	rows, err := executions.Oldest(ctx, log, executions.Query{}, oldestRows)
	if err != nil || len(rows) == 0 {
		return time.Now(), err
	}
	return rows[len(rows)-1].Received, nil
}

// state returns the three states of an order.
func state(o commerce.Order) string {
	var all []string
	for _, each := range []string{o.Status, o.Payment, o.Shipping} {
		if each != "" {
			all = append(all, chars.Line(each))
		}
	}
	return strings.Join(all, ", ")
}

// figures compares what was paid with what was sent, in one currency.
func figures(d backfill.RevenueDay, revenue backfill.OneRevenue) string {
	currency := chars.Line(d.Currency)
	says := fmt.Sprintf("Paid: %s %s.", d.Paid, currency)
	if revenue.Refunded.Sign() > 0 {
		says += fmt.Sprintf(" Refunded: %s.", revenue.Refunded)
	}
	switch {
	case d.Unknown > 0:
		return says + fmt.Sprintf(" Whether Order Completed was sent is not known: the log that was read has no webhook of it, and hub backfill did not send it from here. With the live template its revenue is %s. hub reconcile finds out whether it is missing.", d.UnknownRevenue)
	case d.Estimated > 0:
		says += fmt.Sprintf(" Order Completed was sent. The log does not have its revenue; with the live template it is %s.", d.Sent)
	default:
		says += fmt.Sprintf(" The revenue that Segment was sent with Order Completed: %s.", d.Sent)
	}
	if d.Difference.Sign() == 0 {
		return says + " There is no difference."
	}
	says += fmt.Sprintf(" Difference: %s.", d.Difference)
	for _, reason := range d.Reasons {
		says += fmt.Sprintf(" %s, %s: %s", words.Capital(string(reason.Reason)), reason.Amount, reason.Reason.Means())
	}
	return says
}
