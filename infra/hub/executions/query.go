package executions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/tracking"
)

// Query says which lines are wanted. Whoever leaves out some of a webhook's lines
// gets its outcome wrong, so it asks only for what they have in common.
type Query struct {
	Since     time.Time
	Trackings []tracking.Tracking // empty means all
	Resource  string              // an order's, a customer's or a webhook's id; empty means all
}

// Log is where the lines are.
type Log interface {
	// Read gives the lines that are asked for, the newest of them where there are
	// too many to look at.
	Read(context.Context, Query) (Reading, error)
}

// Reading is what was read of a Log.
type Reading struct {
	Lines []Line // in no order
	// Cut says that there are more, older than these.
	Cut bool
}

// Pick parses log lines and picks those that are asked for.
func (q Query) Pick(texts [][]byte) []Line {
	var lines []Line
	for _, text := range texts {
		if line, ok := Parse(text); ok && q.matches(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// PickFrom is Pick of a text with a line for each.
func (q Query) PickFrom(text []byte) []Line {
	return q.Pick(bytes.Split(text, []byte("\n")))
}

func (q Query) matches(line Line) bool {
	return !line.Time.Before(q.Since) &&
		(len(q.Trackings) == 0 || slices.ContainsFunc(q.Trackings, func(t tracking.Tracking) bool { return t.Name == line.Tracking })) &&
		(q.Resource == "" || q.Resource == line.Resource || q.Resource == line.WebhookID)
}

// Filter says which webhooks are meant, of those that were read.
type Filter struct {
	Outcomes []Outcome // empty means all
	Text     string    // in any of what an execution says, in either case
}

// Of gives those that are meant.
func (f Filter) Of(all []Execution) []Execution {
	text := strings.ToLower(f.Text)
	return slices.DeleteFunc(slices.Clone(all), func(e Execution) bool {
		return len(f.Outcomes) > 0 && !slices.Contains(f.Outcomes, e.Outcome) || !e.says(text)
	})
}

func (e Execution) says(text string) bool {
	parts := append([]string{e.Tracking, e.Event, e.Resource, e.WebhookID, e.Reason, e.Detail}, e.MessageIDs...)
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(strings.ToLower(part), text) })
}

var errSince = errors.New("write how far to look back, for example 90m, 24h or 7d")

// ParseSince reads how far to look back: a duration of Go's, or days.
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
