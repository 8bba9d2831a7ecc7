package relay_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// refunds is a store with the order "1" of 25.00 EUR, paid in two payments, and the relay
// of Order Refunded with its default template.
type refunds struct {
	*world
	t     *testing.T
	store *commercetest.Server
}

// paid is the time at which the order was paid.
var paid = time.Date(2026, 11, 20, 10, 15, 0, 0, time.UTC)

func inRefunds(t *testing.T, test func(r *refunds)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOver(nil)
		w.relay.Segment = segment.NewClient(over{w.segment})
		defer w.relay.Segment.Close()
		w.withStore(templates.Default(tracking.OrderRefunded.Name))
		r := &refunds{world: w, t: t, store: commercetest.New()}
		created := commercetest.Object{"created_at": stamp(paid), "updated_at": stamp(paid)}
		r.store.AddOrder(commercetest.Object{"id": "1", "payment": "paid", "status": "complete", "meta": commercetest.Object{
			"timestamps":    created,
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 2500, "currency": "EUR"}, "tax": commercetest.Object{"amount": 400, "currency": "EUR"}},
		}})
		for id, amount := range map[string]int{"first": 1500, "second": 1000} {
			r.store.AddTransaction("1", commercetest.Object{
				"id": id, "amount": amount, "refunded_amount": 0, "currency": "EUR", "transaction_type": "purchase", "status": "complete",
				"meta": commercetest.Object{"timestamps": created},
			})
		}
		w.relay.Tracking, w.relay.CommerceTransport = tracking.OrderRefunded, r.store
		w.settings.config.Events = tracking.OrderRefunded.Observes
		test(r)
	})
}

// over sends requests to a server without a network.
type over struct{ http.Handler }

func (o over) RoundTrip(request *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	o.ServeHTTP(recorder, request)
	return recorder.Result(), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// deliverUpdates delivers webhooks about the current state of the order, updated at a time.
func (r *refunds) deliverUpdates(updated time.Time, events ...string) {
	r.t.Helper()
	for _, event := range events {
		r.relay.Deliver(r.t.Context(), items(r.webhook(event, updated, nil)))
	}
}

// webhook returns a webhook about the current state of the order, with some fields
// changed.
func (r *refunds) webhook(event string, updated time.Time, change map[string]any) string {
	r.t.Helper()
	client, err := commerce.NewClient(r.settings.config.Commerce, r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	order, err := client.Order(r.t.Context(), "1")
	if err != nil {
		r.t.Fatal(err)
	}
	var data map[string]any
	if err := json.Unmarshal(order.JSON, &data); err != nil {
		r.t.Fatal(err)
	}
	data["meta"].(map[string]any)["timestamps"].(map[string]any)["updated_at"] = stamp(updated)
	maps.Copy(data, change)
	body, err := json.Marshal(map[string]any{"id": fmt.Sprint(updated), "triggered_by": event, "payload": map[string]any{"data": data}})
	if err != nil {
		r.t.Fatal(err)
	}
	return string(body)
}

// refund refunds an amount of a payment, and delivers the webhooks that Commerce then
// posts.
func (r *refunds) refund(payment string, amount int, at time.Time) {
	r.t.Helper()
	r.deliverUpdates(at.Add(time.Second), r.store.Refund("1", payment, amount, at)...)
}

// received returns the messages that Segment has, each once: Segment drops a repeated
// messageId.
func (r *refunds) received() (all []string) {
	r.t.Helper()
	seen := map[string]bool{}
	for _, batch := range r.segment.batches {
		for _, message := range batch {
			var m struct {
				MessageID, Event, Timestamp string
				Properties                  struct {
					Total          float64
					RefundedAmount float64 `json:"refunded_amount"`
					Revenue        *float64
					PaymentStatus  string `json:"payment_status"`
				}
			}
			if err := json.Unmarshal(message, &m); err != nil {
				r.t.Fatal(err)
			}
			if seen[m.MessageID] {
				continue
			}
			seen[m.MessageID] = true
			at, err := time.Parse(time.RFC3339, m.Timestamp)
			if err != nil {
				r.t.Fatal(err)
			}
			p := m.Properties
			all = append(all, fmt.Sprintf("%s of %.2f (%.2f) on %d, %s", m.Event, p.Total, p.RefundedAmount, at.Day(), p.PaymentStatus))
		}
	}
	return all
}

func day(n int) time.Time { return time.Date(2026, 11, n, 16, 40, 0, 0, time.UTC) }

func TestARefundIsSentOnceForEachAmount(t *testing.T) {
	const part = "Order Refunded of 4.00 (4.00) on 22, partially_refunded"
	for _, c := range []struct {
		name   string
		happen func(r *refunds)
		want   []string
	}{
		{"nothing was refunded", func(r *refunds) { r.deliverUpdates(day(22), "order.updated") }, nil},
		{"a part", func(r *refunds) { r.refund("first", 400, day(22)) }, []string{part}},
		{"a part, and the order is updated again within the hour", func(r *refunds) {
			r.refund("first", 400, day(22))
			r.deliverUpdates(day(22).Add(time.Minute), "order.updated", "order.updated")
		}, []string{part}},
		{"a part, and the order is updated again days later, when Segment has forgotten the messageId", func(r *refunds) {
			r.refund("first", 400, day(22))
			r.segment.batches = nil
			r.deliverUpdates(day(24), "order.updated")
		}, nil},
		{"a part, and a webhook whose updated_at is still the old one", func(r *refunds) {
			r.store.Refund("1", "first", 400, day(22))
			r.deliverUpdates(paid, "order.updated")
		}, []string{part}},
		{"two parts of one payment: the second message contains both", func(r *refunds) {
			r.refund("first", 400, day(22))
			r.refund("first", 600, day(23))
		}, []string{part, "Order Refunded of 10.00 (10.00) on 23, partially_refunded"}},
		{"parts of both payments", func(r *refunds) {
			r.refund("first", 400, day(22))
			r.refund("second", 500, day(23))
		}, []string{part, "Order Refunded of 9.00 (9.00) on 23, partially_refunded"}},
		{"one of two payments in full, which is a part of the order", func(r *refunds) { r.refund("second", 1000, day(22)) },
			[]string{"Order Refunded of 10.00 (10.00) on 22, partially_refunded"}},
		{"all of it in parts: only order.refunded reports the last one", func(r *refunds) {
			r.refund("first", 400, day(22))
			r.refund("first", 1100, day(23))
			r.refund("second", 1000, day(24))
		}, []string{part, "Order Refunded of 15.00 (15.00) on 23, partially_refunded", "Order Refunded of 25.00 (25.00) on 24, refunded"}},
		{"a part, and then the rest by marking the order as refunded, which no transaction shows", func(r *refunds) {
			r.refund("first", 400, day(22))
			marked := map[string]any{"payment": "refunded"}
			for _, event := range []string{"order.updated", "order.refunded"} {
				r.relay.Deliver(r.t.Context(), items(r.webhook(event, day(22), marked)))
			}
		}, []string{part, "Order Refunded of 25.00 (4.00) on 22, refunded"}},
		{"all of it, and an update that Commerce posts late", func(r *refunds) {
			r.store.Refund("1", "first", 1500, day(22))
			r.refund("second", 1000, day(23))
			r.deliverUpdates(day(23), "order.updated")
		}, []string{"Order Refunded of 25.00 (25.00) on 23, refunded"}},
		{"all of it, by a store whose order is not marked as refunded", func(r *refunds) {
			r.store.Refund("1", "first", 1500, day(22))
			r.store.Refund("1", "second", 1000, day(22))
			r.relay.Deliver(r.t.Context(), items(r.webhook("order.updated", day(22), map[string]any{"payment": "paid"})))
		}, nil},
		{"a part, for which a store posts order.refunded", func(r *refunds) {
			r.store.Refund("1", "first", 400, day(22))
			r.deliverUpdates(day(22), "order.updated", "order.refunded")
		}, []string{part}},
		{"a part, by a store that has a payment status for it", func(r *refunds) {
			r.store.Refund("1", "first", 400, day(22))
			r.relay.Deliver(r.t.Context(), items(r.webhook("order.updated", day(22), map[string]any{"payment": "partially_refunded"})))
		}, []string{part}},
		{"a part, without credentials", func(r *refunds) {
			r.settings.config.Commerce = commerce.Credentials{}
			r.store.Refund("1", "first", 400, day(22))
			r.relay.Deliver(r.t.Context(), items(webhookOf("order.updated", "1")))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRefunds(t, func(r *refunds) {
				c.happen(r)
				equal(t, "Segment received", strings.Join(r.received(), "; "), strings.Join(c.want, "; "))
				for _, outcome := range outcomes(r.t, r.world) {
					if outcome != "delivered" && outcome != "skipped not_refunded" {
						t.Errorf("an event is %s", outcome)
					}
				}
			})
		})
	}
}

// All updates of all orders arrive here. An update of an order that cannot have a refund
// must not cost a request to Commerce, and any other at most one.
func TestAnUpdateCostsOneRequestAtMost(t *testing.T) {
	for payment, want := range map[string]int{
		"unpaid": 0, "authorized": 0, "partially_authorized": 0, "refunded": 0,
		"paid": 1, "partially_paid": 1, "partially_refunded": 1, "a status of next year's": 1,
	} {
		t.Run(payment, func(t *testing.T) {
			inRefunds(t, func(r *refunds) {
				update := r.webhook("order.updated", day(22), map[string]any{"payment": payment})
				before := len(r.store.Requests("/v2/orders/1/transactions"))
				r.relay.Deliver(r.t.Context(), items(slices.Repeat([]string{update}, 10)...))
				equal(t, "requests for ten updates of a batch", len(r.store.Requests("/v2/orders/1/transactions"))-before, want)
			})
		})
	}
}

// If something is wrong with Commerce's answer, an update is retried or skipped. It never
// reports a refund that is not certain.
func TestAnAnswerThatIsNotAsDocumentedShowsNoRefund(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"nothing", `{}`, "skipped not_refunded"},
		{"no transactions", `{"data": []}`, "skipped not_refunded"},
		{"an amount that is a text", `{"data": [{"refunded_amount": "400", "meta": {"timestamps": {"updated_at": "2026-11-22T16:40:00Z"}}}]}`, "skipped not_refunded"},
		{"no time", `{"data": [{"refunded_amount": 400}]}`, "skipped not_refunded"},
		{"an invalid time", `{"data": [{"refunded_amount": 400, "meta": {"timestamps": {"updated_at": "yesterday"}}}]}`, "skipped not_refunded"},
		{"a time with an offset", `{"data": [{"refunded_amount": 400, "meta": {"timestamps": {"updated_at": "2026-11-22T08:40:00-08:00"}}}]}`, "delivered"},
		{"one broken transaction next to a valid one",
			`{"data": [{"refunded_amount": true}, {"refunded_amount": 400, "meta": {"timestamps": {"updated_at": "2026-11-22T16:40:00Z"}}}]}`, "delivered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRefunds(t, func(r *refunds) {
				update := r.webhook("order.updated", day(22), nil)
				r.store.Fail(commercetest.Fault{Path: "/v2/orders/1/transactions", Status: 200, Body: c.answer})
				r.relay.Deliver(r.t.Context(), items(update))
				equal(t, "outcome", outcomes(r.t, r.world), []string{c.want})
			})
		})
	}
	inRefunds(t, func(r *refunds) {
		update := r.webhook("order.updated", day(22), nil)
		r.store.Fail(commercetest.Fault{Path: "/v2/orders/1/transactions", Status: 503, Times: 1000})
		equal(t, "an update stays while Commerce is down", len(r.relay.Deliver(r.t.Context(), items(update))), 1)
		equal(t, "outcome", outcomes(r.t, r.world), []string{"retrying commerce_503"})
	})
}
