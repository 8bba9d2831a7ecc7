package executions

import (
	"cmp"
	"context"
	"slices"
	"time"

	"commerce-segment/shared/tracking"
)

// Wait counts the undelivered events of one tracking with the same reason.
type Wait struct {
	Tracking string
	Reason   string // empty if no attempt is complete
	Detail   string // of the oldest
	Count    int
	Oldest   time.Time // when that one was received
	Since    time.Time // when the first attempt failed; zero if no attempt is complete
	Last     time.Time // when the last attempt failed, of the events that were read
	Next     time.Time // the first next attempt; zero if it is not known
}

// Undelivered are the outcomes of events that are queued or retrying.
var Undelivered = []Outcome{Accepted, Retrying}

// RetriedFor is longer than all attempts of an event take.
const RetriedFor = 36 * time.Hour

// waitRows is how many of the newest and of the oldest events of a Wait are read.
const waitRows = 200

// Waits counts the undelivered events that a query selects by tracking and reason. The numbers
// are those of the counters. The times and the detail are those of the newest and the oldest
// events, so that a large backlog takes no more time than a small one.
func Waits(ctx context.Context, log Log, q Query) ([]Wait, error) {
	q.Outcomes = Undelivered
	log, err := Near(ctx, log, q)
	if err != nil {
		return nil, err
	}
	found, err := log.Find(ctx, q, Page{Summary: true})
	if err != nil {
		return nil, err
	}
	var waits []Wait
	for _, k := range found.Summary.Kinds {
		i := slices.IndexFunc(waits, func(w Wait) bool { return w.Tracking == k.Tracking && w.Reason == k.Reason })
		if i < 0 {
			i = len(waits)
			waits = append(waits, Wait{Tracking: k.Tracking, Reason: k.Reason})
		}
		waits[i].Count += k.N
	}
	for i := range waits {
		if err := waits[i].read(ctx, log, q); err != nil {
			return nil, err
		}
	}
	waits = slices.DeleteFunc(waits, func(w Wait) bool { return w.Oldest.IsZero() }) // delivered in the meantime
	slices.SortFunc(waits, func(a, b Wait) int {
		return cmp.Or(cmp.Compare(a.Tracking, b.Tracking), cmp.Compare(a.Reason, b.Reason))
	})
	return waits, nil
}

// read reads the times and the detail.
func (w *Wait) read(ctx context.Context, log Log, q Query) error {
	q.Trackings, q.Reason = []tracking.Tracking{{Name: w.Tracking}}, w.Reason
	if w.Reason == "" {
		q.Outcomes = []Outcome{Accepted}
	}
	newest, err := log.Find(ctx, q, Page{Rows: waitRows})
	if err != nil {
		return err
	}
	rows := newest.Rows
	if newest.Next != "" {
		oldest, err := Oldest(ctx, log, q, waitRows)
		if err != nil {
			return err
		}
		rows = append(rows, oldest...)
	}
	for _, e := range rows {
		w.addAttempts(e.Lines)
		if w.Oldest.IsZero() || !e.Received.After(w.Oldest) {
			w.Oldest, w.Detail = e.Received, e.Detail
		}
	}
	if newest.Next != "" {
		w.Next = time.Time{} // it may be that of an event that was not read
	}
	return nil
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
