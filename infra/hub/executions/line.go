// Package executions finds out the outcome of each webhook from the log lines that the
// functions write about it. The lines have the same form on this machine and in CloudWatch.
package executions

import (
	"encoding/json"
	"time"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/segment"
)

// The kinds of lines: one for each call by Commerce, one for each delivery attempt, and one for
// each replay of a dead letter on this machine.
const (
	kindAccept  = "accept"
	kindDeliver = "deliver"
	kindReplay  = "replay"
)

// The kinds of lines about an event that a command or the console sent without a webhook. The
// journal of package backfill has these lines.
const (
	KindBackfill  = "backfill"
	KindReconcile = "reconcile"
)

// Line is a log line about a webhook, as shared/relay writes it, or about an event that was sent
// without one.
type Line struct {
	Time       time.Time `json:"timestamp"`
	Kind       string    `json:"message"`
	Tracking   string    `json:"tracking"`
	Received   time.Time `json:"received,omitzero"` // the same in all lines of a webhook; zero if it was rejected, or if there is none
	EventTime  time.Time `json:"event_time,omitzero"`
	Event      string    `json:"event,omitempty"`
	WebhookID  string    `json:"webhook_id,omitempty"`
	Attempt    int       `json:"attempt,omitempty"` // Commerce's
	Resource   string    `json:"resource,omitempty"`
	Number     string    `json:"number,omitempty"`   // by which people know the order
	Total      string    `json:"total,omitempty"`    // of the order with its currency, such as "1310.00 EUR"
	Receives   int       `json:"receives,omitempty"` // the number of our attempt
	MessageIDs []string  `json:"message_ids,omitempty"`
	Messages   int       `json:"messages,omitempty"` // how many there are, where only the first ids are listed
	// Calls counts the messages that Segment accepted. Lines of an earlier release do not have it.
	Calls   []segment.Calls `json:"calls,omitempty"`
	Outcome string          `json:"outcome"`
	Reason  string          `json:"reason,omitempty"`
	Detail  string          `json:"detail,omitempty"`
	RetryIn string          `json:"retry_in,omitempty"`
	// Revenue and Currency are those of the message that Segment accepted, if it has them.
	Revenue  json.Number `json:"revenue,omitempty"`
	Currency string      `json:"currency,omitempty"`
	// LeftOut is how many optional calls of $commerce had no answer, so that the message lacks
	// their fields; LeftOutReason is why the first of them had none, such as "commerce_timeout".
	LeftOut       int    `json:"left_out,omitempty"`
	LeftOutReason string `json:"left_out_reason,omitempty"`
	// Regulations are the ids of Segment's requests to delete the user of the event.
	Regulations []string `json:"regulations,omitempty"`
	Unsettled   string   `json:"unsettled,omitempty"`
	// Took is how long the attempt took, with the other events of its batch, or the answer to
	// Commerce.
	Took Milliseconds `json:"ms,omitempty"`
	By   string       `json:"by,omitempty"` // who sent it, if it was sent without a webhook
}

// Parse parses a log line. ok reports whether it is about a webhook.
func Parse(text []byte) (line Line, ok bool) {
	if err := json.Unmarshal(text, &line); err != nil {
		return Line{}, false
	}
	line.Event, line.Resource, line.WebhookID = chars.Line(line.Event), chars.Line(line.Resource), chars.Line(line.WebhookID)
	line.Number, line.Total = chars.Line(line.Number), chars.Line(line.Total)
	return line, line.Tracking != "" && isAboutWebhook(line.Kind)
}

// isAboutWebhook reports whether lines of a kind are about a webhook.
func isAboutWebhook(kind string) bool {
	return kind == kindAccept || kind == kindDeliver || kind == kindReplay
}

// withoutWebhook reports whether the line is about an event that was sent without a webhook.
func (l Line) withoutWebhook() bool { return l.Kind == KindBackfill || l.Kind == KindReconcile }

// ParseAll parses log lines, and returns those about webhooks.
func ParseAll(texts [][]byte) []Line {
	var lines []Line
	for _, text := range texts {
		if line, ok := Parse(text); ok {
			lines = append(lines, line)
		}
	}
	return lines
}

// returns returns when the next attempt is due; zero if there is none.
func (l Line) returns() time.Time {
	delay, err := time.ParseDuration(l.RetryIn)
	if err != nil {
		return time.Time{}
	}
	return l.Time.Add(delay)
}

// AcceptedElsewhere returns the line about a webhook that another hub has accepted, and that is
// on a queue of this one.
func AcceptedElsewhere(tracking string, received time.Time, w commerce.Webhook) Line {
	return Line{
		Time: received, Kind: kindAccept, Tracking: tracking, Received: received, Outcome: string(Accepted), Detail: "imported",
		Event: loggable.Event(w.Event), Resource: loggable.ID(w.ResourceID), WebhookID: loggable.ID(w.ID), Attempt: w.Attempt,
	}
}

// RetriedElsewhere returns the line about the last attempt of another hub to deliver the event
// of a line, with the time of the next attempt here.
func RetriedElsewhere(accepted Line, now time.Time, receives int, reason string, next time.Time) Line {
	line := accepted
	line.Time, line.Kind, line.Outcome, line.Attempt = now, kindDeliver, string(Retrying), 0
	line.Receives, line.Reason, line.RetryIn = receives, reason, max(next.Sub(now), 0).Round(time.Millisecond).String()
	return line
}
