package relay_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// state is the order in a webhook about an update.
const state = `{"type":"order","id":"o-1","status":"processing","payment":"paid","shipping":"unfulfilled",` +
	`"customer":{"name":"Zoë Park","email":"zoe@example.com"},"notes":["a","b"],"weight":1.50,` +
	`"meta":{"display_price":{"with_tax":{"amount":2500,"currency":"EUR","formatted":"€25.00"}},` +
	`"timestamps":{"created_at":"2026-11-20T10:15:00Z","updated_at":"2026-11-22T16:40:00Z"}},` +
	`"relationships":{"customer":{"data":{"type":"customer","id":"c-1"}}}}`

// updateOf returns a webhook about an update that contains the order.
func updateOf(order string) string {
	return `{"id":"w-1","triggered_by":"order.updated","attempt":1,"payload":{"data":` + order + `}}`
}

// edited returns a text with some of its parts replaced. Each of them must be in it.
func edited(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s is not in %s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// messageIDOf accepts and delivers a webhook, and returns the id of the message that
// Segment received. The template changes its input.
func messageIDOf(t *testing.T, webhook string) string {
	t.Helper()
	w := newWorld(t)
	w.relay.Tracking = tracking.OrderUpdated
	w.settings.change(func(c *relay.Config) {
		c.Events = []string{"order.updated"}
		c.Template = `$ ~> |payload.data|{"status": "changed"}| ~> function($w) {{"event": "E", "properties": {"order_id": $w.payload.data.id}}}`
	})
	equal(t, "the answer to Commerce", w.accept(t, secret, webhook), accepted)
	equal(t, "kept", len(w.deliver(t)), 0)
	var message struct{ MessageID string }
	if err := json.Unmarshal(w.segment.batches[0][0], &message); err != nil {
		t.Fatal(err)
	}
	return message.MessageID
}

// Segment drops a repeated messageId. If one of these ids differs, Segment has the same
// update twice.
func TestTheSameUpdateHasOneMessageID(t *testing.T) {
	want := messageIDOf(t, updateOf(state))
	reversed := `{"relationships":{"customer":{"data":{"id":"c-1","type":"customer"}}},"weight":1.5e0,"notes":[ "a", "b" ],` +
		`"meta":{"timestamps":{"updated_at":"2026-11-22T16:40:00Z","created_at":"2026-11-20T10:15:00Z"},` +
		`"display_price":{"with_tax":{"formatted":"\u20ac25.00","currency":"EUR","amount":2500.0}}},` +
		`"customer":{"email":"zoe@example.com","name":"Zo\u00eb Park"},"shipping":"unfulfilled","payment":"paid","status":"processing","id":"o-1","type":"order"}`
	cases := []struct{ name, webhook string }{
		{"a retry with another attempt", edited(t, updateOf(state), `"attempt":1`, `"attempt":4`)},
		{"a retry with another id of the webhook", edited(t, updateOf(state), `"w-1"`, `"w-2"`)},
		{"a retry after the secret was rotated",
			edited(t, updateOf(state), `"attempt":1`, `"attempt":2,"configuration":{"secret_key":"another","url":"https://example.com"}`)},
		{"a retry by an integration that was renamed", edited(t, updateOf(state), `"attempt":1`, `"attempt":2,"integration":{"id":"i","name":"Updates"}`)},
		{"another order of keys, white space, escapes and forms of numbers", updateOf(reversed)},
		{"the deprecated twin, as a text",
			`{"id":"w-1","triggered_by":"order.updated","resources":` + strconv.Quote(`{"data":`+edited(t, state, "ë", `\u00eb`)+`}`) + `}`},
		{"the deprecated twin, as an object", `{"id":"w-1","triggered_by":"order.updated","resources":{"data":` + state + `}}`},
		{"a payload next to its twin",
			`{"id":"w-1","triggered_by":"order.updated","resources":"{}","payload":{"data":` + state + `}}`},
		{"with its lines", edited(t, updateOf(state), `}}}}}}`, `}}}},"included":{"items":[{"type":"order_item","id":"l-1"}]}}}`)},
		{"as the API returns it, with links, the lines' ids and members that are null or empty",
			updateOf(edited(t, state, `"weight"`, `"external_ref":null,"links":{"self":"https://example.com/v2/orders/o-1"},"weight"`,
				`"relationships":{`, `"tags":[],"extra":{"none":{}},"relationships":{"items":{"data":[{"type":"item","id":"l-1"}]},`))},
		{"with its timestamps in another form",
			updateOf(edited(t, state, `"2026-11-22T16:40:00Z"`, `"2026-11-22T17:40:00.000+01:00"`))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { equal(t, "the messageId", messageIDOf(t, c.webhook), want) })
	}
}

// Commerce writes updated_at in whole seconds and may update an order twice within one.
// If two of these have the same id, Segment drops the later one, and never learns that the
// order is fulfilled.
func TestUpdatesWithinOneSecondHaveTheirOwnMessageIDs(t *testing.T) {
	updates := map[string]string{
		"as it was":                           state,
		"another text":                        edited(t, state, `"unfulfilled"`, `"fulfilled"`),
		"another number":                      edited(t, state, `2500`, `2501`),
		"another sign":                        edited(t, state, `2500`, `-2500`),
		"a number that a float64 cannot hold": edited(t, state, `2500`, `9007199254740993`),
		"one more than that":                  edited(t, state, `2500`, `9007199254740994`),
		"a number that is a text":             edited(t, state, `2500`, `"2500"`),
		"true":                                edited(t, state, `1.50`, `true`),
		"false":                               edited(t, state, `1.50`, `false`),
		"the text true":                       edited(t, state, `1.50`, `"true"`),
		"an empty text":                       edited(t, state, `1.50`, `""`),
		"null":                                edited(t, state, `1.50`, `null`),
		"a member more":                       edited(t, state, `"weight"`, `"gift":true,"weight"`),
		"a member with another name":          edited(t, state, `"weight"`, `"mass"`),
		"a list in another order":             edited(t, state, `["a","b"]`, `["b","a"]`),
		"a list of fewer elements":            edited(t, state, `["a","b"]`, `["a"]`),
		"a list with an empty element":        edited(t, state, `["a","b"]`, `["a",null,"b"]`),
		"texts joined":                        edited(t, state, `["a","b"]`, `["a,b"]`),
		"a list instead of a text":            edited(t, state, `"processing"`, `["processing"]`),
		"texts moved between members":         edited(t, state, `"Zoë Park"`, `"zoe@example.com"`, `"email":"zoe@example.com"`, `"email":"Zoë Park"`),
		"another customer":                    edited(t, state, `"c-1"`, `"c-2"`),
		"a member links of a customer":        edited(t, state, `"Zoë Park"`, `"Zoë Park","links":"x"`),
		"anonymized":                          edited(t, state, `"weight"`, `"anonymized":true,"weight"`),
		"the next second":                     edited(t, state, `16:40:00`, `16:40:01`),
		"a fraction of that second":           edited(t, state, `16:40:00`, `16:40:00.000000001`),
	}
	names := map[string]string{}
	for name, order := range updates {
		id := messageIDOf(t, updateOf(order))
		if other, taken := names[id]; taken {
			t.Errorf("%q and %q have the same messageId, %s", name, other, id)
		}
		names[id] = name
	}
	equal(t, "messageIds", len(names), len(updates))
}

// A tracking that happens once has no revision, so a second webhook about the same
// order is dropped, even if the order has changed since.
func TestWhatHappensOnceHasOneMessageID(t *testing.T) {
	ids := map[string]bool{}
	for _, status := range []string{"processing", "complete"} {
		w := newWorld(t)
		webhook := edited(t, updateOf(state), "order.updated", "order.paid", "processing", status)
		equal(t, "the answer to Commerce", w.accept(t, secret, webhook), accepted)
		w.deliver(t)
		ids[fmt.Sprint(w.log.last(t, "deliver").MessageIDs)] = true
	}
	equal(t, "messageIds", len(ids), 1)
}
