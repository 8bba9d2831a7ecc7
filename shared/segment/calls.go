package segment

import (
	"fmt"
	"slices"
	"strings"
)

// Call has what Segment's event volumes count a message by, and whether it has the user's consent.
type Call struct {
	Type  string `json:"type"`            // track, identify, …
	Event string `json:"event,omitempty"` // the name of a track call
	// Consent reports whether the message has context.consent.categoryPreferences, without which
	// Segment sends it to all destinations.
	Consent bool `json:"consent,omitempty"`
}

// Calls counts messages that are the same call.
type Calls struct {
	Call
	Messages int `json:"messages"`
}

// String returns the calls as a log in text has them: 2 track Order Completed.
func (c Calls) String() string {
	text := fmt.Sprintf("%d %s", c.Messages, c.Type)
	if c.Event != "" {
		text += " " + c.Event
	}
	if c.Consent {
		text += " with consent"
	}
	return text
}

const (
	// ComputedEvent stands for the name of an event that the template does not contain. It was made
	// from the data of an order or a customer, so it may be personal.
	ComputedEvent = "(computed)"
	// OtherEvents stands for the names after the first maxCalls.
	OtherEvents = "(other)"

	maxCalls       = 20
	maxEventLength = 200 // in bytes
)

// CallsOf counts messages by their calls, in the order of the first message of each. The result is
// safe to log: it has only names of events that the source of the template contains.
func CallsOf(messages []Message, template string) (all []Calls) {
	for _, m := range messages {
		call := m.Call
		if len(call.Event) > maxEventLength || !strings.Contains(template, call.Event) {
			call.Event = ComputedEvent
		}
		place := placeOf(all, call)
		if place == len(all) && len(all) >= maxCalls {
			call.Event = OtherEvents
			place = placeOf(all, call)
		}
		if place == len(all) {
			all = append(all, Calls{Call: call})
		}
		all[place].Messages++
	}
	return all
}

// placeOf returns the index of a call; the length if it is not there.
func placeOf(all []Calls, call Call) int {
	if i := slices.IndexFunc(all, func(c Calls) bool { return c.Call == call }); i >= 0 {
		return i
	}
	return len(all)
}

// callOf returns the call of a message that is valid.
func callOf(fields map[string]any) Call {
	call := Call{Type: field(fields, "type").(string)}
	if call.Type == "track" {
		call.Event, _ = field(fields, "event").(string)
	}
	context, _ := field(fields, "context").(map[string]any)
	consent, _ := context["consent"].(map[string]any)
	_, call.Consent = consent["categoryPreferences"].(map[string]any)
	return call
}
