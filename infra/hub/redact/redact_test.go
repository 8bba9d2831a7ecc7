package redact

import (
	"fmt"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/templates"
)

// A template can write a personal value into a field that is shown.
func TestPersonalValuesAreHiddenInFieldsThatAreShown(t *testing.T) {
	for _, c := range []struct {
		name, value string // JSON
		hidden      bool
	}{
		{"a name", `"Mara Lind"`, true},
		{"a part of a name", `"Lind"`, true},
		{"a name within a text", `"for Mara Lind, at home"`, true},
		{"a name in other letter case", `"MARA"`, true},
		{"a name with escapes", `"\u004dara"`, true},
		{"an e-mail address", `"mara.lind@example.com"`, true},
		{"what is before its @", `"mara.lind"`, true},
		{"an e-mail address of another field", `"jo@example.org"`, true},
		{"what is before the @ of another field", `"jo"`, true},
		{"an e-mail address that the webhook does not have", `"Sold to kim@example.org"`, true},
		{"a phone number", `"+1 (503) 555-0144"`, true},
		{"a phone number in another format", `"15035550144"`, true},
		{"a phone number without its country", `"503-555-0144"`, true},
		{"a phone number as a number", `15035550144`, true},
		{"a phone number that the webhook does not have", `4912345678`, true},
		{"a street within an address", `"14 Quarry Road, Portland"`, true},
		{"a postcode", `"97205"`, true},
		{"a postcode as a number", `97205`, true},
		{"a region as a whole text", `"OR"`, true},
		{"a region in a sentence", `"Portland, or."`, true},
		{"instructions", `"At the back door"`, true},
		{"an amount that begins like a postcode", `972050.00`, false},
		{"letters of a region in a word", `"order"`, false},
		{"a currency", `"USD"`, false},
		{"the customer's id", `"c-1"`, false},
		{"the order's id", `"o-1"`, false},
		{"a time", `"2026-01-02T03:04:05Z"`, false},
		{"a product", `"Two-person tent"`, false},
		{"an empty text", `""`, false},
		{"true", `true`, false},
		{"a number", `5`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, found := New([]byte(hubtest.PersonalOrder)).JSON(fmt.Sprintf(`{"event": [%s]}`, c.value))
			want := fmt.Sprintf(`{"event": [%s]}`, c.value)
			if c.hidden {
				want = `{"event": ["•••"]}`
			}
			if got != want || found != c.hidden {
				t.Errorf("got %s, %v", got, found)
			}
		})
	}
}

// The Redactor knows none of these values: only their fields say whether they are personal.
func TestOnlyKnownFieldsAreShown(t *testing.T) {
	for _, c := range []struct {
		name, text string // JSON
		hidden     bool
	}{
		{"a customer's name", `{"properties": {"customer_name": %s}}`, true},
		{"a name", `{"properties": {"name": %s}}`, true},
		{"a street in a field that is a status as a text", `{"properties": {"shipping": {"line_1": %s}}}`, true},
		{"a gift message", `{"payload": {"data": {"gift_message": %s}}}`, true},
		{"a name in a list", `["a", {"names": [1, %s]}]`, true},
		{"a name after a list and an object", `{"a": [{"event": "A"}], "b": {"event": "B"}, "c": %s}`, true},
		{"an engraving of a product", `{"properties": {"products": [{"name": "Mug", "engraving": %s}]}}`, true},
		{"a person in a product", `{"properties": {"products": [{"recipient": {"name": %s}}]}}`, true},
		{"a name as a user's id", `{"userId": %s}`, true},
		{"a name as a time", `{"timestamp": %s}`, true},
		{"a name as a price", `{"price": {"formatted": %s}}`, true},
		{"a status of a person", `{"traits": {"status": %s}}`, true},
		{"an event in the context", `{"context": {"page": {"event": %s}}}`, true},
		{"an event", `{"event": %s}`, false},
		{"a product", `{"properties": {"products": [{"name": %s}]}}`, false},
		{"a product of an order", `{"payload": {"included": {"items": [{"id": "i-1", "name": %s}]}}}`, false},
		{"a brand", `{"properties": {"products": [{"name": "Mug", "price": {"amount": 5}, "brand": %s}]}}`, false},
		{"a coupon", `{"properties": {"coupon": %s}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			shown := strings.ReplaceAll(fmt.Sprintf(c.text, `"Ada Hill"`), `["a", `, `["•••", `)
			got, _ := New().JSON(fmt.Sprintf(c.text, `"Ada Hill"`))
			if strings.Contains(got, "Ada") == c.hidden || !c.hidden && got != shown {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestIDsTimesAndAmountsAreShown(t *testing.T) {
	message := `{"userId": "c-17", "messageId": "order:o-1:0-track", "id": "06cf8ae3-c81c-5c34-855e-cc7f9303cd5a", "timestamp": "2026-01-02T03:04:05.000Z",
		"own": "06cf8ae3-c81c-5c34-855e-cc7f9303cd5a", "total": 1234567890, "points": 12.5, "price": {"formatted": "€ 1.234,50"}, "tax": {"formatted": "KWD 0.617"}}`
	if got, hidden := New([]byte(message)).JSON(message); hidden {
		t.Errorf("got %s", got)
	}
	message = `{"userId": "4912345678", "anonymousId": "ada", "traits": {"age": 41}, "context": {"location": {"latitude": 45.5}}, "zip": 97205}`
	if got, _ := New([]byte(message)).JSON(message); got != `{"userId": "•••", "anonymousId": "•••", "traits": {"age": "•••"}, "context": {"location": {"latitude": "•••"}}, "zip": "•••"}` {
		t.Errorf("got %s", got)
	}
}

// Of a webhook, a message that was made with $commerce has more values.
func TestTheValuesOfAMessageAreHiddenInAnother(t *testing.T) {
	sent := []byte(`{"event": "Sold to Kim", "traits": {"name": "Kim Vale"}, "properties": {"coupon": "VALE10", "customer_name": "Pat Roe"}}`)
	hide := New([]byte(hubtest.PersonalOrder), sent)
	if got, _ := hide.JSON(string(sent)); got != `{"event": "•••", "traits": {"name": "•••"}, "properties": {"coupon": "•••", "customer_name": "•••"}}` {
		t.Errorf("got %s", got)
	}
	if got, _ := hide.JSON(`{"event": "Sold to kim and Mara", "type": "Roe"}`); got != `{"event": "•••", "type": "•••"}` {
		t.Errorf("got %s", got)
	}
	if !hide.Hides("Kim is refused") || hide.Hides("message 1: no user") {
		t.Error("it does not know the value in an error")
	}
}

// A template can split a full name.
func TestThePartsOfANameAreHidden(t *testing.T) {
	hide := New([]byte(`{"triggered_by": "order.paid", "payload": {"data": {"type": "order", "id": "o-1", "contact": {"name": "Priya Raman"}}}}`))
	if got, _ := hide.JSON(`{"event": ["Priya", "RAMAN", "Pri", "Ramanujan"]}`); got != `{"event": ["•••", "•••", "Pri", "•••"]}` {
		t.Errorf("got %s", got)
	}
}

func TestPersonalValuesInJSONNamesAreHidden(t *testing.T) {
	got, _ := New([]byte(hubtest.PersonalOrder)).JSON(`{"mara.lind@example.com": 1, "kim@example.org": 1, "total": 2}`)
	if got != `{"•••": 1, "•••": 1, "total": 2}` {
		t.Errorf("got %s", got)
	}
}

// A customer's webhook is personal as a whole, with its custom fields.
func TestAllValuesOfACustomersWebhookAreHidden(t *testing.T) {
	body := `{"triggered_by": "customer.updated", "payload": {"data": {"type": "customer", "id": "c-1", "name": "Ed", "loyalty_card": "L-77123",
		"status": "gold", "shoe_size": 43, "meta": {"timestamps": {"updated_at": "2026-01-02T03:04:05Z"}}}}}`
	hide := New([]byte(body))
	want := strings.NewReplacer(`"Ed"`, `"•••"`, `"L-77123"`, `"•••"`, `"gold"`, `"•••"`, `43`, `"•••"`).Replace(body)
	if got, _ := hide.JSON(body); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got, _ := hide.JSON(`{"userId": "c-1", "event": "Edited", "coupon": "L-77123", "type": "Ed"}`)
	if want := `{"userId": "c-1", "event": "Edited", "coupon": "•••", "type": "•••"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A text that was cut ends anywhere.
func TestTheBeginningOfATextIsRedacted(t *testing.T) {
	text := `{"event": "A", "traits": {"name": "Ada Hill"}, "note": "for Ada", "list": [{"a": ["b`
	for n := range len(text) {
		if got, _ := New().JSON(text[:n]); strings.Contains(got, "Ada") {
			t.Errorf("of %d bytes it shows %s", n, got)
		}
	}
}

// A page shows the parts of a text instead of the text.
func TestJoinedPartsAreTheSameText(t *testing.T) {
	texts := []string{`{"a":"\\\"","b":[1.5e-3,-2,true,null],"c":{}}`, ``, `"`, `{"a`, "\x00?", `["é", "\u00e9"]`}
	for _, sample := range templates.Samples() {
		texts = append(texts, string(sample.Body))
	}
	for _, text := range texts {
		var b strings.Builder
		for part := range Parts(text) {
			b.WriteString(part.Text)
		}
		if b.String() != text {
			t.Errorf("%q became %q", text, b.String())
		}
	}
}
