package relay_test

import (
	"fmt"
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
	"commerce-segment/shared/spool"
)

// asking is a template that requests the payments of an order from Commerce.
const asking = `{"event": "Order Completed", "properties": {"order_id": payload.data.id, ` +
	`"paid": $commerce("/v2/orders/" & payload.data.id & "/transactions").data[0].amount}}`

const tokenPath = "/oauth/access_token"

// withStore gives a world a Commerce store with the orders "1" to "10".
func (w *world) withStore(template string) *commercetest.Server {
	store := commercetest.New()
	for i := range 10 {
		id := fmt.Sprint(i + 1)
		store.AddOrder(commercetest.Object{"id": id})
		store.AddTransaction(id, commercetest.Object{"amount": 100 * (i + 1)})
	}
	w.relay.CommerceTransport = store
	w.settings.config.Template = template
	w.settings.config.Commerce = commerce.Credentials{
		URL: "https://commerce.test", ClientID: commercetest.ClientID, ClientSecret: commercetest.ClientSecret,
	}
	return store
}

// inStore runs a test in a synctest bubble, with a Commerce store.
func inStore(t *testing.T, template string, test func(*testing.T, *world, *commercetest.Server)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOver(nil)
		w.relay.Segment = segment.NewClient(direct{w.segment})
		defer w.relay.Segment.Close()
		test(t, w, w.withStore(template))
		time.Sleep(time.Minute) // until requests have ended for which no event waits
	})
}

// direct is a transport without a network.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// calls returns the number of requests to the store, without those for tokens.
func calls(store *commercetest.Server) int {
	return len(store.Requests()) - len(store.Requests(tokenPath))
}

func TestATemplateReadsFromCommerce(t *testing.T) {
	w := newWorld(t)
	store := w.withStore(asking)
	equal(t, "kept", w.relay.Deliver(t.Context(), items(webhook("3"))), []string{})
	if got := string(w.segment.batches[0][0]); !strings.Contains(got, `"paid":300`) {
		t.Errorf("Segment got %s", got)
	}
	w.relay.Deliver(t.Context(), items(webhook("4")))
	equal(t, "tokens for two batches", len(store.Requests(tokenPath)), 1)
	w.settings.config.Commerce.ClientSecret = "another"
	w.relay.Deliver(t.Context(), items(webhook("5")))
	equal(t, "outcome with other credentials", w.log.last(t, "deliver").Reason, "commerce_401")
}

func TestCommerceIsNotCalledWithoutNeed(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*world)
		sent   bool
	}{
		{"the template does not call $commerce", func(w *world) { w.settings.config.Template = echo }, true},
		{"no credentials are set", func(w *world) { w.settings.config.Commerce = commerce.Credentials{} }, true},
		{"the event is not observed", func(w *world) { w.settings.config.Events = nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.withStore(asking)
			c.change(w)
			w.relay.Deliver(t.Context(), items(webhook("1")))
			equal(t, "requests to Commerce", len(store.Requests()), 0)
			equal(t, "the event is sent", len(w.segment.taken) == 1, c.sent)
		})
	}
}

// Ten events about one order, or that all request the same path, must not use ten
// requests of the store's rate limit.
func TestAPathIsRequestedOncePerBatch(t *testing.T) {
	inStore(t, asking, func(t *testing.T, w *world, store *commercetest.Server) {
		batch := items(webhook("1"), webhook("2"), webhook("1"), webhook("none"), webhook("none"), webhook("1"))
		w.relay.Deliver(t.Context(), batch)
		equal(t, "calls", calls(store), 3)
		equal(t, "outcomes", outcomes(t, w), slices.Repeat([]string{"delivered"}, len(batch)))
		w.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "calls after another batch, which may get another answer", calls(store), 4)
	})
}

// Commerce's answer to a template decides the outcome of the event. No answer may lose an
// event or make it a dead letter.
func TestTheAnswerOfCommerceDecidesTheOutcome(t *testing.T) {
	const orders = "/v2/orders/1/transactions"
	always := func(f commercetest.Fault) *commercetest.Fault { f.Times = 1000; return &f }
	for _, c := range []struct {
		name     string
		fault    *commercetest.Fault
		outcome  string
		operator bool   // the operator must fix something
		detail   string // a part of it
	}{
		{"an answer", nil, "delivered", false, ""},
		{"404", always(commercetest.Fault{Path: orders, Status: 404}), "delivered", false, ""},
		{"503, once", &commercetest.Fault{Path: orders, Status: 503}, "delivered", false, ""},
		{"503", always(commercetest.Fault{Path: orders, Status: 503}), "retrying commerce_503", false, "line 1: $commerce: Commerce answered 503"},
		{"429", always(commercetest.Fault{Path: orders, Status: 429}), "retrying commerce_429", false, "rate limit"},
		{"no answer", always(commercetest.Fault{Path: orders, Break: true}), "retrying commerce_unreachable", false, "no answer"},
		{"503 for a token", always(commercetest.Fault{Path: tokenPath, Status: 503}), "retrying commerce_503", false, ""},
		{"401 for a token", always(commercetest.Fault{Path: tokenPath, Status: 401}), "retrying commerce_401", true, "check the client id"},
		{"400 for a token", always(commercetest.Fault{Path: tokenPath, Status: 400}), "retrying commerce_400", true, "check the client id"},
		{"404 for a token", always(commercetest.Fault{Path: tokenPath, Status: 404}), "retrying commerce_404", true, "base URL"},
		{"401 with a token", always(commercetest.Fault{Path: orders, Status: 401}), "retrying commerce_401", true, ""},
		{"401, once", &commercetest.Fault{Path: orders, Status: 401}, "delivered", false, ""},
		{"403", always(commercetest.Fault{Path: orders, Status: 403}), "retrying commerce_403", true, "lacks the permission"},
		{"422", always(commercetest.Fault{Path: orders, Status: 422}), "retrying commerce_422", true, ""},
		{"a redirect", always(commercetest.Fault{Path: orders, Status: 302, Header: map[string]string{"Location": "https://evil.test"}}), "retrying commerce_302", true, ""},
		{"a page", always(commercetest.Fault{Path: orders, Status: 200, Body: "<html>"}), "retrying commerce_200", true, "base URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, asking, func(t *testing.T, w *world, store *commercetest.Server) {
				if c.fault != nil {
					if c.fault.Body == "" {
						c.fault.Body = `{"errors":[{"title":"` + personal + `","detail":"` + personal + `"}]}`
					}
					store.Fail(*c.fault)
				}
				keep := w.relay.Deliver(t.Context(), items(webhook("1")))
				equal(t, "outcomes", outcomes(t, w), []string{c.outcome})
				equal(t, "it stays on the queue", len(keep) == 1, c.outcome != "delivered")
				line := w.log.last(t, "deliver")
				equal(t, "it is an error", line.Level == "ERROR", c.operator)
				if !strings.Contains(line.Detail, c.detail) {
					t.Errorf("the detail %q does not contain %q", line.Detail, c.detail)
				}
				noSecretsIn(t, w.log)
				if strings.Contains(w.log.text.String(), commercetest.ClientSecret) {
					t.Error("the client secret is in the log")
				}
			})
		})
	}
}

func TestAnEventIsDeliveredOnceCommerceAnswersAgain(t *testing.T) {
	w := newWorld(t)
	store := w.withStore(asking)
	store.Fail(commercetest.Fault{Path: "/v2/orders/1/transactions", Status: 503, Header: map[string]string{"Retry-After": "240"}})
	w.relay.Backoff = time.Millisecond
	w.accept(t, secret, webhook("1"))
	equal(t, "kept", len(w.deliver(t)), 1)
	if delay := w.spool.delays[0]; delay < 240*time.Second {
		t.Errorf("it is retried after %v, sooner than Commerce asked for", delay)
	}
	w.relay.Deliver(t.Context(), items(webhook("1")))
	equal(t, "accepted by Segment", w.segment.taken, []string{"1"})
}

// One event may make ten calls. An eleventh call and an unsupported path are errors of the
// template.
func TestInvalidCallsOfCommerceAreErrorsOfTheTemplate(t *testing.T) {
	for _, c := range []struct {
		name, template, detail string
		calls                  int
	}{
		{"ten calls", `{"event": "E", "properties": {"n": [[1..10].$commerce("/v2/orders/" & $)]}}`, "", 10},
		{"eleven calls", `[1..11].$commerce("/v2/orders/" & $)`, "more than 10 times", 10},
		{"eleven calls for the same", `[1..11].$commerce("/v2/orders/1")`, "more than 10 times", 1},
		{"another path", `$commerce("/oauth/access_token")`, "reads /v2/orders", 0},
		{"an id that is missing", `$commerce("/v2/customers/" & payload.data.none)`, "only where the id is there", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, c.template, func(t *testing.T, w *world, store *commercetest.Server) {
				w.relay.Deliver(t.Context(), items(webhook("1")))
				line := w.log.last(t, "deliver")
				equal(t, "reason", line.Reason == "template", c.detail != "")
				if !strings.Contains(line.Detail, c.detail) {
					t.Errorf("the detail %q does not contain %q", line.Detail, c.detail)
				}
				equal(t, "calls", calls(store), c.calls)
			})
		})
	}
}

func TestATooLargeAnswerIsAnErrorOfTheTemplate(t *testing.T) {
	inStore(t, asking, func(t *testing.T, w *world, store *commercetest.Server) {
		store.Fail(commercetest.Fault{Path: "/v2/orders/1/transactions", Status: 200, Body: `"` + strings.Repeat("a", 2<<20) + `"`})
		w.relay.Deliver(t.Context(), items(webhook("1"), webhook("2")))
		equal(t, "outcomes", outcomes(t, w), []string{"retrying template", "delivered"})
	})
}

// slowStore answers each request after a time, or never.
type slowStore struct {
	store *commercetest.Server
	takes time.Duration
}

func (h slowStore) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(h.takes):
		return h.store.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// Lambda stops a function after 9 s. Before that, the events for which Commerce answered
// must be delivered to Segment, and the others scheduled for a retry.
func TestWaitingForCommerceLeavesTimeToDeliver(t *testing.T) {
	var orders []string
	for i := range spool.BatchSize {
		orders = append(orders, webhook(fmt.Sprint(i+1)))
	}
	for _, c := range []struct {
		name      string
		takes     time.Duration
		delivered int
	}{
		{"it hangs", time.Hour, 0},
		{"it is slow", 600 * time.Millisecond, 4}, // and one request for the token: 5 × 0.6 s
		{"it answers", 10 * time.Millisecond, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, asking, func(t *testing.T, w *world, store *commercetest.Server) {
				w.relay.CommerceTransport = slowStore{store, c.takes - time.Millisecond}
				started := time.Now()
				keep := w.relay.Deliver(t.Context(), items(orders...))
				if took := time.Since(started); took > 3*time.Second {
					t.Errorf("it took %v", took)
				}
				equal(t, "kept", len(keep), spool.BatchSize-c.delivered)
				timeouts := slices.DeleteFunc(outcomes(t, w), func(o string) bool { return o != "retrying commerce_timeout" })
				equal(t, "timeouts", len(timeouts), spool.BatchSize-c.delivered)
			})
		})
	}
}
