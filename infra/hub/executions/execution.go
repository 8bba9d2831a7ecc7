package executions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/spool"
)

// Outcome is what has become of a webhook by now.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered" // Segment took it
	Skipped   Outcome = "skipped"   // there is nothing to send
	Accepted  Outcome = "accepted"  // on the queue, and no attempt has ended yet
	Retrying  Outcome = "retrying"  // an attempt was made; another one comes
	Failed    Outcome = "failed"    // among the dead letters
	Rejected  Outcome = "rejected"  // Commerce was not answered 202
)

// Outcomes are all of them.
var Outcomes = []Outcome{Delivered, Skipped, Accepted, Retrying, Failed, Rejected}

// ParseOutcomes reads the names of outcomes.
func ParseOutcomes(names []string) ([]Outcome, error) {
	var list []Outcome
	for _, name := range names {
		if !slices.Contains(Outcomes, Outcome(name)) {
			all := make([]string, len(Outcomes))
			for i, o := range Outcomes {
				all[i] = string(o)
			}
			return nil, fmt.Errorf("there is no outcome %q: the outcomes are %s", name, strings.Join(all, ", "))
		}
		list = append(list, Outcome(name))
	}
	return list, nil
}

// Execution is what became of one webhook: of one call of Commerce.
type Execution struct {
	Received   time.Time `json:"received"`
	Tracking   string    `json:"tracking"`
	Event      string    `json:"event,omitempty"`
	Resource   string    `json:"resource,omitempty"` // the order's or customer's id
	WebhookID  string    `json:"webhook_id,omitempty"`
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Attempts   int       `json:"attempts"`
	MessageIDs []string  `json:"message_ids,omitempty"`
	Messages   int       `json:"messages,omitempty"` // how many there are, where only the first ids are known
	// Delay is from the fact's own time to Segment's answer; nil unless it was delivered.
	Delay *Milliseconds `json:"delay_ms,omitempty"`
	Lines []Line        `json:"lines"` // in their order
}

// Milliseconds is a time that has passed.
type Milliseconds int64

// Of puts the lines of each webhook together, the newest webhook first.
func Of(lines []Line, now time.Time) []Execution {
	type key struct {
		tracking string
		received int64
	}
	var all []Execution
	byKey := map[key][]Line{}
	for _, line := range lines {
		if line.Received.IsZero() { // it was refused, or could not be read: there is no other line
			all = append(all, executionOf([]Line{line}, now))
			continue
		}
		k := key{line.Tracking, line.Received.UnixNano()}
		byKey[k] = append(byKey[k], line)
	}
	for _, own := range byKey {
		all = append(all, executionOf(own, now))
	}
	slices.SortFunc(all, func(a, b Execution) int {
		return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(a.Tracking, b.Tracking))
	})
	return all
}

// executionOf tells of one webhook by its lines.
func executionOf(lines []Line, now time.Time) Execution {
	slices.SortStableFunc(lines, func(a, b Line) int {
		// The first attempt may be written down before the acceptance is.
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Time.Compare(b.Time))
	})
	e := Execution{Tracking: lines[0].Tracking, Received: lines[0].Received, Lines: lines}
	if e.Received.IsZero() {
		e.Received = lines[0].Time
	}
	for _, line := range lines {
		e.Event = cmp.Or(chars.Line(line.Event), e.Event)
		e.Resource = cmp.Or(chars.Line(line.Resource), e.Resource)
		e.WebhookID = cmp.Or(chars.Line(line.WebhookID), e.WebhookID)
		e.Attempts = max(e.Attempts, line.Receives)
		if len(line.MessageIDs) > 0 {
			e.MessageIDs, e.Messages = line.MessageIDs, line.Messages
		}
	}
	e.conclude(now)
	return e
}

// conclude says how it stands, by the last line.
func (e *Execution) conclude(now time.Time) {
	first, last := e.Lines[0], e.Lines[len(e.Lines)-1]
	if first.Kind == kindAccept && first.Outcome != string(Accepted) {
		e.Outcome, e.Reason, e.Detail = Rejected, first.Outcome, first.Detail
		return
	}
	if last.Kind == kindAccept {
		e.Outcome, e.Detail = Accepted, last.Detail
		return
	}
	e.Outcome, e.Reason, e.Detail = Outcome(last.Outcome), last.Reason, last.Detail
	switch {
	case last.exhausted(now):
		e.Outcome, e.Reason = Failed, "receives_exhausted"
		e.Detail = fmt.Sprintf("the last of its %d attempts ended with %s", last.Receives, last.Reason)
	case last.Outcome == "retrying" || last.Unsettled != "":
		e.Outcome = Retrying
	case e.Outcome == Delivered && !last.EventTime.IsZero():
		delay := Milliseconds(max(last.Time.Sub(last.EventTime), 0).Milliseconds()) // Commerce's clock may be ahead
		e.Delay = &delay
	}
}

// exhausted says that the queue has given the event up, which writes no line.
func (l Line) exhausted(now time.Time) bool {
	return l.Outcome == "retrying" && l.Receives >= spool.MaxReceives && now.After(l.returns().Add(spool.Visibility))
}
