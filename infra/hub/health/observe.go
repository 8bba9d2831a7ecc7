package health

import (
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/tracking"
)

// Observe returns what is known of the last LogPeriod: the numbers of executions by kind, the
// newest ones that were not delivered, the newest first, and the undelivered events.
func Observe(kinds []executions.KindCount, troubled []executions.Execution, waits []executions.Wait) Log {
	log := Log{Waits: waits}
	delivered := map[string]time.Time{}
	for _, k := range kinds {
		if k.Outcome == executions.Delivered {
			delivered[k.Tracking] = later(delivered[k.Tracking], k.Last)
			log.LastDelivered = later(log.LastDelivered, k.Last)
		}
		if k.Outcome != executions.Rejected {
			log.LastAccepted = later(log.LastAccepted, k.Last)
		}
		if k.Outcome == executions.Failed {
			log.Failed += k.N
		}
	}
	periods := map[time.Time]bool{}
	outcomes := map[string]*Outcomes{}
	for _, e := range slices.Backward(troubled) { // so that the first is known before the last
		switch {
		case e.Outcome == executions.Rejected && e.Reason == "forged":
			periods[e.Received.Truncate(5*time.Minute)] = true
			first(&log.Forged.First, e.Received)
			log.Forged.Last = e.Received
		case e.Outcome == executions.Rejected && e.Reason == "unavailable":
			log.Unavailable.Count++
			first(&log.Unavailable.First, e.Received)
			log.Unavailable.Last, log.Unavailable.Detail = e.Received, e.Detail
		case e.Outcome == executions.Failed:
			first(&log.FirstFailed, e.Received)
		}
		if e.Outcome != executions.Rejected && e.Received.After(delivered[e.Tracking]) {
			if outcomes[e.Tracking] == nil {
				outcomes[e.Tracking] = &Outcomes{Tracking: e.Tracking}
			}
			outcomes[e.Tracking].add(e)
		}
	}
	log.Forged.Periods = len(periods)
	for _, t := range tracking.All() {
		if o := outcomes[t.Name]; o != nil {
			log.Trackings = append(log.Trackings, *o)
		}
	}
	return log
}

// add counts an event.
func (o *Outcomes) add(e executions.Execution) {
	switch {
	case e.Outcome == executions.Skipped && e.Reason == "filtered":
		o.Filtered++
		first(&o.FirstFiltered, e.Received)
	case e.Outcome == executions.Failed && e.Reason == "message_invalid":
		o.Invalid++
		first(&o.FirstInvalid, e.Received)
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// first sets a time unless it is set.
func first(to *time.Time, at time.Time) {
	if to.IsZero() {
		*to = at
	}
}

// oneLine returns the lines of an error as one.
func oneLine(text string) string { return strings.Join(strings.Split(text, "\n"), "; ") }
