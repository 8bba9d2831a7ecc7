package backfill

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// send backfills the shop, and returns the messages by their trackings.
func (s *shop) send(kind Kind) map[string]map[string]any {
	s.t.Helper()
	if err := s.backfill(s.t.Context(), kind); err != nil {
		s.t.Fatal(err)
	}
	came := map[string]map[string]any{}
	for id, message := range s.segment.last {
		name, _, _ := strings.Cut(id, ":")
		came[name] = fieldsOf(message)
	}
	return came
}

func TestTheStateOfAnOrderShowsItsEvents(t *testing.T) {
	const created, changed = "2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"
	type order struct{ status, payment, shipping string }
	type money struct {
		kind, status string
		day          int // of March
		refunded     int // on the next day
	}
	tests := []struct {
		name   string
		events map[string]string // by trackings that do not observe their default events
		order  order
		moved  []money
		want   map[string]string // the event times, by the names of the trackings
	}{
		{"its checkout was started", nil, order{"incomplete", "unpaid", "unfulfilled"}, nil, map[string]string{"checkout-started": created}},
		{"it was paid after failed payments", nil, order{"complete", "paid", "unfulfilled"},
			[]money{{"purchase", "failed", 2, 0}, {"authorize", "complete", 3, 0}, {"purchase", "complete", 4, 0}, {"purchase", "failed", 5, 0}},
			map[string]string{"checkout-started": created, "order-completed": "2026-03-04T00:00:00.000Z"}},
		{"it was authorized and then captured", nil, order{"complete", "paid", "unfulfilled"},
			[]money{{"authorize", "complete", 3, 0}, {"capture", "complete", 6, 0}},
			map[string]string{"checkout-started": created, "order-completed": "2026-03-06T00:00:00.000Z"}},
		{"it was paid in two parts, which are not listed in order", nil, order{"complete", "paid", "unfulfilled"},
			[]money{{"purchase", "complete", 4, 0}, {"purchase", "complete", 8, 0}, {"purchase", "complete", 2, 0}},
			map[string]string{"checkout-started": created, "order-completed": "2026-03-08T00:00:00.000Z"}},
		{"it was paid, and no transaction has the time", nil, order{"complete", "paid", "unfulfilled"}, nil,
			map[string]string{"checkout-started": created, "order-completed": changed}},
		{"it is paid in part", nil, order{"processing", "partially_paid", "unfulfilled"}, []money{{"purchase", "complete", 4, 0}},
			map[string]string{"checkout-started": created}},
		{"it was refunded, so it had been paid", nil, order{"complete", "refunded", "fulfilled"},
			[]money{{"refund", "complete", 4, 1200}},
			map[string]string{"checkout-started": created, "order-completed": "2026-03-04T00:00:00.000Z", "order-refunded": "2026-03-05T00:00:00.000Z"}},
		{"a part of it was refunded, which does not change its payment status", nil, order{"complete", "paid", "fulfilled"},
			[]money{{"purchase", "complete", 2, 0}, {"refund", "complete", 4, 250}},
			map[string]string{"checkout-started": created, "order-completed": "2026-03-04T00:00:00.000Z", "order-refunded": "2026-03-05T00:00:00.000Z"}},
		{"a part of it was refunded after it was cancelled", nil, order{"cancelled", "partially_paid", "unfulfilled"},
			[]money{{"refund", "complete", 4, 250}},
			map[string]string{"checkout-started": created, "order-cancelled": changed, "order-refunded": "2026-03-05T00:00:00.000Z"}},
		{"a part of it was refunded, which the store does not observe", map[string]string{"order-refunded": "order.refunded"},
			order{"complete", "paid", "fulfilled"}, []money{{"refund", "complete", 4, 250}},
			map[string]string{"checkout-started": created, "order-completed": "2026-03-04T00:00:00.000Z"}},
		{"it was cancelled", nil, order{"cancelled", "unpaid", "unfulfilled"}, nil,
			map[string]string{"checkout-started": created, "order-cancelled": changed}},
		{"the store observes that it is fulfilled", map[string]string{"order-completed": "order.fulfilled"},
			order{"complete", "paid", "fulfilled"}, []money{{"purchase", "complete", 4, 0}},
			map[string]string{"checkout-started": created, "order-completed": changed}},
		{"the store observes that it is fulfilled, and it is not", map[string]string{"order-completed": "order.fulfilled"},
			order{"complete", "paid", "unfulfilled"}, nil, map[string]string{"checkout-started": created}},
		{"the store observes that it is authorized, and it was paid at once", map[string]string{"checkout-started": "order.authorized"},
			order{"complete", "paid", "unfulfilled"}, []money{{"purchase", "complete", 4, 0}},
			map[string]string{"order-completed": "2026-03-04T00:00:00.000Z"}},
		{"the store observes that it is authorized, and it was", map[string]string{"checkout-started": "order.authorized"},
			order{"complete", "paid", "unfulfilled"}, []money{{"authorize", "complete", 3, 0}, {"capture", "complete", 4, 0}},
			map[string]string{"checkout-started": "2026-03-03T00:00:00.000Z", "order-completed": "2026-03-04T00:00:00.000Z"}},
		{"a tracking is disabled", map[string]string{"order-completed": ""}, order{"complete", "paid", "unfulfilled"}, nil,
			map[string]string{"checkout-started": created}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openShop(t)
				for name, event := range test.events {
					row, err := tracking.ByName(name)
					if err != nil {
						t.Fatal(err)
					}
					s.configure(row, func(c *relay.Config) { c.Enabled, c.Events = event != "", []string{event} })
				}
				id := s.commerce.AddOrder(commercetest.Object{
					"status": test.order.status, "payment": test.order.payment, "shipping": test.order.shipping,
					"meta": commercetest.Object{
						"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 1200, "currency": "GBP"}},
						"timestamps":    commercetest.Object{"created_at": created, "updated_at": changed},
					},
				})
				for _, m := range test.moved {
					at := day.AddDate(0, 0, m.day-1)
					s.commerce.AddTransaction(id, commercetest.Object{
						"transaction_type": m.kind, "status": m.status, "refunded_amount": m.refunded, "meta": timestamps(at, at.AddDate(0, 0, 1)),
					})
				}
				came := s.send(Orders)
				for name, when := range test.want {
					if came[name] == nil || came[name]["timestamp"] != when {
						t.Errorf("%s: %v, want it at %s", name, came[name], when)
					}
				}
				if len(came) != len(test.want) {
					t.Errorf("%d messages arrived, want %d", len(came), len(test.want))
				}
			})
		})
	}
}

func TestAnAnonymizedOrderIsSentWithoutPersonalData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.commerce.AddOrder(commercetest.Object{
			"status": "complete", "payment": "unpaid", "anonymized": true, "customer": commercetest.Object{"name": "*", "email": "*"},
			"meta": timestamps(day, day),
		})
		text, _ := json.Marshal(s.send(Orders))
		if strings.Contains(string(text), "*") || strings.Contains(string(text), "traits") {
			t.Errorf("the message is %s", text)
		}
	})
}

func TestMessagesAreSentOnlyToTheChosenIntegrations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.options.Kinds, s.options.To = []Kind{Customers}, []string{"Amplitude", "Braze"}
		s.configure(tracking.CustomerCreated, func(c *relay.Config) {
			c.Template = `{"integrations": {"All": true, "Amplitude": {"session_id": 1}, "Mixpanel": true}}`
		})
		s.commerce.AddCustomer(commercetest.Object{"name": "Ada", "meta": timestamps(day, day)})
		text, _ := json.Marshal(s.send(Customers)["customer-created"]["integrations"])
		if want := `{"All":false,"Amplitude":{"session_id":1},"Braze":true}`; string(text) != want {
			t.Errorf("got %s, want %s", text, want)
		}
	})
}

func TestAPlanCountsAndShowsNothingPersonal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.configure(tracking.OrderCancelled, func(c *relay.Config) { c.Template = "payload.nothing" })
		s.configure(tracking.OrderRefunded, func(c *relay.Config) { c.Template = `{"event": ""}` })
		s.addOrder(1, day, "complete", "paid")
		s.addOrder(2, day, "cancelled", "unpaid")
		s.addOrder(3, day, "complete", "refunded")
		plan, err := s.sender().Plan(t.Context(), Orders, day, day.AddDate(0, 1, 0), KnownFacts{}, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		if plan.Resources != 3 || plan.Events["checkout-started"] != 3 || plan.Events["order-completed"] != 2 || plan.Total() != 5 ||
			plan.Filtered != 1 || plan.Rejected != 1 || plan.Payments != 2 {
			t.Errorf("got %+v", plan)
		}
		if len(plan.Samples) != 2 {
			t.Fatalf("%d samples", len(plan.Samples))
		}
		for _, sample := range plan.Samples {
			text := string(sample.JSON)
			if strings.Contains(text, "Ada") || strings.Contains(text, "example.com") {
				t.Errorf("the sample has personal data: %s", text)
			}
			for _, shown := range []string{`"currency":"GBP"`, `"sku":"MUG"`, `"name":"Mug"`, `12`, `"email":"•••"`} {
				if !strings.Contains(text, shown) {
					t.Errorf("%s is missing in %s", shown, text)
				}
			}
		}
		if s.segment.events > 0 {
			t.Error("a plan sent events")
		}
	})
}

func TestASenderRejectsInvalidOptions(t *testing.T) {
	s := openShop(t)
	for _, test := range []struct {
		name   string
		change func(*Options)
		says   string
	}{
		{"updates of orders, which Commerce does not record", func(o *Options) { o.Only = []string{"order-updated"} }, "order-updated cannot be backfilled"},
		{"a tracking about customers for orders", func(o *Options) { o.Only = []string{"customer-created"} }, "choose from checkout-started"},
		{"a disabled tracking", func(o *Options) {
			o.Only = []string{"order-refunded"}
			o.Configs = map[string]relay.Config{}
		}, "enable one of"},
		{"a rate above Segment's limit", func(o *Options) { o.Rate = 1001 }, "from 1 to 1000"},
		{"a store without a write key", func(o *Options) {
			o.Configs = map[string]relay.Config{"order-refunded": {Enabled: true, Events: []string{"order.refunded"}}}
		}, "no write key"},
		{"a template that does not compile", func(o *Options) {
			c := o.Configs["order-refunded"]
			c.Template = "{"
			o.Configs = map[string]relay.Config{"order-refunded": c}
		}, "template order-refunded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := s.options
			test.change(&o)
			if _, err := NewSender(o); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.says)) {
				t.Errorf("the error is %v, want %q in it", err, test.says)
			}
		})
	}
}

func TestARejectedMessageDoesNotDelayTheOthers(t *testing.T) {
	s := openShop(t)
	for n := 1; n <= 3; n++ {
		s.addOrder(n, day, "incomplete", "unpaid")
	}
	s.segment.answer = func(_ int, body []byte) (int, error) {
		if strings.Contains(string(body), s.order(2)) {
			return http.StatusBadRequest, nil
		}
		return http.StatusOK, nil
	}
	position := NewPosition(s.file("position"), Orders, day, day.AddDate(0, 1, 0), 3)
	if err := s.sender().Backfill(t.Context(), position, KnownFacts{}, s.journal(), func(Position) {}); err != nil {
		t.Fatal(err)
	}
	if position.Sent != 2 || position.Rejected != 1 {
		t.Errorf("%d sent and %d rejected, want 2 and 1", position.Sent, position.Rejected)
	}
}

func TestABackfillHandlesErrorsOfSegment(t *testing.T) {
	const always = 1000
	tests := []struct {
		name                    string
		status, times           int
		sent, rejected, atLeast int // the last in seconds
		fails                   string
	}{
		{"a short outage", http.StatusServiceUnavailable, 3, 1, 0, 2, ""},
		{"a long outage", http.StatusServiceUnavailable, always, 0, 0, 100, "try again later"},
		{"the source rejects the write key", http.StatusUnauthorized, always, 0, 0, 0, "check the write key"},
		{"the path is wrong", http.StatusNotFound, always, 0, 0, 0, "check the write key, the host and the path"},
		{"the write key is incomplete, so every message is rejected", http.StatusBadRequest, always, 0, 0, 0, "check the write key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openShop(t)
				s.addOrder(1, day, "incomplete", "unpaid")
				s.segment.answer = func(request int, _ []byte) (int, error) {
					if request <= test.times {
						return test.status, nil
					}
					return http.StatusOK, nil
				}
				position := NewPosition(s.file("position"), Orders, day, day.AddDate(0, 1, 0), 1)
				began := time.Now()
				err := s.sender().Backfill(t.Context(), position, KnownFacts{}, s.journal(), func(Position) {})
				if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
					t.Errorf("it ends with %v, want %q", err, test.fails)
				}
				if position.Sent != test.sent || position.Rejected != test.rejected {
					t.Errorf("%d sent and %d rejected, want %d and %d", position.Sent, position.Rejected, test.sent, test.rejected)
				}
				if took := time.Since(began); took < time.Duration(test.atLeast)*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestAnIncompleteLineOfTheJournalLosesOneFactOnly(t *testing.T) {
	j := OpenJournal(t.TempDir()+"/sent", "")
	if err := os.WriteFile(j.file, []byte("\norder-completed of an earlier release"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := func(resource string) entry {
		return entry{"order-completed " + resource, executions.Line{Tracking: "order-completed", Resource: resource}}
	}
	if err := j.add([]entry{line("a-10000000"), line("b-10000000")}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(j.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.file, whole[:len(whole)-7], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.add([]entry{line("a-20000000")}); err != nil {
		t.Fatal(err)
	}
	sent, err := j.read()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"order-completed of an earlier release", "order-completed a-10000000", "order-completed a-20000000"} {
		if !sent[k] {
			t.Errorf("%s is missing in %v", k, sent)
		}
	}
	for id, want := range map[string]int{"a-10000000": 1, "a-200000": 1, "a-": 0, "b-10000000": 0} {
		if found, err := j.Find(id); err != nil || len(found) != want {
			t.Errorf("it has %d lines about %s, want %d (%v)", len(found), id, want, err)
		}
	}
}

// Commerce lists orders and customers, and not what was changed in them or deleted.
func TestAllTrackingsOfOrdersAndCustomersExceptUpdatesCanBeBackfilled(t *testing.T) {
	names := Trackings(Orders, Customers)
	for _, row := range tracking.All() {
		isListed := slices.Contains([]string{"order", "customer"}, row.Resource())
		isState := !strings.HasSuffix(row.Name, "-updated") && !tracking.AtDeletion(row.Observes[0])
		if listed, want := slices.Contains(names, row.Name), isListed && isState; listed != want {
			t.Errorf("%s can be backfilled: %v", row.Name, listed)
		}
	}
}
