package executions

import (
	"cmp"
	"errors"
	"iter"
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
	Since    time.Time // when the first attempt failed; zero if no attempt is complete
	Last     time.Time // when the last attempt failed
	Next     time.Time // the first next attempt; zero if it is not known
}

// Undelivered are the outcomes of events that are queued or retrying.
var Undelivered = []Outcome{Accepted, Retrying}

// RetriedFor is longer than all attempts of an event take.
const RetriedFor = 36 * time.Hour

// Waits counts undelivered events by tracking and reason.
func Waits(all iter.Seq2[Execution, error]) ([]Wait, error) {
	var waits []Wait
	for e, err := range all {
		if err != nil && !errors.As(err, new(ErrCut)) {
			return nil, err
		}
		if !slices.Contains(Undelivered, e.Outcome) {
			continue
		}
		i := slices.IndexFunc(waits, func(w Wait) bool { return w.Tracking == e.Tracking && w.Reason == e.Reason })
		if i < 0 {
			i = len(waits)
			waits = append(waits, Wait{Tracking: e.Tracking, Reason: e.Reason, Oldest: e.Received})
		}
		waits[i].Count++
		waits[i].addAttempts(e.Lines)
		if !e.Received.After(waits[i].Oldest) {
			waits[i].Oldest, waits[i].Detail = e.Received, e.Detail
		}
	}
	slices.SortFunc(waits, func(a, b Wait) int {
		return cmp.Or(cmp.Compare(a.Tracking, b.Tracking), cmp.Compare(a.Reason, b.Reason))
	})
	return waits, nil
}

// addAttempts adds the times of the failed attempts to deliver an event.
func (w *Wait) addAttempts(lines []Line) {
	for _, line := range lines {
		if line.Kind != kindDeliver || line.Reason != w.Reason {
			continue
		}
		if w.Since.IsZero() || line.Time.Before(w.Since) {
			w.Since = line.Time
		}
		if line.Time.After(w.Last) {
			w.Last = line.Time
		}
	}
	if len(lines) == 0 {
		return
	}
	if next := lines[len(lines)-1].returns(); !next.IsZero() && (w.Next.IsZero() || next.Before(w.Next)) {
		w.Next = next
	}
}
