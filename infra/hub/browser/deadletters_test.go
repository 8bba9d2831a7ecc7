package browser_test

import (
	"testing"

	"commerce-segment/infra/hub/browser"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// nameless is a template whose messages Segment would drop without a word: what it makes
// becomes a dead letter.
const nameless = `{"event": ""}`

// A template is broken, an order becomes a dead letter, somebody finds it, sees that the
// repair helps before they trust it, replays it, and it arrives.
func TestADeadLetterIsFoundFixedAndReplayed(t *testing.T) {
	t.Parallel()
	h := start(t, withoutEditor)
	h.set(map[string]string{settings.Template(tracking.OrderCompleted): nameless})
	for _, sample := range []string{"order-completed/guest", "order-completed/gift"} {
		h.posts(sample)
	}

	p := h.open()
	p.Until("/deadletters", "Order Completed: 2, the oldest")
	p.Sees("The template writes what Segment would drop")
	lookAtOne(p)
	p.Sees("Still wrong: message 1: event is an empty string")
	p.Sees("•••")
	p.Follow("Show them")
	p.Sees("Personal values are shown.")
	if browser.Ask[bool](p, "document.body.textContent.includes('•••')") {
		t.Error("a personal value that was asked for is hidden")
	}
	letter := p.Path()

	p.Follow("Open the template")
	edit(p, defaultTemplate)
	p.Follow("Review and save")
	p.Follow("Save")
	p.Visit(letter)
	p.Sees("One message that can be sent.")
	p.Follow("Replay this one")
	p.Sees("Replayed: 1 event back on the queue.")
	p.Sees("Order Completed: one,")
	p.Follow("Replay this one of Order Completed")
	p.Sees("There are no dead letters.")
	p.Visit("/executions?outcome=delivered")
	p.Sees("2 delivered")
}
