package commerce

import (
	"cmp"
	"strconv"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/jsontext"
)

// envelope has the parts of a body that Parse and Check need. All slices point into the
// body, or into the text of its resources string.
type envelope struct {
	fields   []jsontext.Field // of the body
	id       string
	event    string
	attempt  int
	payload  jsontext.Field // its value is a valid JSON object
	resource resource
}

// resource is the order or customer that a webhook is about.
type resource struct {
	kind, id             string
	customer             string // the id of an order's registered customer
	number               string // the order_number of an order, or else its external_ref
	createdAt, updatedAt string
}

// read checks a body and finds the resource that it is about. If a member occurs twice, it
// uses the last one, as encoding/json does.
func read(body []byte) (envelope, error) {
	body, err := chars.Decode(body)
	if err != nil {
		return envelope{}, &Error{NotJSON, "the body is not JSON in UTF-8: " + err.Error()}
	}
	fields, err := checkJSON("the body", body, 0)
	if err != nil {
		return envelope{}, err
	}
	if !jsontext.IsObject(body) {
		return envelope{}, notWebhook("the body", "a JSON object")
	}
	e := envelope{fields: fields}
	var payload, resources jsontext.Field
	for _, f := range fields {
		switch jsontext.Text(f.Key) {
		case "id":
			e.id = jsontext.Text(f.Value)
		case "triggered_by":
			e.event = jsontext.Text(f.Value)
		case "attempt":
			e.attempt = count(f.Value)
		case "payload":
			payload = f
		case "resources":
			resources = f
		}
	}
	if e.event == "" {
		return envelope{}, notWebhook("triggered_by", `the name of an event, for example "order.paid"`)
	}
	if e.payload, err = findPayload(payload, resources); err != nil {
		return envelope{}, err
	}
	e.resource, err = findResource(e.payload)
	return e, err
}

// findPayload returns the payload object: the member payload, or without it the content of
// the deprecated member resources.
func findPayload(payload, resources jsontext.Field) (jsontext.Field, error) {
	switch {
	case jsontext.IsObject(payload.Value):
		return payload, nil
	case !jsontext.IsAbsent(payload.Value):
		return jsontext.Field{}, notWebhook("payload", "a JSON object")
	case jsontext.IsObject(resources.Value):
		return resources, nil
	case jsontext.IsAbsent(resources.Value):
		return jsontext.Field{}, notWebhook("payload (or resources, its older form)", "present")
	case resources.Value[0] != '"':
		return jsontext.Field{}, notWebhook("resources", "a JSON object, or a string with a JSON object")
	}
	inner := jsontext.Content(resources.Value)
	fields, err := checkJSON("the string in resources", inner, 1)
	if err != nil {
		return jsontext.Field{}, err
	}
	if !jsontext.IsObject(inner) {
		return jsontext.Field{}, notWebhook("the string in resources", "a JSON object")
	}
	return jsontext.Field{Value: inner, Inner: fields}, nil
}

// findResource returns the order or customer in a payload: its data, or in a deletion the
// payload itself.
func findResource(payload jsontext.Field) (resource, error) {
	name, object := "payload", payload.Value
	var data []byte
	for _, f := range payload.Inner {
		if jsontext.Text(f.Key) == "data" {
			data = f.Value
		}
	}
	if !jsontext.IsAbsent(data) {
		name, object = "payload.data", data
	}
	if !jsontext.IsObject(object) {
		return resource{}, notWebhook(name, "a JSON object")
	}
	r := readResource(object)
	if r.id == "" {
		return resource{}, notWebhook(name+".id", "a string that is not empty")
	}
	return r, nil
}

// readResource reads a JSON object that is an order or a customer, in a webhook or in an
// answer of the API. A missing field stays empty.
func readResource(object []byte) resource {
	var r resource
	var meta, relationships, number, reference []byte
	for key, value := range jsontext.Members(object) {
		switch jsontext.Text(key) {
		case "type":
			r.kind = jsontext.Text(value)
		case "id":
			r.id = jsontext.Text(value)
		case "meta":
			meta = value
		case "relationships":
			relationships = value
		case "order_number":
			number = value
		case "external_ref":
			reference = value
		}
	}
	if r.kind == "order" {
		r.number = cmp.Or(jsontext.Text(number), jsontext.Text(reference))
	}
	r.customer = jsontext.Text(jsontext.Member(relationships, "customer", "data", "id"))
	timestamps := jsontext.Member(meta, "timestamps")
	r.createdAt = jsontext.Text(jsontext.Member(timestamps, "created_at"))
	r.updatedAt = jsontext.Text(jsontext.Member(timestamps, "updated_at"))
	return r
}

// count returns a number of deliveries, and 0 for a value that is not a count.
func count(value []byte) int {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
