// Package receivedtest makes differences between what a store sent and what Segment received, for
// tests.
package receivedtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
)

// WriteKey is the key of the store's source.
const WriteKey = "wk-of-the-store"

// Order is the name of an event.
const Order = "Order Completed"

// World is a store, what it sent, and Segment.
type World struct {
	T       testing.TB
	Segment *publicapitest.Server
	Source  string // the id of the store's source
	Store   store.Store
	Lines   []executions.Line // the deliveries
	Now     time.Time
}

// New returns a world in which nothing was sent in the last two days, and sets what the store
// needs. The workspace has another source.
func New(t testing.TB, s store.Store) *World {
	t.Helper()
	w := &World{T: t, Segment: publicapitest.Start(t), Store: s, Now: time.Now()}
	w.Source = w.Segment.AddSource(publicapitest.Source{Slug: "orders", Name: "Orders", WriteKeys: []string{WriteKey}})
	w.Segment.AddSource(publicapitest.Source{Slug: "website", WriteKeys: []string{"wk-of-the-website"}})
	for name, value := range map[string]string{
		settings.SegmentWriteKey: WriteKey, settings.SegmentHost: settings.DefaultHost, settings.WebhookSecret: strings.Repeat("s", 40),
		settings.SegmentAPIHost: w.Segment.URL, settings.SegmentAPIToken: settings.BindSecret(w.Segment.URL, publicapitest.Token),
	} {
		w.Set(name, value)
	}
	w.Send(60, "", 1) // before the period, so that the log is complete
	return w
}

// Set sets a parameter.
func (w *World) Set(name, value string) {
	w.T.Helper()
	if err := w.Store.Put(w.T.Context(), name, value); err != nil {
		w.T.Fatal(err)
	}
}

// At returns a moment in an hour: 1 is the last hour that is judged, and 0 is the one after it.
func (w *World) At(hoursAgo int) time.Time {
	return w.Now.UTC().Add(-10 * time.Minute).Truncate(time.Hour).Add(-time.Duration(hoursAgo)*time.Hour + time.Second)
}

// Send adds deliveries of an event in an hour, each with one message; of identify if the name is
// empty.
func (w *World) Send(hoursAgo int, event string, n int) { w.SendWith(hoursAgo, event, n, false) }

// SendWith is Send for messages with or without consent.
func (w *World) SendWith(hoursAgo int, event string, n int, consent bool) {
	call := segment.Call{Type: typeOf(event), Event: event, Consent: consent}
	for range n {
		at := w.At(hoursAgo).Add(time.Duration(len(w.Lines)) * time.Millisecond)
		w.Lines = append(w.Lines, executions.Line{
			Time: at, Kind: "deliver", Tracking: "order-completed", Received: at, Event: "order.paid", Resource: fmt.Sprintf("order-%d", len(w.Lines)), Receives: 1, Outcome: "delivered",
			MessageIDs: []string{fmt.Sprintf("m-%d", len(w.Lines))}, Calls: []segment.Calls{{Call: call, Messages: 1}},
		})
	}
}

// SentBy makes a tracking the sender of the last n lines.
func (w *World) SentBy(name string, n int) {
	for i := range n {
		w.Lines[len(w.Lines)-1-i].Tracking = name
	}
}

// Repeat delivers the messages of the last n lines once more.
func (w *World) Repeat(hoursAgo, n int) {
	for _, line := range w.Lines[len(w.Lines)-n:] {
		line.Time, line.Received = w.At(hoursAgo), w.At(hoursAgo)
		w.Lines = append(w.Lines, line)
	}
}

// Receive makes Segment receive messages of an event in an hour.
func (w *World) Receive(hoursAgo int, event string, n int) {
	w.Segment.Received(w.Source, typeOf(event), event, w.At(hoursAgo), n)
}

func typeOf(event string) string {
	if event == "" {
		return "identify"
	}
	return "track"
}

// Case is a difference, and what is said about it.
type Case struct {
	Name     string
	Make     func(*World)
	Severity string // of the finding; empty if there is none
	Says     string
}

// Cases are the differences that each command and page must find and explain.
var Cases = []Case{
	{"an event is blocked", func(w *World) {
		w.Send(3, Order, 40)
		w.Receive(3, Order, 35)
		w.Segment.FilteredAtSource(w.Source, "track", Order, "Schema: event blocked", w.At(3), 5)
	}, "warning", "Segment blocked 5 messages of Order Completed at the source. Reason: Schema: event blocked."},
	{"an ingest fails", func(w *World) {
		w.Send(3, Order, 40)
		w.Receive(3, Order, 39)
		w.Segment.FailedOnIngest(w.Source, "track", Order, "Invalid timestamp", w.At(3), 1)
	}, "warning", "1 message failed on ingest: dropped by Segment's validation. Event: Order Completed. Reason: Invalid timestamp."},
	{"the volumes lag", func(w *World) {
		w.Segment.Lag = w.Now.Sub(w.At(1)) + time.Minute
		w.Send(2, Order, 4)
		w.Receive(2, Order, 4)
		w.Send(1, Order, 3)
		w.Receive(1, Order, 3)
	}, "note", "and 3 messages were sent since then. Segment's counts may be late, so these hours are not compared yet."},
	{"a wrong key", func(w *World) {
		w.Set(settings.SegmentWriteKey, "wk-of-nothing")
		w.Send(3, Order, 4)
	}, "fault", "No source of the workspace “Stand-in” has the write key: Segment answers 200 and drops the events."},
	{"a deleted source", func(w *World) {
		w.Send(5, Order, 4)
		w.Receive(5, Order, 4)
		w.Segment.RemoveSource(w.Source)
		w.Send(3, Order, 4)
	}, "note", "Perhaps a deleted source had the write key: a source that no longer exists received events with the names that this store sends, the last in the hour from "},
	{"a double count", func(w *World) {
		w.Send(3, Order, 40)
		w.Receive(3, Order, 52)
	}, "warning", "Segment received 12 more messages of Order Completed than were sent"},
	{"no token", func(w *World) {
		w.Set(settings.SegmentAPIToken, "")
		w.Send(3, Order, 4)
	}, "", "What Segment received cannot be checked: the store has no token of Segment's Public API"},
}
