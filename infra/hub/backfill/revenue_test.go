package backfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// openRevenue opens a shop whose revenue is compared.
func openRevenue(t *testing.T) *shop {
	s := openShop(t)
	s.options.Only, s.options.Disabled = []string{tracking.OrderCompleted.Name}, true
	return s
}

// price returns a price in pounds.
func price(amount int) commercetest.Object {
	return commercetest.Object{"amount": amount, "currency": "GBP", "formatted": fmt.Sprintf("£%d.%02d", amount/100, amount%100)}
}

// addSale adds an order of 131.00, with 20.00 tax, 11.00 shipping and 5.00 discount in it, that
// was paid on the first day.
func (s *shop) addSale() (id, payment string) {
	id = s.commerce.AddOrder(commercetest.Object{
		"status": "complete", "payment": "paid", "shipping": "unfulfilled", "meta": commercetest.Object{
			"display_price": commercetest.Object{
				"with_tax": price(13100), "tax": price(2000), "without_tax": price(11100), "shipping": price(1100), "discount": price(-500),
			},
			"timestamps": timestamps(day, day)["timestamps"],
		},
	})
	payment = s.commerce.AddTransaction(id, commercetest.Object{
		"transaction_type": "purchase", "status": "complete", "amount": 13100, "refunded_amount": 0, "currency": "GBP", "meta": timestamps(day, day),
	})
	return id, payment
}

func (l *arrivalLog) sale(order string, outcome Outcome, change func(*Arrival)) {
	a := Arrival{Tracking: tracking.OrderCompleted.Name, Event: "order.paid", Resource: order, Outcome: outcome, EventTime: day}
	change(&a)
	l.arrivals = append(l.arrivals, a)
}

// delivers records that Segment accepted a revenue.
func delivers(revenue, currency string) func(*shop, *arrivalLog, string, string) {
	return func(_ *shop, l *arrivalLog, id, _ string) {
		l.sale(id, Delivered, func(a *Arrival) { a.Revenue, a.Currency = revenue, currency })
	}
}

// came records a webhook with another outcome.
func came(outcome Outcome, reason string) func(*shop, *arrivalLog, string, string) {
	return func(_ *shop, l *arrivalLog, id, _ string) {
		l.sale(id, outcome, func(a *Arrival) { a.Reason = reason })
	}
}

func (s *shop) revenue(l ArrivalLog) *Revenue {
	s.t.Helper()
	r, err := s.sender().Revenue(s.t.Context(), day, day.AddDate(0, 0, 7), l, s.journal(), func(int) {})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// says describes the days of a comparison.
func (r *Revenue) says() (lines []string) {
	for _, d := range r.Days {
		line := fmt.Sprintf("%s %s paid %s sent %s", d.Day.Format(time.DateOnly), d.Currency, d.Paid, d.Sent)
		if d.Estimated > 0 {
			line += " estimated"
		}
		if d.Unknown > 0 {
			line += " would be " + d.UnknownRevenue.String()
		}
		for _, sum := range d.Reasons {
			line += fmt.Sprintf(", %s %s", sum.Reason, sum.Amount)
		}
		lines = append(lines, line)
	}
	return lines
}

// adds fails if the reasons of a day do not add up to its difference.
func (r *Revenue) adds(t *testing.T) {
	t.Helper()
	for _, d := range r.Days {
		var sum money.Amount
		for _, reason := range d.Reasons {
			sum = sum.Add(reason.Amount)
		}
		if !sum.Equal(d.Difference) {
			t.Errorf("%s %s: the reasons add up to %s, and the difference is %s", d.Day, d.Currency, sum, d.Difference)
		}
	}
}

// Each difference has a reason, and the reasons add up to it.
func TestEachDifferenceOfARevenueHasItsReason(t *testing.T) {
	template := func(text string) func(*shop, *arrivalLog, string, string) {
		return func(s *shop, l *arrivalLog, id, _ string) {
			s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Template = text })
			l.sale(id, Delivered, func(*Arrival) {})
		}
	}
	all := func(each ...func(*shop, *arrivalLog, string, string)) func(*shop, *arrivalLog, string, string) {
		return func(s *shop, l *arrivalLog, id, payment string) {
			for _, e := range each {
				e(s, l, id, payment)
			}
		}
	}
	refund := func(amount int) func(*shop, *arrivalLog, string, string) {
		return func(s *shop, _ *arrivalLog, id, payment string) {
			s.commerce.Refund(id, payment, amount, day.AddDate(0, 0, 2))
		}
	}
	const first = "2026-03-01 GBP paid 131.00 sent "
	for _, c := range []struct {
		name    string
		happens func(s *shop, l *arrivalLog, id, payment string)
		want    string // days, separated by a line break
		missing int
	}{
		{"the same was sent", delivers("131", "GBP"), first + "131.00", 0},
		{"without tax and shipping, as the default template writes it", delivers("100", "GBP"), first + "100.00, tax 20.00, shipping 11.00", 0},
		{"without tax", delivers("111.00", "GBP"), first + "111.00, tax 20.00", 0},
		{"without shipping", delivers("120", "GBP"), first + "120.00, shipping 11.00", 0},
		{"without the discount", delivers("136", "GBP"), first + "136.00, discount -5.00", 0},
		{"the discount was taken off again", delivers("95", "GBP"), first + "95.00, tax 20.00, shipping 11.00, discount 5.00", 0},
		{"a refund was taken off", all(refund(700), delivers("93", "GBP")), first + "93.00, tax 20.00, shipping 11.00, refund 7.00", 0},
		{"all was refunded since", all(refund(13100), delivers("100", "GBP")), first + "100.00, tax 20.00, shipping 11.00", 0},
		{"the order was changed since", delivers("84.50", "GBP"), first + "84.50, tax 20.00, changed since 15.50, shipping 11.00", 0},
		{"the template writes another amount", template(`{"event": "E", "properties": {"revenue": 1.234, "currency": "GBP"}}`), first + "1.234 estimated, another amount 129.766", 0},
		{"another currency", delivers("117.90", "EUR"), "2026-03-01 EUR paid 0.00 sent 117.90, another currency -117.90\n2026-03-01 GBP paid 131.00 sent 0.00, another currency 131.00", 0},
		{"a message without a revenue", template(`{"event": "E"}`), first + "0.00 estimated, sent without a revenue 131.00", 0},
		{"sent, and the log does not have the revenue", came(Delivered, ""), first + "100.00 estimated, tax 20.00, shipping 11.00", 0},
		{"sent by a backfill", func(s *shop, _ *arrivalLog, _, _ string) {
			s.options.Disabled = false
			s.send(Orders)
		}, first + "100.00, tax 20.00, shipping 11.00", 0},
		{"the webhook never came", func(*shop, *arrivalLog, string, string) {}, first + "0.00, missing 131.00", 1},
		{"retrying", came(Pending, ""), first + "0.00, queued or retrying 131.00", 0},
		{"a dead letter", came(DeadLettered, "template"), first + "0.00, dead letter 131.00", 0},
		{"filtered by the template", came(Skipped, "filtered"), first + "0.00, filtered by the template 131.00", 0},
		{"the template would filter it", func(s *shop, _ *arrivalLog, _, _ string) {
			s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Template = `[]` })
		}, first + "0.00, filtered by the template 131.00", 0},
		{"Segment would drop it", func(s *shop, _ *arrivalLog, _, _ string) {
			s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Template = `{"userId": "u"}` })
		}, first + "0.00, message not valid 131.00", 0},
		{"the tracking was disabled when it came", came(Skipped, "disabled"), first + "0.00, tracking disabled 131.00", 0},
		{"the tracking is disabled", func(s *shop, _ *arrivalLog, _, _ string) {
			s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Enabled = false })
		}, first + "0.00, tracking disabled 131.00", 0},
		{"the event that is observed has not happened", func(s *shop, _ *arrivalLog, _, _ string) {
			s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Events = []string{"order.fulfilled"} })
		}, first + "0.00, event not happened 131.00", 0},
		{"the log begins later", func(_ *shop, l *arrivalLog, _, _ string) { l.complete = day.AddDate(0, 0, 1) }, first + "0.00 would be 100.00, not known 131.00", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, known := openRevenue(t), &arrivalLog{}
				id, payment := s.addSale()
				c.happens(s, known, id, payment)
				r := s.revenue(known)
				if got := strings.Join(r.says(), "\n"); got != c.want {
					t.Errorf("got\n%s\nwant\n%s", got, c.want)
				}
				r.adds(t)
				if len(r.Missing) != c.missing {
					t.Errorf("%d events are missing, want %d", len(r.Missing), c.missing)
				}
			})
		})
	}
}

// What is missing is sent, and then nothing is missing.
func TestTheMissingRevenueIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openRevenue(t)
		id, _ := s.addSale()
		result, err := s.sender().Send(t.Context(), s.revenue(&arrivalLog{}).Missing, s.journal(), func(int) {})
		if result.Sent != 1 || len(result.Rejected) > 0 || err != nil || s.segment.times[messageID(tracking.OrderCompleted, id)] != 1 {
			t.Fatalf("%+v: %v", result, err)
		}
		if r := s.revenue(&arrivalLog{}); len(r.Missing) > 0 || r.Days[0].Sent.String() != "100.00" {
			t.Errorf("afterwards: %v, %v", r.Missing, r.says())
		}
	})
}

// A thousand orders of a cent and a fraction of one add up exactly, by the days of a zone.
func TestRevenuesAddUpExactlyByTheDaysOfAZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, known := openRevenue(t), &arrivalLog{}
		const orders = 250
		for n := range orders {
			// The last hour of the first day in UTC is the second day in the zone.
			at := day.Add(22*time.Hour + 30*time.Minute + time.Duration(n%2)*time.Hour)
			id := s.commerce.AddOrder(commercetest.Object{"payment": "paid", "meta": commercetest.Object{
				"display_price": commercetest.Object{"with_tax": price(10), "tax": price(3)}, "timestamps": timestamps(at, at)["timestamps"]},
			})
			known.sale(id, Delivered, func(a *Arrival) { a.EventTime, a.Revenue, a.Currency = at, "0.07", "GBP" })
		}
		zone := time.FixedZone("CET", 3600)
		r, err := s.sender().Revenue(t.Context(), day.In(zone).Add(-time.Hour), day.AddDate(0, 0, 7).In(zone), known, s.journal(), func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"2026-03-01 GBP paid 12.50 sent 8.75, tax 3.75", "2026-03-02 GBP paid 12.50 sent 8.75, tax 3.75"}
		if !slices.Equal(r.says(), want) {
			t.Errorf("got %q, want %q", r.says(), want)
		}
		if asked := len(s.commerce.Requests()); asked > 10 {
			t.Errorf("it made %d requests: the log has the times of the payments", asked)
		}
	})
}

func TestAComparisonOfRevenuesCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openRevenue(t)
		for range 3 * batchLength {
			s.addSale()
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.sender().Revenue(ctx, day, day.AddDate(0, 0, 7), &arrivalLog{}, s.journal(), func(read int) {
			if read == batchLength {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
