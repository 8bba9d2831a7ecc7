package backfill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// arrivalLog is a log of webhooks that arrived.
type arrivalLog struct {
	arrivals []Arrival
	complete time.Time
}

func (l *arrivalLog) Arrivals(context.Context, time.Time) ([]Arrival, time.Time, error) {
	return l.arrivals, l.complete, nil
}

func (l *arrivalLog) arrive(row tracking.Tracking, resource string, outcome Outcome) {
	l.arrivals = append(l.arrivals, Arrival{Tracking: row.Name, Event: row.Observes[0], Resource: resource, Outcome: outcome})
}

func (s *shop) compare(l ArrivalLog, since, until time.Time) *Comparison {
	s.t.Helper()
	known, err := ReadKnownFacts(s.t.Context(), l, since, s.journal())
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := s.sender().Compare(s.t.Context(), s.options.Kinds, since, until, known, func(int) {})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// On this day every tenth webhook was lost. No other event may be sent: Segment would
// count an event again that it received more than a day ago.
func TestAReconciliationSendsExactlyTheMissingEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, known := openShop(t), &arrivalLog{}
		orders := sized(500, 5_000)
		want := map[string]int{}
		for n := range orders {
			// Every second one is paid, so that both of its webhooks can be lost.
			row, payment := tracking.CheckoutStarted, "unpaid"
			if n%2 == 0 {
				row, payment = tracking.OrderCompleted, "paid"
			}
			id := s.addOrder(n, day.Add(time.Duration(n)*time.Second), "complete", payment)
			if payment == "paid" {
				known.arrive(tracking.CheckoutStarted, id, Delivered)
			}
			if n%10 < 2 && n%20 != n%10 {
				want[messageID(row, id)] = 1
				continue
			}
			known.arrive(row, id, Delivered)
		}
		c := s.compare(known, day, day.AddDate(0, 0, 1))
		if len(want) != orders/10 || c.Events() != len(want) {
			t.Fatalf("%d events are missing, want %d", c.Events(), len(want))
		}
		for _, m := range c.Missing {
			if m.Happened.Before(day) || !m.Happened.Before(day.AddDate(0, 0, 1)) {
				t.Fatalf("%s of %s is dated %s: the order was changed a month later, but the event happened on the first day", m.Event, m.Resource, m.Happened)
			}
		}
		// The first run is killed, and the second one starts from the beginning.
		ctx, kill := context.WithCancel(t.Context())
		s.segment.answer = func(int, []byte) (int, error) { kill(); return http.StatusOK, errKilled }
		if _, err := s.sender().Send(ctx, c.Missing, s.journal(), func(int) {}); err == nil {
			t.Fatal("it was done before it was killed")
		}
		s.segment.answer = nil
		c = s.compare(known, day, day.AddDate(0, 0, 1))
		if _, err := s.sender().Send(t.Context(), c.Missing, s.journal(), func(int) {}); err != nil {
			t.Fatal(err)
		}
		for id := range s.segment.times {
			if want[id] == 0 {
				t.Errorf("%s was sent, but was not missing", id)
			}
			delete(want, id)
		}
		if len(want) > 0 {
			t.Errorf("%d missing messages were not sent", len(want))
		}
		if left := s.compare(known, day, day.AddDate(0, 0, 1)); left.Events() != 0 {
			t.Errorf("%d events are still missing, and would be sent again", left.Events())
		}
	})
}

// Events that Segment accepted before an error are not missing.
func TestEventsThatWereSentBeforeAnErrorAreInTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, known := openShop(t), &arrivalLog{}
		const orders = batchLength
		for n := range orders {
			s.addOrder(n, day.Add(time.Duration(n)*time.Second), "complete", "paid")
		}
		before := s.compare(known, day, day.AddDate(0, 0, 1)).Events()
		s.segment.answer = func(request int, _ []byte) (int, error) {
			if request > 1 {
				return http.StatusUnauthorized, nil
			}
			return http.StatusOK, nil
		}
		if err := s.backfill(t.Context(), Orders); err == nil || s.segment.events != requestLength {
			t.Fatalf("%d events were sent: %v", s.segment.events, err)
		}
		if left := s.compare(known, day, day.AddDate(0, 0, 1)).Events(); left != before-requestLength {
			t.Errorf("%d events of %d are still missing, want %d", left, before, before-requestLength)
		}
	})
}

func TestTheOutcomeOfAWebhookDecidesWhetherItsEventIsMissing(t *testing.T) {
	const paid, other = 1, 2
	tests := []struct {
		name   string
		events []string // of order-completed
		happen func(s *shop, l *arrivalLog)
		since  time.Time
		want   OutcomeCounts
	}{
		{"no webhook arrived", nil, func(*shop, *arrivalLog) {}, day, OutcomeCounts{Missing: 1}},
		{"one is retried", nil, func(s *shop, l *arrivalLog) { l.arrive(tracking.OrderCompleted, s.order(paid), Pending) }, day, OutcomeCounts{Pending: 1}},
		{"one was skipped: the template filtered it, or the tracking was disabled", nil,
			func(s *shop, l *arrivalLog) { l.arrive(tracking.OrderCompleted, s.order(paid), Skipped) }, day, OutcomeCounts{Skipped: 1}},
		{"one is a dead letter", nil,
			func(s *shop, l *arrivalLog) { l.arrive(tracking.OrderCompleted, s.order(paid), DeadLettered) }, day, OutcomeCounts{DeadLettered: 1}},
		{"one is a dead letter, and another one was delivered", nil, func(s *shop, l *arrivalLog) {
			l.arrive(tracking.OrderCompleted, s.order(paid), Delivered)
			l.arrive(tracking.OrderCompleted, s.order(paid), DeadLettered)
		}, day, OutcomeCounts{Delivered: 1}},
		{"the webhook of another order arrived", nil, func(s *shop, l *arrivalLog) { l.arrive(tracking.OrderCompleted, s.order(other), Delivered) }, day, OutcomeCounts{Missing: 1}},
		{"the webhook of another tracking arrived", nil, func(s *shop, l *arrivalLog) { l.arrive(tracking.CheckoutStarted, s.order(paid), Delivered) }, day, OutcomeCounts{Missing: 1}},
		{"it was paid before the period, and changed in it", nil, func(*shop, *arrivalLog) {}, day.AddDate(0, 0, 2), OutcomeCounts{}},
		{"the log does not go back to the beginning of the period", nil, func(_ *shop, l *arrivalLog) { l.complete = day.AddDate(0, 0, 2) }, day, OutcomeCounts{}},
		{"Commerce does not record when it was fulfilled, and it was changed later", []string{"order.fulfilled"}, func(*shop, *arrivalLog) {}, day, OutcomeCounts{Unclear: 1}},
		{"a backfill has sent it", nil, func(s *shop, _ *arrivalLog) {
			if err := s.backfill(s.t.Context(), Orders); err != nil {
				s.t.Fatal(err)
			}
		}, day, OutcomeCounts{SentFromHere: 1}},
		{"a backfill has sent it to one integration only", nil, func(s *shop, _ *arrivalLog) {
			s.options.To = []string{"Amplitude"}
			if err := s.backfill(s.t.Context(), Orders); err != nil {
				s.t.Fatal(err)
			}
			s.options.To = nil
		}, day, OutcomeCounts{Missing: 1}},
		{"Segment rejected it when it was sent", nil, func(s *shop, _ *arrivalLog) {
			s.segment.answer = func(int, []byte) (int, error) { return http.StatusBadRequest, nil }
			if err := s.backfill(s.t.Context(), Orders); err == nil {
				s.t.Fatal("a backfill of rejected messages returned no error")
			}
		}, day, OutcomeCounts{Missing: 1}},
		{"the template filters it", nil, func(s *shop, _ *arrivalLog) {
			s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Template = "payload.nothing" })
		}, day, OutcomeCounts{Filtered: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, known := openShop(t), &arrivalLog{}
				s.options.Only = []string{tracking.OrderCompleted.Name}
				if test.events != nil {
					s.configure(tracking.OrderCompleted, func(c *relay.Config) { c.Events = test.events })
				}
				s.commerce.AddOrder(commercetest.Object{
					"id": s.order(paid), "payment": "paid", "shipping": "fulfilled", "status": "complete",
					"meta": timestamps(day.Add(time.Hour), day.AddDate(0, 0, 3)),
				})
				s.addPayment(s.order(paid), "purchase", day.Add(2*time.Hour))
				test.happen(s, known)
				c := s.compare(known, test.since, day.AddDate(0, 0, 2).Add(time.Hour))
				if got := *c.Outcomes[tracking.OrderCompleted.Name]; got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		})
	}
}

func (s *shop) order(n int) string { return fmt.Sprintf("10000000-0000-4000-8000-%012d", n) }

func TestExplainReturnsReasonsFromCommerce(t *testing.T) {
	const url = "https://hooks.example/webhooks/order-completed"
	webhook := commerce.NewWebhook{
		Name: "Segment: Order\nCompleted", Enabled: true, Observes: []string{"order.paid"},
		Configuration: commerce.WebhookConfiguration{URL: url, SecretKey: "s"},
	}
	tests := []struct {
		name   string
		change func(*commerce.NewWebhook)
		logs   []int
		want   []string
	}{
		{"nothing is registered", func(w *commerce.NewWebhook) { w.Configuration.URL += "-elsewhere" }, nil,
			[]string{"Commerce has no integration that posts to /webhooks/order-completed"}},
		{"it is disabled", func(w *commerce.NewWebhook) { w.Enabled = false }, nil, []string{`"Segment: OrderCompleted" is disabled`}},
		{"it observes something else", func(w *commerce.NewWebhook) { w.Observes = []string{"order.created"} }, nil, []string{"does not observe order.paid"}},
		{"attempts failed", func(*commerce.NewWebhook) {}, []int{503, 202, 503, 401},
			[]string{"2 × answered 503", "1 × answered 401"}},
		{"no attempt failed", func(*commerce.NewWebhook) {}, []int{202}, []string{"Commerce has logged no failed attempt"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openShop(t)
				sender := s.sender()
				own := webhook
				test.change(&own)
				created, err := sender.commerce.CreateWebhook(t.Context(), own)
				if err != nil {
					t.Fatal(err)
				}
				for _, status := range test.logs {
					s.commerce.AddLog(created.ID, status, "")
				}
				posts := func(i commerce.Integration) bool { return i.Configuration.URL == url }
				now := time.Now()
				said, err := sender.Explain(t.Context(), tracking.OrderCompleted.Name, now.Add(-time.Hour), now.Add(time.Hour), posts)
				if err != nil {
					t.Fatal(err)
				}
				for i, part := range test.want {
					if i >= len(said) || !strings.Contains(said[i], part) {
						t.Errorf("the reasons are %q, want %q", said, test.want)
					}
				}
				if early, _ := sender.Explain(t.Context(), tracking.OrderCompleted.Name, now.AddDate(0, 0, -9), now.AddDate(0, 0, -8), posts); len(test.logs) > 0 &&
					slices.ContainsFunc(early, func(line string) bool { return strings.Contains(line, "×") }) {
					t.Errorf("the reasons for another period are %q", early)
				}
			})
		})
	}
}

// A hub that has just been started has no log of the period, so a comparison would be
// wrong.
func TestAPeriodBeforeTheLogBeginsIsNotCompared(t *testing.T) {
	s := openShop(t)
	for _, c := range []struct {
		until    time.Time
		tooEarly bool
	}{{day.AddDate(0, 0, 1), true}, {day.AddDate(0, 0, 1).Add(-time.Minute), true}, {day.AddDate(0, 0, 1).Add(time.Minute), false}} {
		_, err := s.sender().Compare(t.Context(), s.options.Kinds, day, c.until, KnownFacts{LogBegins: day.AddDate(0, 0, 1)}, func(int) {})
		var early *TooEarlyError
		if got := errors.As(err, &early); got != c.tooEarly || !got && err != nil {
			t.Errorf("until %s: %v", c.until, err)
		}
	}
}
