// Package executions tells what became of each webhook, by the lines that the
// functions write about it. Where the lines come from, this machine or CloudWatch, is
// nothing to it: they are the same.
package executions

import (
	"encoding/json"
	"time"
)

// The kinds of lines: one when Commerce calls, and one for each attempt to deliver.
const (
	kindAccept  = "accept"
	kindDeliver = "deliver"
)

// forged is the outcome of a webhook with a wrong key.
const forged = "forged"

// Line is a log line about a webhook, as shared/relay writes it.
type Line struct {
	Time       time.Time `json:"timestamp"`
	Kind       string    `json:"message"`
	Tracking   string    `json:"tracking"`
	Received   time.Time `json:"received,omitzero"` // the same in all lines of a webhook; none where it was refused at once
	EventTime  time.Time `json:"event_time,omitzero"`
	Event      string    `json:"event,omitempty"`
	WebhookID  string    `json:"webhook_id,omitempty"`
	Attempt    int       `json:"attempt,omitempty"` // Commerce's
	Resource   string    `json:"resource,omitempty"`
	Receives   int       `json:"receives,omitempty"` // which attempt of ours it was
	MessageIDs []string  `json:"message_ids,omitempty"`
	Messages   int       `json:"messages,omitempty"` // how many there are, where only the first ids are listed
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	RetryIn    string    `json:"retry_in,omitempty"`
	Unsettled  string    `json:"unsettled,omitempty"`
}

// Parse reads a log line; ok says that it is one about a webhook.
func Parse(text []byte) (line Line, ok bool) {
	if err := json.Unmarshal(text, &line); err != nil {
		return Line{}, false
	}
	return line, line.Tracking != "" && (line.Kind == kindAccept || line.Kind == kindDeliver)
}

// returns is when a postponed event comes back.
func (l Line) returns() time.Time {
	delay, err := time.ParseDuration(l.RetryIn)
	if err != nil {
		return time.Time{}
	}
	return l.Time.Add(delay)
}
