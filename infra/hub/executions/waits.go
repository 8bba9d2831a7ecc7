package executions

import (
	"cmp"
	"slices"
	"time"
)

// Wait counts the undelivered events of one tracking with the same reason.
type Wait struct {
	Tracking string
	Reason   string // empty if no attempt is complete
	Detail   string // of the oldest
	Count    int
	Oldest   time.Time // when that one was received
}

// Waits counts undelivered events by tracking and reason.
func Waits(all []Execution) []Wait {
	var waits []Wait
	for _, e := range all {
		if e.Outcome != Retrying && e.Outcome != Accepted {
			continue
		}
		i := slices.IndexFunc(waits, func(w Wait) bool { return w.Tracking == e.Tracking && w.Reason == e.Reason })
		if i < 0 {
			i = len(waits)
			waits = append(waits, Wait{Tracking: e.Tracking, Reason: e.Reason, Oldest: e.Received})
		}
		waits[i].Count++
		if !e.Received.After(waits[i].Oldest) {
			waits[i].Oldest, waits[i].Detail = e.Received, e.Detail
		}
	}
	slices.SortFunc(waits, func(a, b Wait) int {
		return cmp.Or(cmp.Compare(a.Tracking, b.Tracking), cmp.Compare(a.Reason, b.Reason))
	})
	return waits
}
