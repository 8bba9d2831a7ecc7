package browser_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/browser"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// connects sets the hub's connection to Commerce.
func (h *hub) connects(commerce *commercetest.Server) {
	h.t.Helper()
	h.set(map[string]string{
		settings.CommerceTokenURL: commerce.URL + "/oauth/access_token", settings.CommerceClientID: commercetest.ClientID, settings.CommerceClientSecret: settings.BindSecret(commerce.URL, commercetest.ClientSecret),
	})
}

func addOrder(commerce *commercetest.Server, created time.Time, payment string) string {
	stamp := created.UTC().Format("2006-01-02T15:04:05.000Z")
	return commerce.AddOrder(commercetest.Object{
		"status": "complete", "payment": payment, "customer": commercetest.Object{"name": "Mara Quarry", "email": "mara@example.com"},
		"meta": commercetest.Object{
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 1200, "currency": "GBP"}},
			"timestamps":    commercetest.Object{"created_at": stamp, "updated_at": stamp},
		},
	})
}

// takes sends the hub a webhook about a created order.
func (h *hub) takes(order string, created time.Time) {
	h.t.Helper()
	stamp := created.UTC().Format("2006-01-02T15:04:05.000Z")
	body := fmt.Sprintf(`{"triggered_by": "order.created", "payload": {"data": {"type": "order", "id": %q, "meta": {"timestamps": {"created_at": %[2]q, "updated_at": %[2]q}}}}}`, order, stamp)
	request, err := http.NewRequest(http.MethodPost, h.url+serve.Route("checkout-started"), strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set(serve.KeyHeader, h.parameter(settings.WebhookSecret))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		h.t.Fatalf("the webhook is answered %s", answer.Status)
	}
}

// A backfill shows first how many events it sends, then its progress, also after a visit to
// another page, and in the end its result.
func TestABackfillIsPlannedSentStoppedAndResumed(t *testing.T) {
	t.Parallel()
	commerce, segment, h := commercetest.Start(t), hubtest.StartSegment(t), start(t, withoutEditor)
	h.connects(commerce)
	h.set(map[string]string{settings.SegmentHost: segment.URL, settings.SegmentWriteKey: "a-sources-key"})
	const orders = 1500
	for n := range orders {
		addOrder(commerce, time.Date(2026, 3, 1, 0, 0, n, 0, time.UTC), "unpaid")
	}
	p := h.open()
	p.Visit("/catchup")
	p.Fill("Created since", "2026-01-01")
	p.Follow("Step 1: plan")
	p.Sees("Send 1500 events")
	p.Sees("8 s") // at 200 a second
	if sent, _ := segment.Count(); sent > 0 {
		t.Error("planning sends events")
	}
	p.Follow("Send 1500 events")
	p.Sees("of 1500 events sent")
	p.Visit("/executions")
	p.Visit("/catchup")
	p.Holds("the bar to move", "document.querySelector('progress')?.value >= 300")
	none(t, "the page during the job", p.Faults())
	p.Follow("Stop")
	p.Sees("Stopped backfill")
	p.Sees("of 1500 events sent. You can resume the backfill")
	if sent, _ := segment.Count(); sent == 0 || sent >= orders {
		t.Errorf("it was stopped, and Segment received %d messages", sent)
	}
	p.Follow("Resume")
	p.Sees("of 1500 events sent")
	p.Sees("Done: 1500 events of 1500 orders sent.") // the page's script has loaded the result
	if sent, _ := segment.Count(); sent != orders {
		t.Errorf("Segment received %d messages, want %d", sent, orders)
	}
	if strings.Contains(p.Text(), "Stopped backfill") {
		t.Error("it is done, and can still be resumed")
	}
}

// The hub received the webhook of one of two orders.
func TestAMissingEventIsFoundAndSent(t *testing.T) {
	t.Parallel()
	commerce, segment, h := commercetest.Start(t), hubtest.StartSegment(t), start(t, withoutEditor)
	h.connects(commerce)
	h.set(map[string]string{settings.SegmentHost: segment.URL, settings.SegmentWriteKey: "a-sources-key"})
	now := time.Now()
	h.takes(addOrder(commerce, now, "unpaid"), now)
	// The records of webhooks begin with the first one, so the missing event must be later.
	lost := addOrder(commerce, now.Add(time.Minute), "unpaid")
	p := h.open()
	p.Visit("/catchup")
	p.Fill("Happened since", "1h")
	p.Fill("Happened until", now.Add(time.Hour).UTC().Format(time.RFC3339))
	p.Follow("Compare")
	p.Sees("order.created of " + lost)
	p.Sees("Commerce has no integration that posts to /webhooks/checkout-started")
	none(t, "the page with the missing event", p.Faults())
	p.Follow("Send 1 missing event")
	p.Sees("Done: 1 event sent.")
	p.Fill("Happened until", now.Add(time.Hour).UTC().Format(time.RFC3339))
	p.Follow("Compare")
	p.Sees("Nothing is missing.")
	if sent, _ := segment.Count(); sent != 2 {
		t.Errorf("Segment received %d messages, want the one of the webhook and the missing one", sent)
	}
}

// catchUpPages returns the states of the page Catch up for TestEveryPage, in a shop with missing
// events.
func catchUpPages(h *hub, commerce *commercetest.Server) []shot {
	h.t.Helper()
	for n := range 300 {
		payment := map[bool]string{true: "paid", false: "unpaid"}[n%3 == 0]
		addOrder(commerce, time.Date(2026, 3, 1, 0, n, 0, 0, time.UTC), payment)
	}
	for n := range 3 { // their webhooks never arrive
		addOrder(commerce, time.Now().Add(time.Duration(n+10)*time.Minute), "unpaid")
	}
	segment := hubtest.StartSegment(h.t)
	ended := make(chan struct{})
	h.t.Cleanup(func() { close(ended) })
	segment.Before = func(_ *http.Request, number int) int {
		if number > 2 {
			<-ended
		}
		return http.StatusOK
	}
	plan := func(p *browser.Page) {
		p.Visit("/catchup")
		p.Fill("Created since", "2026-01-01")
		p.Fill("Created until", "2026-07-01")
		p.Fill("Only to these integrations", "Amplitude")
		p.Follow("Step 1: plan")
		p.Sees("Send 400 events")
	}
	return []shot{
		{"revenue", func(p *browser.Page) {
			p.Visit("/revenue")
			p.Fill("Paid since", "2026-03-01")
			p.Follow("Compare")
			p.Sees("Revenue by day")
		}},
		{"revenue-orders", func(p *browser.Page) {
			p.Visit("/revenue?day=2026-03-01&currency=GBP&reason=not+known")
			p.Sees("The order was paid before the log of webhooks begins.")
		}},
		{"catchup", func(p *browser.Page) {
			for _, t := range tracking.All() { // earlier tests may have broken them
				h.set(map[string]string{settings.Template(t): templates.Default(t.Name)})
			}
			p.Visit("/catchup")
		}},
		{"catchup-plan", plan},
		{"catchup-missing", func(p *browser.Page) {
			p.Visit("/catchup")
			p.Fill("Happened until", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			p.Follow("Compare")
			p.Sees("Send 3 missing events")
		}},
		{"catchup-wrong", func(p *browser.Page) {
			p.Visit("/catchup")
			p.Fill("Created since", "last year")
			p.Follow("Step 1: plan")
			p.Sees("write a time such as")
		}},
		{"catchup-sending", func(p *browser.Page) {
			h.set(map[string]string{settings.SegmentHost: segment.URL, settings.SegmentWriteKey: "a-sources-key"})
			plan(p)
			p.Follow("Send 400 events")
			p.Sees("134 of 400 events sent")
		}},
		{"catchup-stopped", func(p *browser.Page) {
			p.Visit("/catchup")
			p.Follow("Stop")
			p.Sees("Stopped backfill")
		}},
	}
}
