package order

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

// shop is a store on this machine that is connected to a Commerce.
type shop struct {
	*testing.T
	store    store.Store
	commerce *commercetest.Server
}

func openShop(t *testing.T) shop {
	directory, err := store.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := shop{t, store.InDirectory(directory), commercetest.Start(t)}
	s.put(settings.CommerceTokenURL, s.commerce.URL+"/oauth/access_token")
	s.put(settings.CommerceClientID, commercetest.ClientID)
	s.put(settings.CommerceClientSecret, settings.BindSecret(s.commerce.URL, commercetest.ClientSecret))
	s.put(settings.SegmentWriteKey, strings.Repeat("k", 32))
	return s
}

func (s shop) put(name, value string) {
	s.Helper()
	if err := s.store.Put(s.Context(), name, value); err != nil {
		s.Fatal(err)
	}
}

// addOrder adds an order of 12.00 GBP with 2.00 of tax in it.
func (s shop) addOrder(payment string, refunded int) string {
	at := commercetest.Object{"timestamps": commercetest.Object{"created_at": "2026-11-01T10:00:00.000Z", "updated_at": "2026-11-02T10:00:00.000Z"}}
	amount := func(n int) commercetest.Object { return commercetest.Object{"amount": n, "currency": "GBP"} }
	id := s.commerce.AddOrder(commercetest.Object{
		"status": "complete", "payment": payment, "shipping": "fulfilled", "customer": commercetest.Object{"name": "Mara Lind", "email": "mara@example.com"},
		"meta": commercetest.Object{
			"timestamps":    at["timestamps"],
			"display_price": commercetest.Object{"with_tax": amount(1200), "without_tax": amount(1000), "tax": amount(200)},
		},
	}, commercetest.Object{"type": "order_item", "product_id": "p", "sku": "MUG", "name": "Mug", "quantity": 1, "unit_price": amount(1000)})
	s.commerce.AddTransaction(id, commercetest.Object{"transaction_type": "purchase", "status": "complete", "amount": 1200, "refunded_amount": refunded, "currency": "GBP", "meta": at})
	return id
}

// tells returns what Commerce has of an order about which these lines are known.
func (s shop) tells(id string, lines ...executions.Line) string {
	s.Helper()
	for i := range lines {
		lines[i].Resource, lines[i].Time = id, time.Now()
		if lines[i].Tracking == "" {
			lines[i].Tracking, lines[i].Event = "order-completed", "order.paid"
		}
	}
	found := executions.Of(lines)
	story := executions.Search{Resource: id, Since: time.Hour, Now: time.Now()}.Tell(found)
	says := strings.Join(InCommerce(s.Context(), s.store, "http://127.0.0.1:1", executions.Memory{List: found}, story), "\n")
	if strings.Contains(says, "Mara") || strings.Contains(says, "mara@") {
		s.Errorf("it says something personal: %s", says)
	}
	return says
}

func TestWhatWasSentIsComparedWithTheOrderInCommerce(t *testing.T) {
	received, before := time.Now().Add(-time.Minute), time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)
	sent := func(revenue json.Number, currency string) executions.Line {
		return executions.Line{Kind: "deliver", Received: received, Outcome: "delivered", Receives: 1, MessageIDs: []string{"m"}, Revenue: revenue, Currency: currency}
	}
	byBackfill := executions.Line{Kind: executions.KindBackfill, Outcome: "delivered", Revenue: "12", Currency: "GBP"}
	onlyTo := byBackfill
	onlyTo.Detail = "only to Amplitude"
	for _, c := range []struct {
		name, payment string
		refunded      int
		lines         []executions.Line
		want          []string
	}{
		{"the whole total", "paid", 0, []executions.Line{sent("12", "GBP")}, []string{"In Commerce the order is complete, paid, fulfilled. It was created at 2026-11-01T10:00:00.000Z and last changed at 2026-11-02T10:00:00.000Z.\nPaid: 12.00 GBP. The revenue that Segment was sent with Order Completed: 12.00. There is no difference."}},
		{"without tax", "paid", 0, []executions.Line{sent("10", "GBP")}, []string{"sent with Order Completed: 10.00. Difference: 2.00. Tax, 2.00: The total in Commerce includes tax"}},
		{"by a backfill", "paid", 0, []executions.Line{byBackfill}, []string{"There is no difference."}},
		{"by a backfill to one integration", "paid", 0, []executions.Line{onlyTo}, []string{"Whether Order Completed was sent is not known", "With the live template its revenue is 10.00."}},
		{"in another currency", "paid", 0, []executions.Line{sent("15", "USD")}, []string{"Paid: 12.00 GBP.", "Another currency", "15.00"}},
		{"refunded since", "paid", 300, []executions.Line{sent("9", "GBP")}, []string{"Paid: 12.00 GBP. Refunded: 3.00.", "Difference: 3.00. Refund, 3.00"}},
		{"changed since", "paid", 0, []executions.Line{sent("7.5", "GBP")}, []string{"Changed since, 2.50"}},
		{"not in the log, which begins later", "paid", 0, nil, []string{"Whether Order Completed was sent is not known"}},
		{"not in the log, which begins before", "paid", 0, []executions.Line{{Tracking: "checkout-started", Event: "order.created", Kind: "accept", Received: before, Outcome: "accepted"}},
			[]string{"was sent with Order Completed: 0.00. Difference: 12.00. Missing, 12.00"}},
		{"no revenue in the log", "paid", 0, []executions.Line{sent("", "")}, []string{"Order Completed was sent. The log does not have its revenue; with the live template it is 10.00."}},
		{"a dead letter", "paid", 0, []executions.Line{{Kind: "deliver", Received: received, Outcome: "failed", Reason: "template", Receives: 1}}, []string{"was sent with Order Completed: 0.00. Difference: 12.00. Dead letter, 12.00"}},
		{"not paid", "unpaid", 0, nil, []string{"It is not paid, so there is no revenue to compare."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t)
			says := s.tells(s.addOrder(c.payment, c.refunded), c.lines...)
			for _, want := range c.want {
				if !strings.Contains(says, want) {
					t.Errorf("it does not say %q:\n%s", want, says)
				}
			}
		})
	}
}

func TestWhatCommerceCannotAnswerIsSaid(t *testing.T) {
	s := openShop(t)
	id := s.addOrder("paid", 0)
	if says := s.tells("10000000-0000-4000-8000-000000000000"); says != "Commerce has no order with this number or id." {
		t.Errorf("of an unknown order it says %q", says)
	}
	if says := s.tells("10000000-0000-4000-8000-000000000001", executions.Line{Tracking: "customer-created", Kind: "accept", Outcome: "accepted"}); says != "Commerce has no customer with this id." {
		t.Errorf("of an unknown customer it says %q", says)
	}
	customer := s.commerce.AddCustomer(commercetest.Object{"name": "Mara Lind"})
	if says := s.tells(customer, executions.Line{Tracking: "customer-created", Kind: "accept", Outcome: "accepted"}); !strings.Contains(says, "Commerce has the customer. It was created at ") {
		t.Errorf("of a customer it says %q", says)
	}
	// Customer Deleted also deletes the user of a guest's order that was anonymized.
	anonymized := executions.Line{Tracking: "customer-deleted", Event: "order.updated", Kind: "accept", Outcome: "accepted"}
	if says := s.tells(id, anonymized); !strings.Contains(says, "In Commerce the order is complete") {
		t.Errorf("of an anonymized order it says %q", says)
	}
	s.put(settings.SegmentWriteKey, " ")
	if says := s.tells(id); !strings.Contains(says, "In Commerce the order is complete") || !strings.Contains(says, "What was paid cannot be compared with what was sent: there is no write key") {
		t.Errorf("without a write key it says %q", says)
	}
	s.put(settings.CommerceClientID, " ")
	if says := s.tells(id); says != "" {
		t.Errorf("without a connection it says %q", says)
	}
}
