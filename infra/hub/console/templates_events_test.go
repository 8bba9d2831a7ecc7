package console

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// A deployed store keeps no webhook that was delivered, so its real events are made from the
// orders and customers in Commerce.
func TestPreviewsOfADeployedStoreUseTheLatestOrdersInCommerce(t *testing.T) {
	commerce, set := connected(t)
	order := func(number, payment, created string) string {
		return commerce.AddOrder(commercetest.Object{
			"payment": payment, "order_number": number, "customer": commercetest.Object{"name": "Mara Quarry", "email": "mara@example.com"},
			"meta": commercetest.Object{
				"timestamps":    commercetest.Object{"created_at": created, "updated_at": created},
				"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 4200, "currency": "EUR"}},
			},
		}, commercetest.Object{"type": "order_item", "name": "A kettle", "quantity": 1})
	}
	older := order("1", "paid", "2026-11-01T10:00:00Z")
	unpaid := order("2", "unpaid", "2026-11-02T10:00:00Z")
	newer := order("3", "paid", "2026-11-03T10:00:00Z")
	console := open(t)
	b := browseAt(t, console, set)

	_, page := b.get("/templates/order-completed")
	if first, second := strings.Index(page, newer), strings.Index(page, older); first < 0 || second < first || strings.Contains(page, unpaid) {
		t.Errorf("the page does not offer the paid orders, newest first: newer at %d, older at %d, unpaid %v", first, second, strings.Contains(page, unpaid))
	}
	value := eventOf(console.realEvents(t.Context(), tracking.OrderCompleted))
	_, preview := b.post("/templates/order-completed/preview", url.Values{"source": {templates.Default("order-completed")}, "event": {value}})
	if !strings.Contains(preview, newer) || strings.Contains(preview, "Mara") || !strings.Contains(preview, "A kettle") {
		t.Errorf("the preview does not show the newest order with its items and without personal values:\n%s", preview)
	}

	asked := len(commerce.Requests("/v2/orders"))
	b.post("/templates/order-completed/preview", url.Values{"source": {"{}"}, "event": {value}})
	if again := len(commerce.Requests("/v2/orders")); again != asked {
		t.Errorf("each preview asks Commerce again: %d requests, then %d", asked, again)
	}
}

// The page's script cancels a request when the user types the next key.
func TestACanceledRequestDoesNotHideEventsFromTheNext(t *testing.T) {
	commerce, set := connected(t)
	commerce.AddCustomer(commercetest.Object{"name": "Mara Quarry", "email": "mara@example.com"})
	console := open(t)
	browseAt(t, console, set)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	console.realEvents(canceled, tracking.CustomerCreated)
	if next := console.realEvents(t.Context(), tracking.CustomerCreated); len(next) != 1 {
		t.Errorf("the next request finds %d events, want 1", len(next))
	}
}

func TestTheSamplesAreThereIfCommerceFails(t *testing.T) {
	commerce, set := connected(t)
	commerce.Fail(commercetest.Fault{Path: "/v2/orders", Status: 403, Times: 100})
	status, page := browseAt(t, open(t), set).get("/templates/order-completed")
	if status != 200 || !strings.Contains(page, "Guest order") {
		t.Errorf("answered %d without the samples:\n%s", status, page)
	}
}
