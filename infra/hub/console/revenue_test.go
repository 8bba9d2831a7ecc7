package console

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/settings"
)

// addSale adds an order of 120.00 with 20.00 tax in it, paid at a time.
func (s *shop) addSale(paid time.Time) string {
	at := commercetest.Object{"timestamps": commercetest.Object{"created_at": paid.UTC().Format(time.RFC3339), "updated_at": paid.UTC().Format(time.RFC3339)}}
	price := func(amount int) commercetest.Object { return commercetest.Object{"amount": amount, "currency": "EUR"} }
	id := s.commerce.AddOrder(commercetest.Object{"payment": "paid", "customer": commercetest.Object{"name": "Mara Quarry"}, "meta": commercetest.Object{
		"display_price": commercetest.Object{"with_tax": price(12000), "tax": price(2000)}, "timestamps": at["timestamps"],
	}})
	s.commerce.AddTransaction(id, commercetest.Object{"transaction_type": "purchase", "status": "complete", "amount": 12000, "meta": at})
	return id
}

// accepted writes the log line of an order whose revenue Segment accepted.
func (s *shop) accepted(order string, paid time.Time, revenue string) {
	line := slog.NewRecord(paid.Add(time.Second), slog.LevelInfo, "deliver", 0)
	line.Add("tracking", "order-completed", "received", paid, "event_time", paid, "event", "order.paid", "resource", order, "receives", 1, "outcome", "delivered",
		"revenue", json.Number(revenue), "currency", "EUR")
	if err := s.lines.Handler().Handle(s.t.Context(), line); err != nil {
		s.t.Fatal(err)
	}
}

// compared compares revenues, and returns the page.
func (s *shop) comparesRevenue(form url.Values) string {
	s.t.Helper()
	if status, page := s.post("/revenue/compare", form); status != http.StatusOK {
		s.t.Fatalf("comparing answers %d:\n%s", status, page)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := s.get("/revenue/job"); status == http.StatusResetContent {
			_, page := s.get("/revenue")
			return page
		}
		if time.Now().After(deadline) {
			s.t.Fatal("the job does not end")
		}
	}
}

func TestTheDifferenceOfADayIsExplainedAndWhatIsMissingIsSent(t *testing.T) {
	s := openShop(t)
	now := time.Now()
	noon := time.Date(now.Year(), now.Month(), now.Day()-2, 12, 0, 0, 0, time.Local)
	date := noon.Format(time.DateOnly)
	first := s.addSale(noon)
	s.accepted(first, noon, "100.00")
	lost := s.addSale(noon.Add(time.Minute))
	page := s.comparesRevenue(url.Values{"since": {"7d"}})
	wants(t, page, `aria-current="page"><b>Revenue</b>`, `<a href="./revenue?day=`+date+`&currency=EUR#orders">`+date+`</a>`,
		`data-label="Paid" class="number">240.00<`, `data-label="Sent" class="number">100.00<`, `data-label="Difference" class="number">140.00<`,
		`reason=missing#orders">missing</a> 120.00 <small>(1 order)`, `>tax</a> 20.00`, now.Format("MST"), "Send 1 missing order", s.segment.URL)
	lacks(t, page, "Mara", "not known")

	_, orders := s.get("/revenue?day=" + date + "&currency=EUR&reason=missing")
	wants(t, orders, `href="./trace?q=`+lost, "missing 120.00", "The event can be sent.")
	lacks(t, orders, first)
	_, orders = s.get("/revenue?day=" + date + "&currency=EUR")
	wants(t, orders, first, lost)
	_, csv := s.get("/revenue.csv?of=orders")
	wants(t, csv, date+","+first+",,EUR,120.00,100.00,20.00,log,tax 20.00\n")
	_, csv = s.get("/revenue.csv?of=days")
	wants(t, csv, date+",EUR,2,240.00,100.00,140.00,0,0,0,\"missing 120.00 (1 order), tax 20.00 (1 order)\",,\n")

	if status, _ := s.post("/revenue/send", url.Values{"found": {"an-older-result"}}); status != http.StatusConflict || s.sent() != 0 {
		t.Errorf("for another result it answers %d, and sends %d messages", status, s.sent())
	}
	form := url.Values{"found": foundField.FindStringSubmatch(page)[1:]}
	if status, _ := s.post("/revenue/send", form); status != http.StatusOK {
		t.Errorf("sending answers %d", status)
	}
	wants(t, s.settled(), "Done: 1 event sent.")
	if s.sent() != 1 {
		t.Errorf("Segment received %d messages, want 1", s.sent())
	}
	if status, again := s.post("/revenue/send", form); status != http.StatusConflict {
		t.Errorf("the second time it answers %d:\n%s", status, again)
	}
	page = s.comparesRevenue(url.Values{"since": {date}})
	wants(t, page, `class="number">200.00<`, `class="number">40.00<`)
	lacks(t, page, "reason=missing", "missing order", "by the template")
}

func TestTheRevenuePageSaysWhatItCannotKnow(t *testing.T) {
	s := openShop(t)
	for form, says := range map[string]string{"": "write a time such as", "<soon>": `"<soon>": write a time such as`, "10m": "must be before the end of the period"} {
		status, page := s.post("/revenue/compare", url.Values{"since": {form}})
		if status != http.StatusUnprocessableEntity {
			t.Errorf("since %q it answers %d", form, status)
		}
		wants(t, page, says)
	}
	s.addSale(time.Now().AddDate(0, 0, -2))
	page := s.comparesRevenue(url.Values{"since": {"3d"}})
	wants(t, page, `data-label="Difference" class="number">not known<`, "(1 order, by the template 100.00)", "It is not known what was sent for 1 order. The log of webhooks begins at")
	s.commerce.Fail(commercetest.Fault{Path: "/v2/orders", Status: 403})
	wants(t, s.comparesRevenue(url.Values{"since": {"3d"}}), `role="alert"`, "403")
	if err := s.store.Put(t.Context(), settings.CommerceClientID, ""); err != nil {
		t.Fatal(err)
	}
	_, page = s.get("/revenue")
	wants(t, page, "it is not known what was paid", "commerce/client-id is not set", `<a href="./connections">Connect it</a>`)
	if status, page := s.post("/revenue/compare", url.Values{"since": {"3d"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("without access to Commerce it answers %d:\n%s", status, page)
	}
}
