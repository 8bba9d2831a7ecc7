package relay_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"commerce-segment/shared/relay"
)

// Parts of a webhook and of a template's output are logged. Only ids, names of events and
// times may reach the log and the reason of a dead letter, even if those parts contain
// personal data.
func TestNoPersonalDataIsLogged(t *testing.T) {
	// PERSON stands for personal data. The rest is valid.
	const body = `{"id":"w-1","triggered_by":"order.paid","attempt":1,"payload":{"data":{"type":"order","id":"o-1","email":"PERSON",
		"relationships":{"customer":{"data":{"id":"c-1"}}},"meta":{"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:50:00Z"}}}}}`
	in := func(old, new string) string { return strings.Replace(body, old, new, 1) }
	const address = `payload.data.email`
	cases := []struct{ name, body, template string }{
		{"the webhook's id", in(`"id":"w-1"`, `"id":"PERSON"`), echo},
		{"the event", in(`order.paid`, `PERSON`), echo},
		{"the attempt", in(`"attempt":1`, `"attempt":"PERSON"`), echo},
		{"the order's id", in(`"id":"o-1"`, `"id":"PERSON"`), echo},
		{"a long id of an order", in(`"id":"o-1"`, `"id":"`+strings.Repeat("PERSON", 100)+`"`), echo},
		{"the order's number", in(`"email":`, `"order_number":"PERSON","email":`), echo},
		{"the order's reference", in(`"email":`, `"external_ref":"PERSON","email":`), echo},
		{"the total", in(`"meta":{`, `"meta":{"display_price":{"with_tax":{"amount":"PERSON","currency":"PERSON"}},`), echo},
		{"the resource's type", in(`"type":"order"`, `"type":"PERSON"`), echo},
		{"the customer's id", in(`"id":"c-1"`, `"id":"PERSON"`), echo},
		{"the time of creation", in(`2026-11-24T10:00:00Z`, `PERSON`), echo},
		{"the time of the update", in(`2026-11-24T10:50:00Z`, `PERSON`), echo},
		{"a key of the body", in(`"attempt"`, `"PERSON"`), echo},
		{"a key of the order", in(`"email"`, `"PERSON"`), echo},
		{"text after the body", body + "PERSON", echo},
		{"a payload that is a text", `{"id":"PERSON","triggered_by":"order.paid","payload":"PERSON"}`, echo},
		{"resources that are no JSON", `{"id":"PERSON","triggered_by":"order.paid","resources":"PERSON"}`, echo},
		{"a number that is too large for a template", in(`"email":"PERSON"`, `"email":"PERSON","x":1e999`), echo},
		{"a messageId", body, `{"event": "e", "messageId": ` + address + `}`},
		{"a messageId of another form", body, `{"event": "e", "messageId": "for " & ` + address + `}`},
		{"a type", body, `{"event": "e", "type": ` + address + `}`},
		{"a user", body, `{"event": "e", "userId": ` + address + `}`},
		{"an event", body, `{"event": ` + address + `}`},
		{"a timestamp", body, `{"event": "e", "timestamp": ` + address + `}`},
		{"properties", body, `{"event": "e", "properties": ` + address + `}`},
		{"a field's name", body, `{"event": "e", ` + address + `: function($x){$x}}`},
		{"a property's name", body, `{"event": "e", "properties": {` + address + `: function($x){$x}}}`},
		{"no message", body, address},
		{"a field next to batch", body, `{"batch": [], ` + address + `: 1}`},
		{"a message of $error", body, `$error("of " & ` + address + `)`},
		{"a message of $assert", body, `$assert(false, ` + address + `)`},
		{"a number", body, `{"event": "e", "properties": {"x": $number(` + address + `)}}`},
		{"a function's name", body, `{"event": "e", "properties": {"x": $lookup({"a": 1}, ` + address + `)()}}`},
		{"a picture", body, `{"event": "e", "properties": {"x": $formatNumber(1, ` + address + `)}}`},
		{"an option of a picture", body, `{"event": "e", "properties": {"x": $formatNumber(1, "0", {` + address + `: "x"})}}`},
		{"a time", body, `{"event": "e", "properties": {"x": $toMillis(` + address + `)}}`},
		{"a currency", body, `{"event": "e", "properties": {"x": $money({"amount": 1, "currency": ` + address + `})}}`},
		{"the currency of a revenue", body, `{"event": "e", "properties": {"revenue": 1, "currency": ` + address + `}}`},
		{"a revenue", body, `{"event": "e", "properties": {"revenue": ` + address + `, "currency": "EUR"}}`},
		{"a path of Commerce", body, `{"event": "e", "properties": $commerce("/v2/orders/" & ` + address + `)}`},
		{"a message that is too large", body, `{"event": "e", "properties": {"x": $pad(` + address + `, 40000)}}`},
	}
	answers := map[string]func(http.ResponseWriter, []string){
		"Segment accepts it": nil, "Segment rejects it, with a text": status(422), "Segment rejects everything": status(400),
	}
	for name, answer := range answers {
		for _, c := range cases {
			t.Run(c.name+", "+name, func(t *testing.T) {
				w := newWorld(t)
				w.relay.MetricsPrefix = "/shop"
				w.settings.change(func(config *relay.Config) { config.Template = c.template })
				if answer != nil {
					w.segment.answer = answer
				}
				w.accept(t, secret, strings.ReplaceAll(c.body, "PERSON", personal))
				w.deliver(t)
				w.relay.Spool = nil
				w.accept(t, secret, strings.ReplaceAll(c.body, "PERSON", personal))
				if text := w.log.text.String(); strings.Contains(text, "ron.swanson") || !strings.Contains(text, `"accept"`) {
					t.Errorf("the log has personal data: %s", text)
				}
				for _, letter := range w.spool.DeadLetters() {
					if text := fmt.Sprintf("%+v", letter.Failure); strings.Contains(text, "ron.swanson") {
						t.Errorf("a dead letter has personal data: %s", text)
					}
				}
			})
		}
	}
}
