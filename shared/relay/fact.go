package relay

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// FactOf returns the fact behind a webhook: the business event from which the messages get
// their ids. Received is when Commerce posted the webhook.
func FactOf(t tracking.Tracking, w commerce.Webhook, writeKey string, received time.Time) segment.Fact {
	fact := segment.Fact{
		Tracking:   t,
		Event:      w.Event,
		WebhookID:  w.ID,
		ResourceID: w.ResourceID,
		CreatedAt:  w.CreatedAt,
		UpdatedAt:  w.UpdatedAt,
		CustomerID: w.CustomerID,
		WriteKey:   writeKey,
		Received:   received,
	}
	if !t.Once && !t.InParts { // trackings with InParts have a revision instead: see Complete
		fact.Content = w.Content()
	}
	return fact
}

// refundWithin is how long after a refund an update of the order can still report that
// refund. Commerce writes both within seconds. Segment remembers a messageId for about a
// day, so a later update would send an old refund again.
const refundWithin = time.Hour

// wholeRefund is the revision of a full refund, which happens once.
const wholeRefund = "all"

// Complete completes the fact of a tracking that can happen in parts: it asks Commerce
// how much of the order has been refunded, and when. It returns false for an update of
// the order that reports no partial refund. That is so if nothing was refunded, if the
// refund is more than an hour old, if everything was refunded (that has its own event),
// or if Commerce cannot be asked. The facts of other trackings are already complete.
//
// The revision of a partial refund is the amount that has been refunded so far, in the
// currency's minor unit. So further updates of the order do not make another fact.
func Complete(ctx context.Context, fact *segment.Fact, w commerce.Webhook, ask template.Fetch) (happened bool, err error) {
	if !fact.Tracking.InParts {
		return true, nil
	}
	payment, total := w.Payment()
	isUpdate := w.Event == "order.updated"
	var refund commerce.Refund
	if ask != nil && (!isUpdate || commerce.MayHavePartRefunded(payment)) {
		answer, err := ask(ctx, commerce.TransactionsPath(w.ResourceID))
		if err == nil {
			refund, err = commerce.ReadRefund(answer)
		}
		if err != nil {
			return false, fmt.Errorf("asking Commerce what was refunded: %w", err)
		}
	}
	fact.EventTime = cmp.Or(refund.When(), fact.EventTime)
	fact.Revision = wholeRefund
	isPart := commerce.MayHavePartRefunded(payment) && refund.Amount > 0 && refund.Amount < total
	if isPart {
		fact.Revision = strconv.FormatFloat(refund.Amount, 'f', -1, 64)
	}
	return !isUpdate || isPart && isAbout(w.UpdatedAt, refund.At), nil
}

// isAbout reports whether an update of an order can report a refund: it is older than the
// refund, or at most refundWithin newer.
func isAbout(updatedAt string, refunded time.Time) bool {
	updated, err := time.Parse(time.RFC3339, updatedAt)
	return err == nil && !refunded.IsZero() && updated.Sub(refunded) <= refundWithin
}
