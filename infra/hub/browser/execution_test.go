package browser_test

import (
	"testing"

	"commerce-segment/infra/hub/browser"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// lookAtExecution opens the newest webhook in the list of executions.
func lookAtExecution(p *browser.Page) {
	p.Visit("/executions")
	p.Follow(browser.Ask[string](p, "document.querySelector('.executions a').innerText"))
}

// An order becomes a dead letter. The user follows it from the list of executions, replays it
// on its page, and sees the replay in the trace of the order.
func TestAWebhookIsFollowedFromTheListToItsOrder(t *testing.T) {
	t.Parallel()
	h := start(t, withoutEditor)
	h.set(map[string]string{settings.Template(tracking.OrderCompleted): nameless})
	h.posts("order-completed/guest")
	p := h.open()
	p.Until("/executions?outcome=failed", "message_invalid")
	lookAtExecution(p)
	p.Sees("Attempt 1: it became a dead letter")
	p.Sees("It is kept as a dead letter.")
	p.Sees("It fails: message 1: event is an empty string")
	page := p.Path()
	h.set(map[string]string{settings.Template(tracking.OrderCompleted): templates.Default("order-completed")})
	p.Until(page, "Result with the live template")
	p.Follow("Replay the dead letter")
	p.Until(page, "Segment accepted it")
	p.Sees("The dead letter was replayed: it is on the queue again.")
	p.Sees("As the inbox received it. The live template writes the same.")
	p.Sees("•••")
	p.Follow("Show them")
	p.Sees("Personal values are shown.")
	p.Follow("Everything about " + browser.Ask[string](p, "document.querySelector('main .mono').innerText"))
	p.Sees("Received 1 webhook about")
	p.Sees("The dead letter was replayed: it is on the queue again.")
	none(t, "the trace", p.Faults())
	none(t, "the browser", p.Complaints())
}
