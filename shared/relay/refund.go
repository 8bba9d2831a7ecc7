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
)

// refundWithin is how much later than a refund an order's update may be and still be the
// one that says so. Commerce writes both within seconds. Segment remembers a messageId
// for about a day: an update after that would send an old refund again.
const refundWithin = time.Hour

// wholeRefund is the revision of a refund of all of an order, which happens once.
const wholeRefund = "all"

// Complete completes the fact of a tracking that happens in parts: it asks Commerce how
// much of the order was refunded by now, and when. It says false where the webhook is an
// update of the order that is about no part: nothing was refunded, or earlier than within
// the last hour, or all of it, which has an event of its own, or there is nothing to ask.
// The fact of any other tracking is complete.
//
// The revision of a part is the amount that was refunded so far, in the currency's minor
// unit, so that further updates of the order do not make another fact of it. An order whose
// payment is refunded was refunded as a whole, also where the transactions have less: the
// rest was refunded at the gateway and then marked as refunded.
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
	fact.HappenedAt = cmp.Or(refund.When(), fact.HappenedAt)
	fact.Revision = wholeRefund
	isPart := commerce.MayHavePartRefunded(payment) && refund.Amount > 0 && refund.Amount < total
	if isPart {
		fact.Revision = strconv.FormatFloat(refund.Amount, 'f', -1, 64)
	}
	return !isUpdate || isPart && isAbout(w.UpdatedAt, refund.At), nil
}

// isAbout says that an order was updated because of a refund, or before it, and not by
// something later.
func isAbout(updatedAt string, refunded time.Time) bool {
	updated, err := time.Parse(time.RFC3339, updatedAt)
	return err == nil && !refunded.IsZero() && updated.Sub(refunded) <= refundWithin
}
