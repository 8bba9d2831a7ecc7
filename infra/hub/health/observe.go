package health

import (
	"context"
	"slices"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/tracking"
)

// readRows is how many executions one question reads. The numbers are those of the counters, so
// that a judgement takes as long with millions of executions as with a few.
const readRows = 200

// history is the log of the last LogPeriod.
type history struct {
	log   executions.Log
	from  time.Time
	now   time.Time
	kinds []executions.KindCount
}

// observe reads what a log says. It asks about each kind of trouble separately, so that many
// executions of one kind do not hide those of another.
func observe(ctx context.Context, log executions.Log, now time.Time) (Log, error) {
	undelivered := executions.Query{From: now.Add(-executions.RetriedFor)}
	log, err := executions.Near(ctx, log, undelivered)
	if err != nil {
		return Log{}, err
	}
	h := history{log: log, from: now.Add(-LogPeriod), now: now}
	all, err := log.Find(ctx, executions.Query{From: h.from}, executions.Page{Summary: true})
	if err != nil {
		return Log{}, err
	}
	h.kinds = all.Summary.Kinds
	found := Log{}
	if found.Waits, err = executions.Waits(ctx, log, undelivered); err != nil {
		return Log{}, err
	}
	for _, read := range []func(context.Context, *Log) error{h.successes, h.forged, h.unavailable, h.failed, h.outcomes} {
		if err := read(ctx, &found); err != nil {
			return Log{}, err
		}
	}
	return found, nil
}

// count returns the number of the executions that a query selects, and when the last of them
// was received.
func (h history) count(q executions.Query) (n int, last time.Time) {
	for _, k := range h.kinds {
		if q.Selects(k.Kind) {
			n += k.N
			last = later(last, k.Last)
		}
	}
	return n, last
}

// ofKind returns the query for an outcome and a reason; an empty reason stands for all.
func (h history) ofKind(outcome executions.Outcome, reason string) executions.Query {
	return executions.Query{From: h.from, Outcomes: []executions.Outcome{outcome}, Reason: reason}
}

// first returns when the first of the executions that a query selects was received.
func (h history) first(ctx context.Context, q executions.Query) (time.Time, error) {
	rows, err := executions.Oldest(ctx, h.log, q, readRows)
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	return rows[len(rows)-1].Received, nil
}

// successes reads when a webhook was accepted and when an event was delivered. The newest events
// that were delivered include one of the last deliveries, because retries soon follow each other.
func (h history) successes(ctx context.Context, to *Log) (err error) {
	for _, k := range h.kinds {
		if k.Outcome != executions.Rejected {
			to.LastAccepted = later(to.LastAccepted, k.Last)
		}
	}
	deletes := func(t tracking.Tracking) bool { return t.Call == tracking.Delete }
	if to.LastDeletion, err = h.lastSuccess(ctx, deletes); err != nil {
		return err
	}
	to.LastDelivered, err = h.lastSuccess(ctx, func(t tracking.Tracking) bool { return !deletes(t) })
	return err
}

// lastSuccess returns when an event of some trackings was last delivered.
func (h history) lastSuccess(ctx context.Context, of func(tracking.Tracking) bool) (last time.Time, err error) {
	q := h.ofKind(executions.Delivered, "")
	q.Trackings = slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return !of(t) })
	if n, _ := h.count(q); n == 0 {
		return last, nil
	}
	delivered, err := h.log.Find(ctx, q, executions.Page{Rows: readRows})
	for _, e := range delivered.Rows {
		last = later(last, e.Lines[len(e.Lines)-1].Time)
	}
	return last, err
}

// forged reads the webhooks with a wrong secret.
func (h history) forged(ctx context.Context, to *Log) (err error) {
	q := h.ofKind(executions.Rejected, "forged")
	n, last := h.count(q)
	if n == 0 {
		return nil
	}
	to.Forged.Last = last
	if to.Forged.First, err = h.first(ctx, q); err != nil {
		return err
	}
	newest, err := h.log.Find(ctx, q, executions.Page{Rows: readRows})
	if err != nil {
		return err
	}
	for _, e := range newest.Rows {
		if e.Received.After(to.LastAccepted) {
			to.Forged.InARow++
		}
	}
	const window = 6 * time.Hour // its summary counts periods of five minutes
	for q.From = h.from.Truncate(5 * time.Minute); q.From.Before(h.now); q.From = q.To {
		q.To = q.From.Add(window)
		found, err := h.log.Find(ctx, q, executions.Page{Summary: true})
		if err != nil {
			return err
		}
		for _, part := range found.Summary.Parts {
			if part.Came() > 0 {
				to.Forged.Periods++
			}
		}
	}
	return nil
}

// unavailable reads the webhooks that were answered 503.
func (h history) unavailable(ctx context.Context, to *Log) (err error) {
	q := h.ofKind(executions.Rejected, "unavailable")
	u := &to.Unavailable
	if u.Count, u.Last = h.count(q); u.Count == 0 {
		return nil
	}
	newest, err := h.log.Find(ctx, q, executions.Page{Rows: 1})
	if err != nil {
		return err
	}
	for _, e := range newest.Rows {
		u.Detail = e.Detail
	}
	u.First, err = h.first(ctx, q)
	return err
}

// failed reads the dead letters.
func (h history) failed(ctx context.Context, to *Log) (err error) {
	q := h.ofKind(executions.Failed, "")
	if to.Failed, _ = h.count(q); to.Failed > 0 {
		to.FailedFor = executions.ByReason(h.kinds, executions.Failed)
		to.FirstFailed, err = h.first(ctx, q)
	}
	return err
}

// outcomes reads what became of the events of each tracking since its last delivery.
func (h history) outcomes(ctx context.Context, to *Log) (err error) {
	for _, t := range tracking.All() {
		o := Outcomes{Tracking: t.Name}
		if o.Filtered, o.FirstFiltered, err = h.sinceDelivery(ctx, t, executions.Skipped, "filtered"); err != nil {
			return err
		}
		if o.Invalid, o.FirstInvalid, err = h.sinceDelivery(ctx, t, executions.Failed, "message_invalid"); err != nil {
			return err
		}
		if o.Filtered+o.Invalid > 0 {
			to.Trackings = append(to.Trackings, o)
		}
	}
	return nil
}

// sinceDelivery counts the newest events of a kind that were received after the last one of the
// tracking that was delivered, and returns when the first of those was received.
func (h history) sinceDelivery(ctx context.Context, t tracking.Tracking, outcome executions.Outcome, reason string) (n int, first time.Time, err error) {
	delivered, q := h.ofKind(executions.Delivered, ""), h.ofKind(outcome, reason)
	delivered.Trackings, q.Trackings = []tracking.Tracking{t}, []tracking.Tracking{t}
	_, lastDelivered := h.count(delivered)
	if _, last := h.count(q); !last.After(lastDelivered) {
		return 0, first, nil
	}
	q.From = later(q.From, lastDelivered)
	found, err := h.log.Find(ctx, q, executions.Page{Rows: readRows})
	for _, e := range found.Rows {
		if e.Received.After(lastDelivered) {
			n, first = n+1, e.Received
		}
	}
	return n, first, err
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
