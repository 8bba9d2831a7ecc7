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

// refundWithin is how long after a refund an update of the order can still be the one
// that reports it. Commerce writes both within seconds. Segment remembers a messageId
// for about a day, so a later update would send an old refund again.
const refundWithin = time.Hour

// wholeRefund is the revision of a full refund, which happens once.
const wholeRefund = "all"

// Complete completes the fact of a tracking that can happen in parts: it asks Commerce
// how much of the order has been refunded, and when. It returns false for an update of
// the order that reports no partial refund: nothing was refunded, or longer than an
// hour ago, or everything, which has an event of its own, or Commerce cannot be asked.
// Facts of other trackings are complete already.
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
	fact.HappenedAt = cmp.Or(refund.When(), fact.HappenedAt)
	fact.Revision = wholeRefund
	isPart := commerce.MayHavePartRefunded(payment) && refund.Amount > 0 && refund.Amount < total
	if isPart {
		fact.Revision = strconv.FormatFloat(refund.Amount, 'f', -1, 64)
	}
	return !isUpdate || isPart && isAbout(w.UpdatedAt, refund.At), nil
}

// isAbout reports whether an order was updated because of a refund, or before it, and
// not because of something later.
func isAbout(updatedAt string, refunded time.Time) bool {
	updated, err := time.Parse(time.RFC3339, updatedAt)
	return err == nil && !refunded.IsZero() && updated.Sub(refunded) <= refundWithin
}
