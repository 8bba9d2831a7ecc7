package browser_test

import (
	"testing"

	"commerce-segment/infra/hub/browser"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// nameless is a template whose messages Segment would drop without an error, so its events
// become dead letters.
const nameless = `{"event": ""}`

// A template is broken and an order becomes a dead letter. The user finds it, fixes the
// template, checks the result, replays the order, and it is delivered.
func TestADeadLetterIsFoundFixedAndReplayed(t *testing.T) {
	t.Parallel()
	h := start(t, withoutEditor)
	h.set(map[string]string{settings.Template(tracking.OrderCompleted): nameless})
	for _, sample := range []string{"order-completed/guest", "order-completed/gift"} {
		h.posts(sample)
	}

	p := h.open()
	p.Until("/deadletters", "Order Completed: 2 events, the oldest failed")
	p.Sees("The template makes messages that Segment would drop")
	lookAtOne(p)
	p.Sees("Still fails: message 1: event is an empty string")
	p.Sees("•••")
	p.Follow("Show them")
	p.Sees("Personal values are shown.")
	if browser.Ask[bool](p, "document.body.textContent.includes('•••')") {
		t.Error("a personal value is still hidden")
	}
	letter := p.Path()

	p.Follow("Open the template")
	edit(p, defaultTemplate)
	p.Follow("Review and save")
	p.Follow("Save")
	p.Visit(letter)
	p.Sees("The template writes 1 valid message.")
	p.Follow("Replay this one")
	p.Sees("Replayed: 1 event back on the queue.")
	p.Sees("Order Completed: 1 event,")
	p.Follow("Replay this one of Order Completed")
	p.Sees("1 of 1 event would be delivered now.")
	p.Follow("Replay this one")
	p.Sees("1 event replayed")
	p.Sees("1 delivered.")
	p.Sees("There are no dead letters.")
	p.Visit("/executions?outcome=delivered")
	p.Sees("2 delivered")
}
