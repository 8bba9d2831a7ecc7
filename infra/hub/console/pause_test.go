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
	if status != 200 || !strings.Contains(page, "Paused: Order Completed.") {
		t.Fatalf("the answer is %d: %s", status, page)
	}
	for _, path := range []string{"/", "/trackings", "/templates", "/connections", "/none"} {
		if _, page := b.get(path); !strings.Contains(page, "<b>Paused.</b>") || !strings.Contains(page, "<span>Order Completed, since ") || strings.Contains(page, "<span>Order Updated, since ") {
			t.Errorf("%s does not show the pause", path)
		} else if strings.Contains(page, "Resume all") {
			t.Errorf("%s has a button for all of one tracking", path)
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
	all := url.Values{"pause": {"order-completed", "order-updated"}}
	b.post("/trackings/pause", all)
	if _, page := b.get("/"); strings.Count(page, "<b>Paused.</b>") != 1 || !strings.Contains(page, "Resume all") {
		t.Errorf("two paused trackings are not in one box with a button for both: %s", page)
	}
	if _, page := b.post("/trackings/resume", all); !strings.Contains(page, "Resumed: Order Completed, Order Updated.") || strings.Contains(page, "<b>Paused.</b>") {
		t.Errorf("after all are resumed the page is %s", page)
	}
	if status, _ := b.post("/trackings/pause", url.Values{"pause": {"order-paid"}}); status != 404 {
		t.Errorf("an unknown tracking is answered %d", status)
	}
}
