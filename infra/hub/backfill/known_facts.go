package backfill

import (
	"context"
	"slices"
	"time"

	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// clockSkew is how much the clocks may differ: a webhook may be logged before its event time
// by that much.
const clockSkew = 5 * time.Minute

// KnownFacts is what is known of facts that were sent: from the webhooks that arrived, and from the journal of
// earlier backfills and reconciliations. The zero value knows nothing.
type KnownFacts struct {
	// LogBegins is when the log of webhooks begins. What was delivered before is not known.
	LogBegins time.Time

	outcomes map[string]Outcome // by the keys of the facts
	ids      map[string]bool    // messageIds that Segment accepted
	journal  map[string]bool    // the keys of the facts that were sent from here
}

// ReadKnownFacts reads what is known about the facts since a time.
func ReadKnownFacts(ctx context.Context, log ArrivalLog, since time.Time, journal *Journal) (KnownFacts, error) {
	arrivals, complete, err := log.Arrivals(ctx, since.Add(-clockSkew))
	if err != nil {
		return KnownFacts{}, err
	}
	sent, err := journal.read()
	return KnownFacts{LogBegins: complete, outcomes: outcomesOf(arrivals), ids: idsOf(arrivals), journal: sent}, err
}

// outcomesOf returns the outcomes by the keys of the facts. An update that reported a partial
// refund did not report the full refund, nor another partial one: its messages show
// which one it reported.
func outcomesOf(arrivals []Arrival) map[string]Outcome {
	outcomes := make(map[string]Outcome, len(arrivals))
	for _, a := range arrivals {
		if isPartialRefund := a.Tracking == tracking.OrderRefunded.Name && a.Event == "order.updated"; isPartialRefund && (a.Outcome == Delivered || a.Outcome == Skipped) {
			continue
		}
		k := key(a.Tracking, a.Resource)
		outcomes[k] = max(outcomes[k], a.Outcome)
	}
	return outcomes
}

// idsOf returns the ids of the messages that Segment accepted.
func idsOf(arrivals []Arrival) map[string]bool {
	ids := map[string]bool{}
	for _, a := range arrivals {
		for _, id := range a.MessageIDs {
			if a.Outcome == Delivered {
				ids[id] = true
			}
		}
	}
	return ids
}

// outcome returns the outcome of the webhook about a fact; zero if none arrived. Whether a
// partial refund was delivered, only its messages show: see hasMessage.
func (k KnownFacts) outcome(f fact) Outcome {
	outcome := k.outcomes[key(f.by.Name, f.resource.ID)]
	if f.isPartialRefund() && (outcome == Delivered || outcome == Skipped) {
		return 0
	}
	return outcome
}

// hasSent reports whether a fact was sent to Segment, by a webhook or from here.
func (k KnownFacts) hasSent(f fact) bool { return k.outcome(f) == Delivered || k.journal[f.key()] }

// hasMessage reports whether Segment accepted a message of a partial refund.
func (k KnownFacts) hasMessage(w written) bool {
	return w.fact.isPartialRefund() && slices.ContainsFunc(w.messages, func(m segment.Message) bool { return k.ids[m.ID] })
}
