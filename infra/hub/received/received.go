// Package received compares what was sent to Segment with what Segment received.
//
// Segment answers 200 to nearly everything: also to a wrong write key, and to messages that it
// drops later. What was sent is in the log lines of the deliveries. What Segment received is in
// the event volumes and in the delivery overview of its Public API, for which the store needs a
// token. Both are counted by event and by hour.
package received

import (
	"cmp"
	"slices"
	"time"

	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// Event is what messages are counted by.
type Event struct {
	Type string `json:"type"`            // track, identify, …
	Name string `json:"event,omitempty"` // of a track call
}

// String returns the name of a track call, and the type of another call.
func (e Event) String() string { return cmp.Or(e.Name, e.Type) }

// hasName reports whether the name of a track call is in the log. If it is not, it may be received
// under any name.
func (e Event) hasName() bool {
	return e.Name != segment.ComputedEvent && e.Name != segment.OtherEvents
}

// compareEvents is the order in which events are shown.
func compareEvents(a, b Event) int {
	return cmp.Or(cmp.Compare(b.Type, a.Type), cmp.Compare(a.Name, b.Name)) // track calls first
}

// EventHour is an event in an hour, which begins at Hour.
type EventHour struct {
	Event
	Hour time.Time `json:"hour"`
}

// Count is the number of messages that were sent.
type Count struct {
	Messages int `json:"sent"`
	// Repeated is how many of them had the messageId of one that was sent within the day before.
	// Segment drops those.
	Repeated int `json:"repeated,omitempty"`
	// Recounted is how many had the messageId of one that was sent earlier than that. Segment may
	// count those twice.
	Recounted int `json:"recounted,omitempty"`
	// WithoutConsent is how many had no context.consent.categoryPreferences.
	WithoutConsent int `json:"without_consent,omitempty"`
}

// distinct is how many different messages Segment was sent.
func (c Count) distinct() int { return c.Messages - c.Repeated - c.Recounted }

func (c *Count) add(other Count) {
	c.Messages += other.Messages
	c.Repeated += other.Repeated
	c.Recounted += other.Recounted
	c.WithoutConsent += other.WithoutConsent
}

// Row is what was sent and received of an event in an hour.
type Row struct {
	EventHour
	Count
	Received int `json:"received"`
}

// Total is what was sent and received of an event in the whole period.
type Total struct {
	Event
	Count
	Received int `json:"received"`
	Late     int `json:"late,omitempty"`    // received after the period
	Twice    int `json:"twice,omitempty"`   // Segment had received them before, and counted them again
	Failed   int `json:"failed,omitempty"`  // on ingest: Segment's validation rejected them
	Blocked  int `json:"blocked,omitempty"` // at the source, by its schema settings or its tracking plan
}

// Report is what was sent to Segment and what Segment received in a period of whole hours.
type Report struct {
	At     time.Time `json:"at"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Source string    `json:"source,omitempty"` // the name of the Segment source that has the write key
	// Unknown is why it is not known what Segment received. Then nothing is counted as received.
	Unknown string `json:"unknown,omitempty"`
	// NotAsked reports that Segment was not asked, because of the settings: there is no token of the
	// Public API, or messages go to the inbox.
	NotAsked bool      `json:"not_asked,omitempty"`
	Sent     int       `json:"sent"`     // without repeated messages
	Received int       `json:"received"` // of the events that were sent, with those that came late
	Events   []Total   `json:"events"`   // those that were sent
	Rows     []Row     `json:"hours"`    // of these events, oldest first
	Findings []Finding `json:"findings"` // the worst first

	byTracking map[string][]Event // what was sent
}

// Known reports whether it is known what Segment received.
func (r Report) Known() bool { return r.Unknown == "" }

// CompletedOrders returns how many messages of Order Completed were sent on the day that begins at a
// time, and how many Segment received. That is not known of a day of which not all hours were compared,
// nor of events whose names are not in the log.
func (r Report) CompletedOrders(day time.Time) (sent, received int, known bool) {
	end := day.AddDate(0, 0, 1)
	if day.Before(r.Since) || end.After(r.Until) {
		return 0, 0, false
	}
	for _, row := range r.Rows {
		isOnDay := !row.Hour.Before(day) && row.Hour.Before(end)
		if isOnDay && row.hasName() && slices.Contains(r.byTracking[tracking.OrderCompleted.Name], row.Event) {
			sent, received, known = sent+row.distinct(), received+row.Received, true
		}
	}
	return sent, received, known
}

// Severity is how bad a finding is.
type Severity string

// The severities, from the best to the worst.
const (
	Note    Severity = "note"
	Warning Severity = "warning" // some messages are lost, or counted twice
	Fault   Severity = "fault"   // all messages are lost
)

var severities = []Severity{Note, Warning, Fault}

// The keys of findings that the settings cause.
const (
	FindingWrongKey       = "key"      // no source has the write key
	FindingSourceDisabled = "disabled" // the source is disabled
)

// Finding is a difference that needs an explanation.
type Finding struct {
	Key      string   `json:"key"` // the same as long as it is the same finding
	Severity Severity `json:"severity"`
	Says     string   `json:"says"`
	Do       string   `json:"do,omitempty"`
	// Trackings are the names of those that sent the event of the finding; empty if it is not about
	// one event.
	Trackings []string `json:"trackings,omitempty"`
}

// About returns the findings about an event that the tracking sent.
func (r Report) About(t tracking.Tracking) (found []Finding) {
	for _, f := range r.Findings {
		if slices.Contains(f.Trackings, t.Name) {
			found = append(found, f)
		}
	}
	return found
}

// sortFindings sorts findings, the worst first.
func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Compare(slices.Index(severities, b.Severity), slices.Index(severities, a.Severity))
	})
}
