package executions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
)

// Log is a source of executions.
type Log interface {
	// Find returns a page of the executions that a query selects.
	Find(context.Context, Query, Page) (Found, error)
	// All returns all executions that a query selects, the newest first. The last error is
	// an ErrCut if there are older ones that were not read.
	All(context.Context, Query) iter.Seq2[Execution, error]
}

// Query selects executions. The empty value of a field selects all.
type Query struct {
	From, To  time.Time // when the webhook was received, in whole minutes: see Bounds
	Trackings []tracking.Tracking
	Outcomes  []Outcome
	Event     string
	Reason    string
	Text      string // in any field of an execution; upper and lower case of a to z are equal
	// ID is the number or the id of an order, the id of a customer or a webhook, or the beginning
	// of one of these: at least MinPrefix characters.
	ID string
}

// MinPrefix is the least length of the beginning of an id.
const MinPrefix = 8

// Page selects what Find returns.
type Page struct {
	Rows    int    // the largest number of executions
	After   string // a Next of a Found: the executions after those of its page
	Summary bool   // whether to count all selected executions
}

// Found is what Find found.
type Found struct {
	Rows    []Execution
	Next    string  // selects the next page; empty if this is the last one
	Summary Summary // of all selected executions, if the Page asked for it
	All     int     // how many executions are in the period, whatever else the query selects; also only if asked for
	// Begins is when the oldest webhook was received that could be read. It is zero if all
	// were read.
	Begins time.Time
}

// ErrCut means that the log has older lines than could be read.
type ErrCut struct {
	Begins time.Time // when the oldest webhook that was read was received
}

func (e ErrCut) Error() string {
	return "the log has more lines than can be read: only the lines since " + words.Clock(e.Begins) + " were read"
}

// Bounds returns the period of the query: From and To, extended to whole minutes, because
// counters count minutes. Without To, the period ends after now.
func (q Query) Bounds(now time.Time) (from, to time.Time) {
	if to = q.To; to.IsZero() {
		to = now.Add(time.Nanosecond)
	}
	if whole := to.Truncate(time.Minute); whole.Before(to) {
		to = whole.Add(time.Minute)
	}
	if from = q.From.Truncate(time.Minute); from.Before(earliest) {
		from = earliest
	}
	if to.After(latest) {
		to = latest
	}
	return from, to
}

// The bounds of all times in a log, so that their nanoseconds are a number.
var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Selects reports whether the query selects executions of a kind, in any period and with any
// text and id.
func (q Query) Selects(k Kind) bool {
	return (len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, k.Outcome)) &&
		(len(q.Trackings) == 0 || slices.ContainsFunc(q.Trackings, func(t tracking.Tracking) bool { return t.Name == k.Tracking })) &&
		(q.Event == "" || q.Event == k.Event) && (q.Reason == "" || q.Reason == k.Reason)
}

// SelectsAll reports whether the query selects an execution whose kind and period it selects.
func (q Query) SelectsAll(e Execution) bool {
	return (q.ID == "" || q.Names(e.Resource) || q.Names(e.WebhookID) || q.Names(e.Number)) && (q.Text == "" || e.says(NewSearchText(q.Text)))
}

// Names reports whether the query's ID is this id, or the beginning of it.
func (q Query) Names(id string) bool {
	return id == q.ID || len(q.ID) >= MinPrefix && strings.HasPrefix(id, q.ID)
}

// says reports whether a text is in one of the fields.
func (e Execution) says(text SearchText) bool {
	all := make([]byte, 0, 1<<10)
	for _, field := range [...]string{e.Tracking, e.Event, e.Resource, e.Number, e.Total, e.WebhookID, e.Reason, e.Detail} {
		all = append(append(all, field...), '\n')
	}
	for _, id := range e.MessageIDs {
		all = append(append(all, id...), '\n')
	}
	return text.IsIn(all)
}

// Position returns the place of an execution in a list, as in Found.Next.
func Position(received time.Time, tracking string) string {
	return fmt.Sprintf("%d.%s", received.UnixNano(), tracking)
}

// ErrPosition means that a text is no position.
var ErrPosition = errors.New("this page of the list does not exist: open the list again")

// ParsePosition parses a position.
func ParsePosition(text string) (received time.Time, tracking string, err error) {
	nanoseconds, tracking, found := strings.Cut(text, ".")
	n, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err != nil || !found {
		return time.Time{}, "", fmt.Errorf("%q: %w", text, ErrPosition)
	}
	return time.Unix(0, n), tracking, nil
}

// The names of a query's fields in an address.
const (
	fieldFrom, fieldTo, fieldSince = "from", "to", "since"
	fieldTracking, fieldOutcome    = "tracking", "outcome"
	fieldEvent, fieldReason        = "event", "reason"
	fieldText, fieldID             = "q", "id"
)

// Values returns the query as parameters of an address.
func (q Query) Values() url.Values {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Add(name, value)
		}
	}
	for name, at := range map[string]time.Time{fieldFrom: q.From, fieldTo: q.To} {
		if !at.IsZero() {
			set(name, at.Format(time.RFC3339Nano))
		}
	}
	for _, t := range q.Trackings {
		set(fieldTracking, t.Name)
	}
	for _, o := range q.Outcomes {
		set(fieldOutcome, string(o))
	}
	set(fieldEvent, q.Event)
	set(fieldReason, q.Reason)
	set(fieldText, q.Text)
	set(fieldID, q.ID)
	return values
}

// ParseQuery parses the parameters of an address. Without from, the
// period has the length that since names.
func ParseQuery(values url.Values, now time.Time) (q Query, err error) {
	q = Query{Event: strings.TrimSpace(values.Get(fieldEvent)), Reason: strings.TrimSpace(values.Get(fieldReason)),
		Text: strings.TrimSpace(values.Get(fieldText)), ID: strings.TrimSpace(values.Get(fieldID))}
	if q.Outcomes, err = ParseOutcomes(given(values[fieldOutcome])); err != nil {
		return q, err
	}
	for _, name := range given(values[fieldTracking]) {
		t, err := tracking.ByName(name)
		if err != nil {
			return q, err
		}
		q.Trackings = append(q.Trackings, t)
	}
	if q.From, err = parseMoment(values.Get(fieldFrom)); err != nil {
		return q, err
	}
	if q.To, err = parseMoment(values.Get(fieldTo)); err != nil {
		return q, err
	}
	if since := values.Get(fieldSince); since != "" {
		length, err := ParseSince(since)
		if err != nil {
			return q, err
		}
		if q.From.IsZero() {
			q.From = cmp.Or(q.To, now).Add(-length)
		}
	}
	if !q.To.IsZero() && !q.From.Before(q.To) {
		return q, errors.New("the end of the period must be after its start")
	}
	return q, nil
}

// given returns the values that are not empty.
func given(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
}

// MomentFormat is the form of a time in an input of a page: without a zone.
const MomentFormat = "2006-01-02T15:04"

// parseMoment parses a time. Without a zone, it is in that of this machine. The zero time
// stands for an empty text.
func parseMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{MomentFormat, "2006-01-02T15:04:05", time.RFC3339Nano} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at.Local(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: write a time such as 2026-01-31T08:00", text)
}

var errSince = errors.New("write a time, for example 90m, 24h or 7d")

// ParseSince parses the length of a period: a Go duration, or a number of days such as 7d.
func ParseSince(text string) (time.Duration, error) {
	since, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		since = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || since <= 0 {
		return 0, fmt.Errorf("%q: %w", text, errSince)
	}
	return since, nil
}
