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

// connects tells the hub of a Commerce.
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

// takes has the hub take a webhook of an order's creation.
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

// Whoever tells the past sees first how much it is, then how far it has come, also after
// a visit to another page, and in the end that it is done.
func TestTheBackfillOfAShop(t *testing.T) {
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
	p.Follow("Step 1: plan it")
	p.Sees("Send 1500 events")
	p.Sees("8 s") // at 200 a second
	if sent, _ := segment.Count(); sent > 0 {
		t.Error("to plan it sends it")
	}
	p.Follow("Send 1500 events")
	p.Sees("of 1500 events sent")
	p.Visit("/executions")
	p.Visit("/catchup")
	p.Holds("the bar to move", "document.querySelector('progress')?.value >= 300")
	none(t, "while it sends", p.Faults())
	p.Follow("Stop")
	p.Sees("A backfill that was stopped")
	p.Sees("of 1500 events are sent. Nothing is lost")
	if sent, _ := segment.Count(); sent == 0 || sent >= orders {
		t.Errorf("it was stopped, and %d messages came", sent)
	}
	p.Follow("Go on")
	p.Sees("of 1500 events sent")
	p.Sees("Done: 1500 events of 1500 orders sent.") // the page's script has asked for it
	if sent, _ := segment.Count(); sent != orders {
		t.Errorf("%d messages came, want %d", sent, orders)
	}
	if strings.Contains(p.Text(), "A backfill that was stopped") {
		t.Error("it is done, and can still be gone on with")
	}
}

// Of two orders the hub has got the webhook of one.
func TestWhatWasLostIsFoundAndSent(t *testing.T) {
	t.Parallel()
	commerce, segment, h := commercetest.Start(t), hubtest.StartSegment(t), start(t, withoutEditor)
	h.connects(commerce)
	h.set(map[string]string{settings.SegmentHost: segment.URL, settings.SegmentWriteKey: "a-sources-key"})
	now := time.Now()
	h.takes(addOrder(commerce, now, "unpaid"), now)
	// The hub knows of webhooks since its first one, so what it has lost is younger.
	lost := addOrder(commerce, now.Add(time.Minute), "unpaid")
	p := h.open()
	p.Visit("/catchup")
	p.Fill("Happened since", "1h")
	p.Fill("Happened until", now.Add(time.Hour).UTC().Format(time.RFC3339))
	p.Follow("Compare")
	p.Sees("order.created of " + lost)
	p.Sees("Commerce has no integration that posts to /webhooks/checkout-started")
	none(t, "what is missing", p.Faults())
	p.Follow("Send what is missing, 1 event")
	p.Sees("Done: 1 event sent.")
	p.Fill("Happened until", now.Add(time.Hour).UTC().Format(time.RFC3339))
	p.Follow("Compare")
	p.Sees("Nothing is missing.")
	if sent, _ := segment.Count(); sent != 2 {
		t.Errorf("%d messages came, want the one of the webhook and the one that was lost", sent)
	}
}

// catchUpPages are what TestEveryPage looks at of a shop of which Segment was not told
// everything.
func catchUpPages(h *hub, commerce *commercetest.Server) []shot {
	h.t.Helper()
	for n := range 300 {
		payment := map[bool]string{true: "paid", false: "unpaid"}[n%3 == 0]
		addOrder(commerce, time.Date(2026, 3, 1, 0, n, 0, 0, time.UTC), payment)
	}
	for n := range 3 { // whose webhooks never come
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
		p.Follow("Step 1: plan it")
		p.Sees("Send 400 events")
	}
	return []shot{
		{"catchup", func(p *browser.Page) {
			for _, t := range tracking.All() { // which may have been broken
				h.set(map[string]string{settings.Template(t): templates.Default(t.Name)})
			}
			p.Visit("/catchup")
		}},
		{"catchup-plan", plan},
		{"catchup-missing", func(p *browser.Page) {
			p.Visit("/catchup")
			p.Fill("Happened until", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			p.Follow("Compare")
			p.Sees("Send what is missing, 3 events")
		}},
		{"catchup-wrong", func(p *browser.Page) {
			p.Visit("/catchup")
			p.Fill("Created since", "last year")
			p.Follow("Step 1: plan it")
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
			p.Sees("A backfill that was stopped")
		}},
	}
}
