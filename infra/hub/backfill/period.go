package backfill

import (
	"fmt"
	"time"

	"commerce-segment/infra/hub/executions"
)

// Period is a time as somebody wrote it.
type Period struct {
	Since, Until string // a day, a moment, or how long ago; Until may be empty
}

// TimeError says which end of a period is wrong.
type TimeError struct{ Field, Wrong string }

func (e *TimeError) Error() string { return e.Field + " " + e.Wrong }

// The fields of a TimeError.
const (
	FieldSince = "since"
	FieldUntil = "until"
)

// Parse reads a period. Where no end is written it is the one that is given. The error
// is a *TimeError.
func (p Period) Parse(now, end time.Time) (since, until time.Time, err error) {
	if since, err = parseMoment(p.Since, now); err != nil {
		return since, until, &TimeError{FieldSince, err.Error()}
	}
	until = end
	if p.Until != "" {
		if until, err = parseMoment(p.Until, now); err != nil {
			return since, until, &TimeError{FieldUntil, err.Error()}
		}
	}
	switch {
	case since.Before(until):
		return since, until, nil
	case p.Until == "":
		return since, until, &TimeError{FieldSince, fmt.Sprintf("%s: nothing lies between then and %s", p.Since, Moment(until))}
	default:
		return since, until, &TimeError{FieldUntil, fmt.Sprintf("%s: nothing lies between %s and then", p.Until, Moment(since))}
	}
}

// parseMoment reads a time: a day or a moment, in UTC unless it says otherwise as
// Commerce's are, or how long ago it was.
func parseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if ago, err := executions.ParseSince(text); err == nil {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("%q: write a time such as 2026-01-31 or 2026-01-31T08:00:00Z, or how long ago, such as 36h or 30d", text)
}

// Moment is a time as Commerce writes it, for people.
func Moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stillComing is how long Commerce may take for a webhook: "within about 30 minutes".
const stillComing = 30 * time.Minute

// Settled is when what happened has come by now, if it comes at all.
func Settled(now time.Time) time.Time { return now.Add(-stillComing) }
