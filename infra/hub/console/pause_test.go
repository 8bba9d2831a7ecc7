package console

import (
	"net/url"
	"strings"
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func TestAPausedTrackingIsShownOnEveryPage(t *testing.T) {
	b := browseHere(t, nil)
	status, page := b.post("/trackings/pause", url.Values{"pause": {"order-completed"}})
	if status != 200 || !strings.Contains(page, "Order Completed is paused.") {
		t.Fatalf("the answer is %d: %s", status, page)
	}
	for _, path := range []string{"/", "/trackings", "/templates", "/connections", "/none"} {
		if _, page := b.get(path); !strings.Contains(page, "<b>Paused.</b> Order Completed is paused since") || strings.Contains(page, "Order Updated is paused") {
			t.Errorf("%s does not show the pause", path)
		}
	}
	values, err := b.store.Parameters(t.Context(), []string{settings.Paused(tracking.OrderCompleted)})
	if err != nil || !settings.IsPaused(tracking.OrderCompleted, values) {
		t.Errorf("the settings are %v, %v", values, err)
	}
	b.post("/trackings/resume", url.Values{"pause": {"order-completed"}})
	if _, page := b.get("/trackings"); strings.Contains(page, "<b>Paused.</b>") {
		t.Error("after the resume the page still shows the pause")
	}
	if status, _ := b.post("/trackings/pause", url.Values{"pause": {"order-paid"}}); status != 404 {
		t.Errorf("an unknown tracking is answered %d", status)
	}
}
