package cli

import (
	"strings"
	"testing"

	"commerce-segment/infra/hub/local"
)

func TestTheInboxAndTheLatestWebhooksAreThereAfterARestart(t *testing.T) {
	h := start(t)
	sendTo(h, "", local.SampleName)
	before := h.AwaitMessages(1)
	h.Stop()
	h = startIn(t, h.Dir)
	if after := h.AwaitMessages(1); string(after[0]) != string(before[0]) {
		t.Errorf("the message was %s and is %s", before[0], after[0])
	}
	if _, page := h.Request("GET", "/templates/order-completed", ""); !strings.Contains(page, `value="recent:`) {
		t.Errorf("the template cannot be tried on the webhook:\n%s", page)
	}
	if strings.Contains(h.Stdout.String(), "nothing reads") {
		t.Errorf("the hub does not know its own files:\n%s", h.Stdout)
	}
	sendTo(h, "", local.SampleName)
	h.AwaitMessages(2)
}
