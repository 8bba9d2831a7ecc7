package relay_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
	"commerce-segment/shared/turn"
)

// largeBody is a webhook that needs a turn, and largeData a template that does.
var largeBody = strings.Replace(webhook("large"), `"payload":{`, `"payload":{"x":[`+strings.Repeat(`{"a":{}},`, 10_000)+`1],`, 1)

const largeData = `($x := [1..100000].[$]; {"event": "E", "properties": {"order_id": payload.data.id}})`

// takeTurns takes turns until there is none, and returns how many there were and what ends
// them.
func takeTurns(t *testing.T) (taken int, end func()) {
	t.Helper()
	var ends []func()
	end = func() {
		for _, end := range ends {
			end()
		}
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		scope, endScope := turn.Scope(ctx)
		err := turn.Take(scope)
		cancel()
		if err != nil {
			return len(ends), end
		}
		ends = append(ends, endScope)
	}
}

// One large event must not keep the others of its batch from Segment.
func TestWhatFindsNoTurnIsRetriedAndTheOthersOfItsBatchAreDelivered(t *testing.T) {
	_, end := takeTurns(t)
	defer end()
	for _, test := range []struct{ name, template, large string }{
		{"a large body", echo, largeBody},
		{"a template that makes much data", `payload.data.id = "1" ? ` + echo + ` : ` + largeData, webhook("large")},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOver(&countingTransport{})
			w.settings.config.Template = test.template
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			defer cancel()
			keep := w.relay.Deliver(ctx, items(webhook("1"), test.large, webhook("1")))
			equal(t, "kept", keep, []string{"h1"})
			equal(t, "outcomes", outcomes(t, w), []string{"delivered", "retrying out_of_time", "delivered"})
		})
	}
}

// bomb is a Commerce that panics.
type bomb struct{}

func (bomb) RoundTrip(*http.Request) (*http.Response, error) { panic("a bug") }

func TestATurnEndsWithTheEventHoweverThatEnds(t *testing.T) {
	before, end := takeTurns(t)
	end()
	for _, test := range []struct{ name, template, body, outcome string }{
		{"delivered", echo, largeBody, "delivered"},
		{"much data", largeData, webhook("1"), "delivered"},
		{"no webhook", echo, `{"x":"` + strings.Repeat("x", 100_000), "failed not_json"},
		{"too much data", `[1..9000000].[$]`, largeBody, "retrying template"},
		{"a message without an event", `{"x": 1}`, largeBody, "failed message_invalid"},
		{"a bug in the evaluation", `$commerce("/v2/orders/1")`, largeBody, "retrying template"},
		{"a bug in the relay", echo, strings.Replace(largeBody, "order.paid", "order.refunded", 1), "retrying internal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOver(&countingTransport{})
			w.relay.CommerceTransport = bomb{}
			w.settings.config.Commerce = commerce.Credentials{ClientID: "id", ClientSecret: "secret", URL: "https://commerce.test"}
			w.settings.config.Template = test.template
			if strings.Contains(test.body, "order.refunded") { // the relay itself asks Commerce then
				w.relay.Tracking = tracking.OrderRefunded
				w.settings.config.Events = tracking.OrderRefunded.Observes
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			w.relay.Deliver(ctx, items(test.body))
			equal(t, "outcomes", outcomes(t, w), []string{test.outcome})
			after, end := takeTurns(t)
			end()
			equal(t, "turns", after, before)
		})
	}
}
