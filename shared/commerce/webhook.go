// Package commerce has everything that is specific to Elastic Path Commerce: its webhooks,
// the secret that authenticates them, and its API.
package commerce

import (
	"bytes"
	"encoding/json"
	"strconv"

	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/jsontext"
)

// Webhook is one delivery of a Commerce webhook, checked and normalized.
type Webhook struct {
	// ID is the id of the delivery; empty if the body has none. It is not documented
	// whether a retry has the same id, so no identity is derived from it alone.
	ID string
	// Event is the Commerce event ("triggered_by"), for example "order.paid".
	Event string
	// Attempt is the number of the delivery, from 1; 0 if the body has none.
	Attempt int
	// ResourceType and ResourceID identify the order or customer that the webhook is
	// about. The id is never empty. The type is empty if the body has none.
	ResourceType, ResourceID string
	// CustomerID is the id of the registered customer who ordered. It is empty for the
	// order of a guest or of an account, and for a resource that is not an order.
	CustomerID string
	// Number is what people know an order by: its order_number, or else its external_ref. It is
	// empty if the order has neither, and for a resource that is not an order.
	Number string
	// CreatedAt and UpdatedAt are the timestamps of the resource as Commerce wrote them
	// (RFC 3339); empty if there are none, as in a deletion.
	CreatedAt, UpdatedAt string

	envelope envelope
}

// Parse parses the body of a webhook. Commerce sends three forms: with an object payload,
// in addition to which there may be its deprecated twin "resources", which is ignored;
// with only resources, as a string of JSON; and with only resources, as an object
// (deletions from older stores). Null is the same as absent.
//
// Its error is an *Error. A body must have triggered_by and the id of the resource. Any
// other field that is missing or has an undocumented type is left empty, so that the event
// is not lost. Parse is as lenient as encoding/json: of a key that occurs twice it uses
// the last one, bytes that are not UTF-8 become U+FFFD, and a number of any size stays as
// it is written.
func Parse(body []byte) (Webhook, error) {
	e, err := read(body)
	if err != nil {
		return Webhook{}, err
	}
	w := e.webhook()
	w.envelope = e
	return w, nil
}

// Check checks a body as Parse does, with the same errors. Its Webhook has no Input. kept is
// the body to store: the same bytes without the member "configuration", in which Commerce
// repeats the webhook secret, and without white space between the outermost members.
func Check(body []byte) (w Webhook, kept []byte, err error) {
	e, err := read(body)
	if err != nil {
		return Webhook{}, nil, err
	}
	return e.webhook(), e.withoutConfiguration(len(body)), nil
}

// WithoutInput returns the webhook without its body. It has no Input, no Document and no
// Content.
func (w Webhook) WithoutInput() Webhook {
	w.envelope = envelope{}
	return w
}

// withoutConfiguration returns the body without the member "configuration". It has at most
// size bytes.
func (e envelope) withoutConfiguration(size int) []byte {
	kept := append(make([]byte, 0, size), '{')
	for _, f := range e.fields {
		if jsontext.Text(f.Key) == "configuration" {
			continue
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(append(append(kept, f.Key...), ':'), f.Value...)
	}
	return append(kept, '}')
}

// webhook returns the Webhook of an envelope, without its body.
func (e envelope) webhook() Webhook {
	return Webhook{
		ID: e.id, Event: e.event, Attempt: e.attempt,
		ResourceType: e.resource.kind, ResourceID: e.resource.id, CustomerID: e.resource.customer, Number: e.resource.number,
		CreatedAt: e.resource.createdAt, UpdatedAt: e.resource.updatedAt,
	}
}

// Input returns a new value with the input of a template: the whole body without "resources"
// and "configuration", and with "payload", always an object. It is within MaxDepth and
// MaxValues. Its error wraps value.ErrInput: a number or the name of a field is beyond the
// limits of the template language.
func (w Webhook) Input() (*value.Object, error) {
	input := value.NewObject(len(w.envelope.fields))
	for _, f := range w.envelope.fields {
		if name := jsontext.Text(f.Key); isShown(name) {
			v, err := value.Build(f.Value)
			if err != nil {
				return nil, err
			}
			input.Set(name, v)
		}
	}
	if integration, ok := input.Get("integration").(*value.Object); ok {
		// In the API an integration has its secret here. According to the documentation
		// a webhook does not, but if it ever does, a template must not see it.
		integration.Remove([]string{"configuration"})
	}
	payload, err := value.Build(w.envelope.payload.Value)
	input.Set("payload", payload)
	return input, err
}

// isShown reports whether a template sees a member of the body as it is.
func isShown(name string) bool {
	return name != "configuration" && name != "resources" && name != "payload"
}

// Document returns the same fields as Input, decoded by encoding/json, with numbers as
// json.Number.
func (w Webhook) Document() map[string]any {
	document := map[string]any{"payload": decode(w.envelope.payload.Value)}
	for _, f := range w.envelope.fields {
		if name := jsontext.Text(f.Key); isShown(name) {
			document[name] = decode(f.Value)
		}
	}
	if integration, ok := document["integration"].(map[string]any); ok {
		delete(integration, "configuration")
	}
	return document
}

// decode decodes JSON that was checked before.
func decode(text []byte) (v any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	_ = decoder.Decode(&v) // never fails, because the text was checked
	return v
}

// Payment returns the payment status of an order, such as "paid", and its total in the
// currency's minor unit; "" and 0 if the body does not have them.
func (w Webhook) Payment() (payment string, total float64) {
	total, _ = strconv.ParseFloat(w.Total().Amount, 64)
	return jsontext.Text(jsontext.Member(w.envelope.payload.Value, "data", "payment")), total
}

// Price is an amount as Commerce writes it. The texts are empty if the body does not have them.
type Price struct {
	Amount    string // a number in the currency's minor unit, such as 131000
	Currency  string // EUR
	Formatted string // €1,310.00
}

// Total returns the total of an order, with tax.
func (w Webhook) Total() Price {
	total := jsontext.Member(w.envelope.payload.Value, "data", "meta", "display_price", "with_tax")
	return Price{string(jsontext.Member(total, "amount")), jsontext.Text(jsontext.Member(total, "currency")), jsontext.Text(jsontext.Member(total, "formatted"))}
}
