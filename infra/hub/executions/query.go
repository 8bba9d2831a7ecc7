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

// Query selects lines. It can select only by what all lines of a webhook have in common:
// otherwise the outcome of a webhook would be wrong because some of its lines are missing.
type Query struct {
	Since     time.Time
	Trackings []tracking.Tracking // empty means all
	Resource  string              // an order's, a customer's or a webhook's id; empty means all
}

// Log is a source of lines.
type Log interface {
	// Read returns the selected lines, or the newest ones if there are too many.
	Read(context.Context, Query) (Reading, error)
}

// Reading is the result of reading a Log.
type Reading struct {
	Lines []Line // in no particular order
	// Cut reports whether there are older lines that were not read.
	Cut bool
}

// Pick parses log lines and returns the selected ones.
func (q Query) Pick(texts [][]byte) []Line {
	var lines []Line
	for _, text := range texts {
		if line, ok := Parse(text); ok && q.matches(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// PickFrom is Pick for the lines of a text.
func (q Query) PickFrom(text []byte) []Line {
	return q.Pick(bytes.Split(text, []byte("\n")))
}

func (q Query) matches(line Line) bool {
	return !line.Time.Before(q.Since) &&
		(len(q.Trackings) == 0 || slices.ContainsFunc(q.Trackings, func(t tracking.Tracking) bool { return t.Name == line.Tracking })) &&
		(q.Resource == "" || q.Resource == line.Resource || q.Resource == line.WebhookID)
}

// Filter selects executions.
type Filter struct {
	Outcomes []Outcome // empty means all
	Text     string    // in any field of an execution; upper and lower case are equal
}

// Of returns the selected executions.
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
