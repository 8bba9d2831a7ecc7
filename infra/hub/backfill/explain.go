package backfill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"commerce-segment/shared/commerce"
)

// logsAtMost bounds how much of an integration's log is read: 100 are one request.
const logsAtMost = 5000

// Explain says, from Commerce's side, why a tracking's webhooks seem to have been lost in
// a period: how it has the integration that posts them, and which attempts it logged as
// failed. Commerce's log does not say which order an attempt was about.
func (s *Sender) Explain(ctx context.Context, tracking string, since, until time.Time, posts func(commerce.Integration) bool) ([]string, error) {
	events := s.observer(tracking).events
	var said []string
	registered := false
	for i, err := range s.commerce.Integrations(ctx) {
		if err != nil {
			return nil, err
		}
		if !posts(i) {
			continue
		}
		registered = true
		said = append(said, ofIntegration(i, events)...)
		failures, err := s.failures(ctx, i, since, until)
		if err != nil {
			return nil, err
		}
		said = append(said, failures...)
	}
	if !registered {
		return []string{"Commerce has no integration that posts to /webhooks/" + tracking}, nil
	}
	if len(said) == 0 {
		said = []string{"Commerce has logged no failed attempt of that time: it has not tried, or its log does not go back so far"}
	}
	return said, nil
}

func (s *Sender) observer(name string) *observer {
	return s.observers[slices.IndexFunc(s.observers, func(o *observer) bool { return o.Name == name })]
}

// ofIntegration says what keeps an integration from posting events.
func ofIntegration(i commerce.Integration, events []string) (said []string) {
	if !i.Enabled {
		said = append(said, fmt.Sprintf("the integration %s is switched off in Commerce", quoted(i.Name)))
	}
	for _, event := range events {
		if !slices.Contains(i.Observes, event) {
			said = append(said, fmt.Sprintf("the integration %s does not observe %s", quoted(i.Name), event))
		}
	}
	return said
}

// failures counts the failed attempts of an integration by what was wrong with them, the
// most frequent first.
func (s *Sender) failures(ctx context.Context, i commerce.Integration, since, until time.Time) (said []string, err error) {
	counts := map[string]int{}
	read := 0
	for log, err := range s.commerce.IntegrationLogs(ctx, i.ID) {
		if err != nil {
			return nil, err
		}
		if read++; read > logsAtMost {
			said = append(said, fmt.Sprintf("the log of the integration %s is longer than the %d attempts that were read", quoted(i.Name), logsAtMost))
			break
		}
		if !log.Succeeded && isWithin(log.Meta.Timestamps.CreatedAt, since, until) {
			counts[failure(log)]++
		}
	}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	for _, kind := range kinds {
		said = append(said, fmt.Sprintf("failed attempts of the integration %s that Commerce logged: %d × %s", quoted(i.Name), counts[kind], kind))
	}
	return said, nil
}

// isWithin says whether a time is in a period; one that cannot be read may be.
func isWithin(text string, since, until time.Time) bool {
	at, err := time.Parse(time.RFC3339, text)
	return err != nil || !at.Before(since) && at.Before(until.Add(retriesWithin))
}

// retriesWithin is how long after an event Commerce may still be trying.
const retriesWithin = time.Hour

// failure is what was wrong with an attempt.
func failure(log commerce.IntegrationLog) string {
	answer := "no answer"
	if log.StatusCode != 0 {
		answer = "answered " + strconv.Itoa(log.StatusCode)
	}
	if log.Reason == "" {
		return answer
	}
	return answer + " (" + quoted(log.Reason) + ")"
}

// quoted is a text of Commerce's as one printable line.
func quoted(text string) string {
	const most = 120
	line := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text))
	return `"` + string(line[:min(len(line), most)]) + `"`
}
