package redact

import (
	"fmt"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/templates"
)

func TestPersonalValuesAreHidden(t *testing.T) {
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
		{"a phone number", `"+1 (503) 555-0144"`, true},
		{"a phone number in another format", `"15035550144"`, true},
		{"a phone number without its country", `"503-555-0144"`, true},
		{"a phone number as a number", `15035550144`, true},
		{"a street within an address", `"14 Quarry Road, Portland"`, true},
		{"a postcode", `"97205"`, true},
		{"a postcode as a number", `97205`, true},
		{"a region as a whole text", `"OR"`, true},
		{"a region in a sentence", `"Portland, or."`, true},
		{"instructions", `"At the back door"`, true},
		{"an amount that begins like a postcode", `972050.00`, false},
		{"letters of a region in a word", `"order"`, false},
		{"a currency", `"USD"`, false},
		{"a country", `"US"`, false},
		{"the customer's id", `"c-1"`, false},
		{"the order's id", `"o-1"`, false},
		{"a time", `"2026-01-02T03:04:05Z"`, false},
		{"a product", `"Two-person tent"`, false},
		{"an empty text", `""`, false},
		{"true", `true`, false},
		{"a number", `5`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, found := New([]byte(hubtest.PersonalOrder)).JSON(fmt.Sprintf(`{"x": [%s]}`, c.value))
			want := fmt.Sprintf(`{"x": [%s]}`, c.value)
			if c.hidden {
				want = `{"x": ["•••"]}`
			}
			if got != want || found != c.hidden {
				t.Errorf("got %s, %v", got, found)
			}
		})
	}
}

// A template can split a full name.
func TestThePartsOfANameAreHidden(t *testing.T) {
	hide := New([]byte(`{"triggered_by": "order.paid", "payload": {"data": {"type": "order", "id": "o-1", "contact": {"name": "Priya Raman"}}}}`))
	if got, _ := hide.JSON(`["Priya", "RAMAN", "Pri", "Ramanujan"]`); got != `["•••", "•••", "Pri", "•••"]` {
		t.Errorf("got %s", got)
	}
}

func TestPersonalValuesInJSONNamesAreHidden(t *testing.T) {
	got, _ := New([]byte(hubtest.PersonalOrder)).JSON(`{"mara.lind@example.com": 1, "total": 2}`)
	if got != `{"•••": 1, "total": 2}` {
		t.Errorf("got %s", got)
	}
}

// A customer's webhook is personal as a whole, with its custom fields.
func TestAllValuesOfACustomersWebhookAreHidden(t *testing.T) {
	hide := New([]byte(`{"triggered_by": "customer.updated", "payload": {"data": {"type": "customer", "id": "c-1",
		"name": "Ed", "loyalty_card": "L-77123", "meta": {"timestamps": {"updated_at": "2026-01-02T03:04:05Z"}}}}}`))
	got, _ := hide.JSON(`{"userId": "c-1", "card": "L-77123", "name": "Ed", "event": "Edited", "at": "2026-01-02T03:04:05Z"}`)
	if want := `{"userId": "c-1", "card": "•••", "name": "•••", "event": "Edited", "at": "2026-01-02T03:04:05Z"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
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
