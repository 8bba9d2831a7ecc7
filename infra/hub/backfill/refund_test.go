package backfill

import (
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// refunded adds an order of 12.00 to the shop, paid on the first day, and returns a
// function that refunds an amount of it.
func (s *shop) refunded() (id string, refund func(amount int, at time.Time)) {
	s.configure(tracking.OrderRefunded, func(c *relay.Config) { c.Commerce = credentials })
	s.options.Only = []string{tracking.OrderRefunded.Name}
	id = s.commerce.AddOrder(commercetest.Object{
		"status": "complete", "payment": "paid", "shipping": "unfulfilled", "meta": commercetest.Object{
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 1200, "currency": "GBP"}},
			"timestamps":    timestamps(day, day)["timestamps"],
		},
	})
	payment := s.commerce.AddTransaction(id, commercetest.Object{
		"transaction_type": "purchase", "status": "complete", "amount": 1200, "refunded_amount": 0, "currency": "GBP", "meta": timestamps(day, day),
	})
	return id, func(amount int, at time.Time) { s.commerce.Refund(id, payment, amount, at) }
}

// webhookOf returns a webhook about the current state of the order.
func (s *shop) webhookOf(id, event string) []byte {
	s.t.Helper()
	r, err := s.sender().resource(s.t.Context(), Orders, id)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := fact{event: event, resource: r}.webhook()
	if err != nil {
		s.t.Fatal(err)
	}
	return body
}

func TestABackfillSendsAPartialRefundLikeTheLiveWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		id, refund := s.refunded()
		refund(250, day.AddDate(0, 0, 3))
		live := s.deliver(tracking.OrderRefunded, s.webhookOf(id, "order.updated"))
		if len(live) != 1 {
			t.Fatalf("the webhook became %d messages", len(live))
		}
		s.commerce.UpdateOrder(id, commercetest.Object{"shipping": "fulfilled"}, day.AddDate(0, 0, 30))
		if later := s.deliver(tracking.OrderRefunded, s.webhookOf(id, "order.updated")); len(later) > 0 {
			t.Errorf("a later update of the order sent %v", later)
		}
		if err := s.backfill(t.Context(), Orders); err != nil {
			t.Fatal(err)
		}
		if len(s.segment.last) != 1 {
			t.Errorf("the backfill sent %d messages", len(s.segment.last))
		}
		for messageID, message := range live {
			if got := s.segment.last[messageID]; string(got) != string(message) {
				t.Errorf("the backfill sent\n%s\nand the webhook\n%s", got, message)
			}
		}
	})
}

func TestAReconciliationRecognizesAPartialRefundByItsAmount(t *testing.T) {
	const update, whole = "order.updated", "order.refunded"
	for _, c := range []struct {
		name    string
		amounts []int // of the refunds, one a day
		arrive  func(s *shop, l *arrivalLog, id string)
		want    OutcomeCounts
	}{
		{"no webhook arrived", []int{250}, func(*shop, *arrivalLog, string) {}, OutcomeCounts{Missing: 1}},
		{"it arrived", []int{250}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, update, Delivered, "250") }, OutcomeCounts{Delivered: 1}},
		{"an update arrived that was about something else", []int{250}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, update, Skipped) }, OutcomeCounts{Missing: 1}},
		{"an earlier part arrived, and this one did not", []int{250, 100}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, update, Delivered, "250") }, OutcomeCounts{Missing: 1}},
		{"both parts arrived", []int{250, 100}, func(_ *shop, l *arrivalLog, id string) {
			l.refund(id, update, Delivered, "250")
			l.refund(id, update, Delivered, "350")
		}, OutcomeCounts{Delivered: 1}},
		{"it is retried", []int{250}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, update, Pending) }, OutcomeCounts{Pending: 1}},
		{"it is a dead letter", []int{250}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, update, DeadLettered) }, OutcomeCounts{DeadLettered: 1}},
		{"all of it was refunded, and only a part arrived", []int{250, 950}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, update, Delivered, "250") }, OutcomeCounts{Missing: 1}},
		{"all of it was refunded, and that arrived", []int{250, 950}, func(_ *shop, l *arrivalLog, id string) { l.refund(id, whole, Delivered, "all") }, OutcomeCounts{Delivered: 1}},
		{"a backfill has sent it", []int{250}, func(s *shop, _ *arrivalLog, _ string) { s.send(Orders) }, OutcomeCounts{SentFromHere: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, known := openShop(t), &arrivalLog{}
				id, refund := s.refunded()
				for n, amount := range c.amounts {
					refund(amount, day.AddDate(0, 0, n+1))
				}
				c.arrive(s, known, id)
				got := *s.compare(known, day, day.AddDate(0, 0, 20)).Outcomes[tracking.OrderRefunded.Name]
				if got != c.want {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
			})
		})
	}
}

// refund records a webhook of a refund, and the amounts in the ids of its messages.
func (l *arrivalLog) refund(order, event string, outcome Outcome, revisions ...string) {
	a := Arrival{Tracking: tracking.OrderRefunded.Name, Event: event, Resource: order, Outcome: outcome}
	for _, revision := range revisions {
		a.MessageIDs = append(a.MessageIDs, a.Tracking+":"+order+":"+revision+":0-track:"+saltOfKeyOne)
	}
	l.arrivals = append(l.arrivals, a)
}
