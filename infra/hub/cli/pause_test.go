package cli

import (
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
)

func TestAPausedTrackingKeepsItsEventsUntilItIsResumed(t *testing.T) {
	h := start(t)
	h.Set("templates/order-completed", hubtest.Simple)
	h.AwaitSettings()
	paused := command(t, "", "pause", "order-completed", "--dir", h.Dir)
	if paused.code != exitDone || !strings.Contains(paused.stdout, "Order Completed is paused since") || !strings.Contains(paused.stdout, "kept until it is resumed") {
		t.Fatalf("it exits %d and says\n%s%s", paused.code, paused.stdout, paused.stderr)
	}
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-1"))
	h.Webhook("order-updated", hubtest.Order("order.updated", "o-2"))
	h.AwaitMessages(1)
	time.Sleep(300 * time.Millisecond)
	if n := len(h.Messages()); n != 1 {
		t.Fatalf("%d messages arrived while Order Completed was paused, want 1", n)
	}
	if report := command(t, "", "doctor", h.AddrFlag(), "--dir", h.Dir); !strings.Contains(report.stdout, "Order Completed is paused since") || !strings.Contains(report.stdout, "hub resume order-completed") {
		t.Errorf("hub doctor does not report the pause:\n%s", report.stdout)
	}
	if resumed := command(t, "", "resume", "--all", "--dir", h.Dir); resumed.stdout != "No tracking is paused.\n" {
		t.Errorf("resume says\n%s%s", resumed.stdout, resumed.stderr)
	}
	h.AwaitMessages(2)
	list := ended(h, 2)
	for _, e := range list {
		if e.Attempts != 1 {
			t.Errorf("the event about %s was attempted %d times, want once: a pause uses up no attempt", e.Resource, e.Attempts)
		}
	}
	for _, args := range [][]string{{"pause"}, {"pause", "--all", "order-completed"}, {"resume", "order-paid"}} {
		if got := command(t, "", append(args, "--dir", h.Dir)...); got.code != exitFailed {
			t.Errorf("hub %v exits %d", args, got.code)
		}
	}
}
