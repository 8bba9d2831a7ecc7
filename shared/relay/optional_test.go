package relay_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/spool"
)

// decorating is a template with a field that its message can do without.
const decorating = `{"event": "Order Completed", "properties": {"order_id": payload.data.id, ` +
	`"paid": $commerce("/v2/orders/" & payload.data.id & "/transactions", 800).data[0].amount}}`

// No failure of Commerce may hold an event back for a field that its message can do without.
func TestAnEventIsDeliveredWithoutItsOptionalFields(t *testing.T) {
	const orders = "/v2/orders/1/transactions"
	always := func(f commercetest.Fault) *commercetest.Fault { f.Times = 1000; return &f }
	for _, c := range []struct {
		name   string
		fault  *commercetest.Fault
		takes  time.Duration // of an answer
		reason string        // why the field is left out
		waited time.Duration // at most
	}{
		{"Commerce answers", nil, 10 * time.Millisecond, "", 30 * time.Millisecond},
		{"the order is not there", always(commercetest.Fault{Path: orders, Status: 404}), 0, "", 0},
		{"Commerce is slow", nil, 3 * time.Second, "commerce_timeout", 800 * time.Millisecond},
		{"Commerce hangs", nil, time.Hour, "commerce_timeout", 800 * time.Millisecond},
		{"Commerce is down", always(commercetest.Fault{Path: orders, Status: 503}), 0, "commerce_503", 0},
		{"the rate limit is used up", always(commercetest.Fault{Path: orders, Status: 429}), 0, "commerce_429", 0},
		{"the connection breaks", always(commercetest.Fault{Path: orders, Break: true}), 0, "commerce_unreachable", 0},
		{"the key lacks the permission", always(commercetest.Fault{Path: orders, Status: 403}), 0, "commerce_403", 0},
		{"Commerce is down, also for tokens", always(commercetest.Fault{Status: 503}), 0, "commerce_503", 0},
		{"the key was deleted", always(commercetest.Fault{Path: tokenPath, Status: 401}), 0, "commerce_401", 0},
		{"a page", always(commercetest.Fault{Path: orders, Status: 200, Body: "<html>"}), 0, "commerce_200", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, decorating, func(t *testing.T, w *world, store *commercetest.Server) {
				if c.fault != nil {
					store.Fail(*c.fault)
				}
				w.relay.CommerceTransport = slowStore{store, c.takes}
				started := time.Now()
				keep := w.relay.Deliver(t.Context(), items(webhook("1")))
				if took := time.Since(started); took > c.waited {
					t.Errorf("it took %v, want at most %v", took, c.waited)
				}
				equal(t, "kept", len(keep), 0)
				line := w.log.last(t, "deliver")
				equal(t, "outcome", line.Outcome, "delivered")
				equal(t, "reason of what is left out", line.LeftOutReason, c.reason)
				equal(t, "calls without an answer", line.LeftOut == 1, c.reason != "")
				has := strings.Contains(string(w.segment.batches[0][0]), `"paid":100`)
				equal(t, "the field is there", has, c.reason == "" && c.fault == nil)
				noSecretsIn(t, w.log)
			})
		})
	}
}

func TestWithoutCredentialsOptionalFieldsAreLeftOut(t *testing.T) {
	w := newWorld(t)
	w.withStore(decorating)
	w.settings.config.Commerce = commerce.Credentials{}
	w.relay.Deliver(t.Context(), items(webhook("1")))
	line := w.log.last(t, "deliver")
	equal(t, "outcome", line.Outcome, "delivered")
	equal(t, "left out", fmt.Sprint(line.LeftOut, " ", line.LeftOutReason), "1 commerce_not_connected")
}

// An outage costs one wait, not one for each call and each event.
func TestOptionalCallsDoNotWaitAgainAfterAFailure(t *testing.T) {
	twice := strings.Replace(decorating, `"paid"`, `"more": $commerce("/v2/customers", 800), "paid"`, 1)
	inStore(t, twice, func(t *testing.T, w *world, store *commercetest.Server) {
		w.relay.CommerceTransport = slowStore{store, time.Hour}
		var orders []string
		for i := range spool.BatchSize {
			orders = append(orders, webhook(fmt.Sprint(i+1)))
		}
		started := time.Now()
		w.relay.Deliver(t.Context(), items(orders...))
		w.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "time for 11 events", time.Since(started), 800*time.Millisecond)
		equal(t, "outcomes", outcomes(t, w), slices.Repeat([]string{"delivered"}, len(orders)+1))
		equal(t, "calls without an answer", w.log.last(t, "deliver").LeftOut, 2)

		time.Sleep(10 * time.Second)
		w.settings.config.Commerce.URL = "https://another.test"
		w.relay.CommerceTransport = store
		w.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "calls without an answer once Commerce works", w.log.last(t, "deliver").LeftOut, 0)
	})
}

// The waits for optional fields of a whole batch leave time to deliver it.
func TestTheWaitsOfABatchForOptionalFieldsAreLimited(t *testing.T) {
	inStore(t, decorating, func(t *testing.T, w *world, store *commercetest.Server) {
		w.relay.CommerceTransport = slowStore{store, 300 * time.Millisecond}
		var orders []string
		for i := range spool.BatchSize {
			orders = append(orders, webhook(fmt.Sprint(i+1)))
		}
		started := time.Now()
		w.relay.Deliver(t.Context(), items(orders...))
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		equal(t, "outcomes", outcomes(t, w), slices.Repeat([]string{"delivered"}, len(orders)))
	})
}

// A failed optional call must not be the answer to a call that the message needs.
func TestACallThatAMessageNeedsIsMadeAfterAnOptionalOneFailed(t *testing.T) {
	both := `{"event": "Order Completed", "properties": {"order_id": payload.data.id, "n": [` +
		`$commerce("/v2/orders/1/transactions", 800).data[0].amount, $commerce("/v2/orders/1/transactions").data[0].amount]}}`
	inStore(t, both, func(t *testing.T, w *world, store *commercetest.Server) {
		store.Fail(commercetest.Fault{Path: "/v2/orders/1/transactions", Status: 503})
		w.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "outcomes", outcomes(t, w), []string{"delivered"})
		if got := string(w.segment.batches[0][0]); !strings.Contains(got, `"n":[100]`) {
			t.Errorf("Segment got %s", got)
		}
	})
}

func TestAnswersAboutTheCatalogAreKeptForAWhile(t *testing.T) {
	for _, c := range []struct {
		path string
		kept bool
	}{
		{"/pcm/products/p", true},
		{"/catalog/products?filter=in(id,p)", true},
		{"/v2/currencies", true},
		{"/v2/files/f", true},
		{"/v2/orders/1/transactions", false},
		{"/v2/customers/c", false},
		{"/v2/accounts/a", false},
		{"/v2/carts/c", false},
	} {
		t.Run(c.path, func(t *testing.T) {
			inStore(t, fmt.Sprintf(`{"event": "E", "properties": {"x": $type($commerce(%q, 800))}}`, c.path), func(t *testing.T, w *world, store *commercetest.Server) {
				for range 3 {
					w.relay.Deliver(t.Context(), items(webhook("1")))
				}
				equal(t, "calls of three batches", calls(store), map[bool]int{true: 1, false: 3}[c.kept])
				time.Sleep(6 * time.Minute)
				w.relay.Deliver(t.Context(), items(webhook("1")))
				equal(t, "calls with one after six minutes", calls(store), map[bool]int{true: 2, false: 4}[c.kept])
			})
		})
	}
}

// An answer that comes too late for one event is there for the next one.
func TestAnAnswerThatComesTooLateIsKept(t *testing.T) {
	inStore(t, `{"event": "E", "properties": {"x": $commerce("/v2/currencies", 500).data[0].code}}`, func(t *testing.T, w *world, store *commercetest.Server) {
		w.relay.CommerceTransport = slowStore{store, 600 * time.Millisecond}
		w.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "left out of the first", w.log.last(t, "deliver").LeftOut, 1)
		time.Sleep(time.Second)
		w.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "left out of the second", w.log.last(t, "deliver").LeftOut, 0)
		equal(t, "calls", calls(store), 1)
	})
}

// countingStore counts the requests that are made at the same time.
type countingStore struct {
	http.RoundTripper
	mu   sync.Mutex
	gets int
}

func (s *countingStore) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		s.mu.Lock()
		s.gets++
		s.mu.Unlock()
	}
	return s.RoundTripper.RoundTrip(r)
}

func TestConcurrentEqualCallsAreOneRequest(t *testing.T) {
	inStore(t, decorating, func(t *testing.T, w *world, store *commercetest.Server) {
		counting := &countingStore{RoundTripper: slowStore{store, 100 * time.Millisecond}}
		w.relay.CommerceTransport = counting
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { w.relay.Deliver(t.Context(), items(webhook("1"))) })
		}
		all.Wait()
		equal(t, "requests", counting.gets, 1)
		equal(t, "left out", w.log.last(t, "deliver").LeftOut, 0)
	})
}
