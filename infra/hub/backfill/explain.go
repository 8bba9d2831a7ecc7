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

// logsAtMost limits the log entries that are read of an integration. A request reads 100.
const logsAtMost = 5000

// Explain returns reasons why webhooks of a tracking may have been lost in a period,
// according to Commerce: how the integration that posts them is configured, and which
// failed attempts Commerce logged. The log does not contain the order of an attempt.
func (s *Sender) Explain(ctx context.Context, tracking string, since, until time.Time, posts func(commerce.Integration) bool) ([]string, error) {
	events := s.observer(tracking).events
	var reasons []string
	registered := false
	for i, err := range s.commerce.Integrations(ctx) {
		if err != nil {
			return nil, err
		}
		if !posts(i) {
			continue
		}
		registered = true
		reasons = append(reasons, misconfigurations(i, events)...)
		failures, err := s.failures(ctx, i, since, until)
		if err != nil {
			return nil, err
		}
		reasons = append(reasons, failures...)
	}
	if !registered {
		return []string{"Commerce has no integration that posts to /webhooks/" + tracking}, nil
	}
	if len(reasons) == 0 {
		reasons = []string{"Commerce has logged no failed attempt in that period: it did not try, or its log does not go back so far"}
	}
	return reasons, nil
}

func (s *Sender) observer(name string) *observer {
	return s.observers[slices.IndexFunc(s.observers, func(o *observer) bool { return o.Name == name })]
}

// misconfigurations returns the settings of an integration that keep it from posting events.
func misconfigurations(i commerce.Integration, events []string) (reasons []string) {
	if !i.Enabled {
		reasons = append(reasons, fmt.Sprintf("the integration %s is disabled in Commerce", quoted(i.Name)))
	}
	for _, event := range events {
		if !slices.Contains(i.Observes, event) {
			reasons = append(reasons, fmt.Sprintf("the integration %s does not observe %s", quoted(i.Name), event))
		}
	}
	return reasons
}

// failures counts the failed attempts of an integration by their causes, and returns the
// most frequent one first.
func (s *Sender) failures(ctx context.Context, i commerce.Integration, since, until time.Time) (reasons []string, err error) {
	counts := map[string]int{}
	read := 0
	for log, err := range s.commerce.IntegrationLogs(ctx, i.ID) {
		if err != nil {
			return nil, err
		}
		if read++; read > logsAtMost {
			reasons = append(reasons, fmt.Sprintf("the log of the integration %s is longer than the %d attempts that were read", quoted(i.Name), logsAtMost))
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
		reasons = append(reasons, fmt.Sprintf("failed attempts of the integration %s that Commerce logged: %d × %s", quoted(i.Name), counts[kind], kind))
	}
	return reasons, nil
}

// isWithin reports whether an attempt may belong to a period: also if its time cannot be
// parsed.
func isWithin(text string, since, until time.Time) bool {
	at, err := time.Parse(time.RFC3339, text)
	return err != nil || !at.Before(since) && at.Before(until.Add(retriesWithin))
}

// retriesWithin is the time after an event in which Commerce may still retry.
const retriesWithin = time.Hour

// failure returns the cause of a failed attempt.
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

// quoted returns a text from Commerce in quotation marks, as one printable line of limited
// length.
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
