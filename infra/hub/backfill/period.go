package backfill

import (
	"fmt"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
)

// Period is a period as the user writes it.
type Period struct {
	Since, Until string // each a day, a time, or how long ago; Until may be empty
}

// TimeError is an error in the start or the end of a period.
type TimeError struct{ Field, Wrong string }

func (e *TimeError) Error() string { return e.Field + " " + e.Wrong }

// The fields of a TimeError.
const (
	FieldSince = "since"
	FieldUntil = "until"
)

// Parse returns the start and the end of a period. If Until is empty, it returns the given
// end. The error is a *TimeError.
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
		return since, until, &TimeError{FieldSince, fmt.Sprintf("%s: must be before the end of the period, %s", p.Since, words.Moment(until))}
	default:
		return since, until, &TimeError{FieldUntil, fmt.Sprintf("%s: must be after the start of the period, %s", p.Until, words.Moment(since))}
	}
}

// ParseDays is Parse for whole days in the time zone of now: the period begins with a day.
func (p Period) ParseDays(now time.Time) (since, until time.Time, err error) {
	since, until, err = p.Parse(now, Settled(now))
	return dayOf(since), until, err
}

// dayOf returns the beginning of the day of a time, in its time zone.
func dayOf(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
}

// parseMoment parses a day or a time, in the zone of now unless the text has another one, or
// how long ago it was.
func parseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at.In(now.Location()), nil
		}
	}
	if ago, err := executions.ParseSince(text); err == nil {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("%q: write a time such as 2026-01-31 or 2026-01-31T08:00:00Z, or how long ago, such as 36h or 30d", text)
}

// webhookDelay is the longest time after which Commerce sends a webhook, retries included:
// "within about 30 minutes".
const webhookDelay = 30 * time.Minute

// Settled returns the latest time whose webhooks must have arrived by now. The webhook of a
// later event may still arrive.
func Settled(now time.Time) time.Time { return now.Add(-webhookDelay) }
