// Package commerce is what this project knows of Elastic Path Commerce: the
// webhooks it posts, the secret that proves them, and its API.
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
	// ID is the delivery's own id; empty where it is absent. Whether Commerce
	// keeps it on a retry is not documented, so nothing derives identity from
	// it alone.
	ID string
	// Event is what triggered it ("triggered_by"), for example "order.paid".
	Event string
	// Attempt counts Commerce's deliveries of it, from 1; 0 where it is absent.
	Attempt int
	// ResourceType and ResourceID name the order or customer it is about. The
	// id is never empty; the type is where Commerce left it out.
	ResourceType, ResourceID string
	// CustomerID is the id of the registered customer who ordered; empty for a
	// guest's order, an account's, and for what is no order.
	CustomerID string
	// CreatedAt and UpdatedAt are the resource's own timestamps as Commerce
	// wrote them (RFC 3339); empty where there are none, as in a deletion.
	CreatedAt, UpdatedAt string

	envelope envelope
}

// Parse reads a webhook body in any of the three forms in which Commerce sends
// it: with a payload object, whatever its deprecated twin "resources" holds;
// with only resources, as a string of JSON; with only resources, as an object
// (deletions from older stores). Null counts as absent.
//
// Its error is an *Error. What it needs is triggered_by and the resource's id;
// any other field that is missing or of another type than documented is left
// empty, because losing the event over it would help nobody. It is as lenient
// as encoding/json where a body is odd but unambiguous: of a key that occurs
// twice the last one counts, bytes that are not UTF-8 become U+FFFD, and a number
// of any size is kept as it is written.
func Parse(body []byte) (Webhook, error) {
	e, err := read(body)
	if err != nil {
		return Webhook{}, err
	}
	w := e.webhook()
	w.envelope = e
	return w, nil
}

// Check is Parse for what is to be kept: the Webhook has no Input, and the error is the
// same. It gives what is to be kept of a body that it accepts: all but the
// "configuration", in which Commerce repeats the webhook secret, byte for byte, the
// white space between the outermost members aside.
func Check(body []byte) (w Webhook, kept []byte, err error) {
	e, err := read(body)
	if err != nil {
		return Webhook{}, nil, err
	}
	return e.webhook(), e.withoutConfiguration(len(body)), nil
}

// WithoutInput returns what is known of the webhook without its body. It has no Input, no
// Document and no Content.
func (w Webhook) WithoutInput() Webhook {
	w.envelope = envelope{}
	return w
}

// withoutConfiguration writes the body again, in that many bytes at most.
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

// webhook is what is known of a webhook before its body is built.
func (e envelope) webhook() Webhook {
	return Webhook{
		ID: e.id, Event: e.event, Attempt: e.attempt,
		ResourceType: e.resource.kind, ResourceID: e.resource.id, CustomerID: e.resource.customer,
		CreatedAt: e.resource.createdAt, UpdatedAt: e.resource.updatedAt,
	}
}

// Input makes the value that a template sees: the whole body, "payload" always present
// and an object, without "resources" and "configuration". It is another one each time,
// and within MaxDepth and MaxValues. Its error says that no template can be given a
// number or the name of a field, and wraps value.ErrInput.
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
		// The API's integrations hold their secret here. The webhooks' are not
		// documented to, and a template must not see it if one day they do.
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

// Document returns what Input has as encoding/json reads it, numbers as json.Number, for
// programs that look into it.
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

// decode reads JSON that was checked.
func decode(text []byte) (v any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	_ = decoder.Decode(&v) // it was checked
	return v
}

// Payment returns an order's payment, such as "paid", and its total in the currency's
// minor unit; "" and 0 where they are not stated.
func (w Webhook) Payment() (payment string, total float64) {
	order := jsontext.Member(w.envelope.payload.Value, "data")
	amount := jsontext.Member(order, "meta", "display_price", "with_tax", "amount")
	total, _ = strconv.ParseFloat(string(amount), 64)
	return jsontext.Text(jsontext.Member(order, "payment")), total
}
