package executions

import (
	"fmt"
	"slices"
	"strings"

	"commerce-segment/infra/hub/words"
)

// Sent are the events about an order or a customer that were sent without a webhook.
type Sent struct {
	Lines []Line
	Err   error // why they are not known
}

// webhooksOf returns the executions of webhooks.
func webhooksOf(found []Execution) []Execution {
	return slices.DeleteFunc(slices.Clone(found), Execution.WithoutWebhook)
}

// sender names what sent an event without a webhook.
func (l Line) sender() string {
	if l.By == "" {
		return "hub " + l.Kind
	}
	return fmt.Sprintf("hub %s (%s)", l.Kind, l.By)
}

// sending describes an event that was sent without a webhook, and what the operator should do.
func sending(e Execution) (says, do string) {
	title, line := titleOf(e.Tracking), e.Lines[0]
	if e.Outcome == Rejected {
		return fmt.Sprintf("%s was not sent by %s: Segment rejects its message, or would drop it: %s.", title, line.sender(), e.Reason),
			"Fix the template, then run the same command again."
	}
	only := ""
	if line.Detail != "" {
		only = ", " + line.Detail
	}
	return fmt.Sprintf("%s was sent to Segment at %s by %s, without a webhook%s, as messageId %s.", title, words.Clock(line.Time), line.sender(), only, messageIDs(e)), ""
}

// sendingStep returns the line of an event that was sent without a webhook as a sentence.
func (l Line) sendingStep() string {
	said := fmt.Sprintf("Sent by %s for %s", l.sender(), l.Event)
	if !l.EventTime.IsZero() {
		said += ", whose event time is " + words.Clock(l.EventTime)
	}
	if l.Outcome == string(Rejected) {
		return fmt.Sprintf("%s. Rejected: %s.", said, l.why())
	}
	return said + ". Segment accepted it."
}

func (s Search) noWebhooks() string {
	return fmt.Sprintf("No webhooks about %s were received in %s", s.name(), Lookback(s.Since))
}

// received describes how many webhooks were found, and how many events were sent without one.
func (s Search) received(found []Execution) string {
	webhooks := len(webhooksOf(found))
	says := fmt.Sprintf("Received %s about %s in %s", words.Count(webhooks, "webhook"), s.name(), Lookback(s.Since))
	if webhooks == 0 {
		says = s.noWebhooks()
	}
	var by []string
	events := 0
	for _, e := range slices.Backward(found) {
		if !e.WithoutWebhook() || e.Outcome != Delivered {
			continue
		}
		events++
		if command := "hub " + e.Lines[0].Kind; !slices.Contains(by, command) {
			by = append(by, command)
		}
	}
	if events > 0 {
		says += fmt.Sprintf(". Without a webhook, %s sent %s", strings.Join(by, " and "), words.Count(events, "event"))
	}
	return says
}
