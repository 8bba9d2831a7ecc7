package executions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is the current outcome of a webhook.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered" // Segment accepted it
	Skipped   Outcome = "skipped"   // there is nothing to send
	Accepted  Outcome = "accepted"  // on the queue, without a completed attempt
	Retrying  Outcome = "retrying"  // an attempt failed, and there will be another one
	Failed    Outcome = "failed"    // it is a dead letter
	Rejected  Outcome = "rejected"  // the answer to Commerce was not 202
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{Delivered, Skipped, Accepted, Retrying, Failed, Rejected}

// ParseOutcomes parses the names of outcomes.
func ParseOutcomes(names []string) ([]Outcome, error) {
	var list []Outcome
	for _, name := range names {
		if !slices.Contains(Outcomes, Outcome(name)) {
			all := make([]string, len(Outcomes))
			for i, o := range Outcomes {
				all[i] = string(o)
			}
			return nil, fmt.Errorf("%q is not an outcome: the outcomes are %s", name, strings.Join(all, ", "))
		}
		list = append(list, Outcome(name))
	}
	return list, nil
}

// Execution is the processing of one webhook, that is of one call by Commerce; or an event that
// was sent without a webhook.
type Execution struct {
	Received   time.Time `json:"received"`
	Tracking   string    `json:"tracking"`
	Event      string    `json:"event,omitempty"`
	Resource   string    `json:"resource,omitempty"` // the order's or customer's id
	Number     string    `json:"number,omitempty"`   // of the order, if it has one
	Total      string    `json:"total,omitempty"`    // of the order, such as "1310.00 EUR"
	WebhookID  string    `json:"webhook_id,omitempty"`
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Attempts   int       `json:"attempts"`
	MessageIDs []string  `json:"message_ids,omitempty"`
	Messages   int       `json:"messages,omitempty"` // how many there are, where only the first ids are known
	LeftOut    int       `json:"left_out,omitempty"` // optional calls of $commerce without an answer
	// Delay is the time from the event to Segment's answer; nil unless it was delivered.
	Delay *Milliseconds `json:"delay_ms,omitempty"`
	Lines []Line        `json:"lines"` // oldest first
}

// Milliseconds is a duration.
type Milliseconds int64

// Kind returns what the execution is counted by.
func (e Execution) Kind() Kind { return Kind{e.Tracking, e.Event, e.Outcome, e.Reason} }

// Of groups lines by webhook, and returns the newest webhook first.
func Of(lines []Line) List {
	type key struct {
		tracking string
		received int64
	}
	var all List
	byKey := map[key][]Line{}
	for _, line := range lines {
		if line.Received.IsZero() { // it was rejected, or could not be read: it has no other line
			all = append(all, New([]Line{line}))
			continue
		}
		k := key{line.Tracking, line.Received.UnixNano()}
		byKey[k] = append(byKey[k], line)
	}
	for _, own := range byKey {
		all = append(all, New(own))
	}
	slices.SortFunc(all, compare)
	return all
}

// compare returns the order of a list: the newest first.
func compare(a, b Execution) int {
	return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(b.Tracking, a.Tracking))
}

// New returns the execution that has these lines.
func New(lines []Line) Execution {
	slices.SortStableFunc(lines, func(a, b Line) int {
		// The first attempt may be logged before the acceptance.
		return cmp.Or(cmp.Compare(order(a), order(b)), a.Time.Compare(b.Time))
	})
	e := Execution{Tracking: lines[0].Tracking, Received: lines[0].Received, Lines: lines}
	if e.Received.IsZero() {
		e.Received = lines[0].Time
	}
	for _, line := range lines {
		e.Event = cmp.Or(line.Event, e.Event)
		e.Resource = cmp.Or(line.Resource, e.Resource)
		e.Number = cmp.Or(line.Number, e.Number)
		e.Total = cmp.Or(line.Total, e.Total)
		e.WebhookID = cmp.Or(line.WebhookID, e.WebhookID)
		e.Attempts = max(e.Attempts, line.Receives)
		if len(line.MessageIDs) > 0 {
			e.MessageIDs, e.Messages = line.MessageIDs, line.Messages
		}
	}
	e.conclude()
	return e
}

// order returns 0 for the line about the acceptance, which comes first, and 1 for others.
func order(l Line) int {
	if l.Kind == kindAccept {
		return 0
	}
	return 1
}

// WithoutWebhook reports whether the event was sent by a backfill or a reconciliation.
func (e Execution) WithoutWebhook() bool { return e.Lines[0].withoutWebhook() }

// conclude sets the outcome according to the last line.
func (e *Execution) conclude() {
	first, last := e.Lines[0], e.Lines[len(e.Lines)-1]
	if first.Kind == kindAccept && first.Outcome != string(Accepted) {
		e.Outcome, e.Reason, e.Detail = Rejected, first.Outcome, first.Detail
		return
	}
	if last.Kind == kindAccept || last.Kind == kindReplay {
		e.Outcome, e.Detail = Accepted, last.Detail
		return
	}
	e.Outcome, e.Reason, e.Detail = Outcome(last.Outcome), last.Reason, last.Detail
	switch {
	case last.Outcome == "retrying" || last.Unsettled != "":
		e.Outcome = Retrying
	case e.Outcome == Delivered && last.Kind == kindDeliver:
		e.LeftOut = last.LeftOut
	}
	if e.Outcome == Delivered && last.Kind == kindDeliver && !last.EventTime.IsZero() {
		delay := Milliseconds(max(last.Time.Sub(last.EventTime), 0).Milliseconds()) // Commerce's clock may be ahead
		e.Delay = &delay
	}
}

// Remark returns the reason of the outcome, or of a delivered event that fields were left out of
// its message; empty if there is neither.
func (e Execution) Remark() string {
	if e.LeftOut > 0 {
		return fmt.Sprintf("%d left out", e.LeftOut)
	}
	return e.Reason
}

// isLast reports whether the event became a dead letter after this attempt.
func (l Line) isLast() bool {
	return l.Kind == kindDeliver && l.Outcome == string(Failed) && l.Unsettled == ""
}
