package commerce

import (
	"strconv"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/jsontext"
)

// envelope is what Parse and Check both read of a body before anything is built.
// All slices point into the body, or into the text of its resources string.
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
	customer             string // the registered customer's id, of an order
	createdAt, updatedAt string
}

// read checks a body and finds what it is about. Of a member that occurs twice
// the last one counts, here as in encoding/json.
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

// findPayload gives the payload object: payload itself, or else what its
// deprecated twin holds.
func findPayload(payload, resources jsontext.Field) (jsontext.Field, error) {
	switch {
	case jsontext.IsObject(payload.Value):
		return payload, nil
	case !jsontext.IsAbsent(payload.Value):
		return jsontext.Field{}, notWebhook("payload", "a JSON object")
	case jsontext.IsObject(resources.Value):
		return resources, nil
	case jsontext.IsAbsent(resources.Value):
		return jsontext.Field{}, notWebhook("payload (or resources, its older form)", "there")
	case resources.Value[0] != '"':
		return jsontext.Field{}, notWebhook("resources", "a JSON object, or a string that holds one")
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

// findResource reads the order or customer in a payload: its data, or in a
// deletion the payload itself.
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

// readResource reads what is used of a JSON object that is an order or a customer,
// also where the API lists it. What is missing stays empty.
func readResource(object []byte) resource {
	var r resource
	var meta, relationships []byte
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
		}
	}
	r.customer = jsontext.Text(jsontext.Member(relationships, "customer", "data", "id"))
	timestamps := jsontext.Member(meta, "timestamps")
	r.createdAt = jsontext.Text(jsontext.Member(timestamps, "created_at"))
	r.updatedAt = jsontext.Text(jsontext.Member(timestamps, "updated_at"))
	return r
}

// count reads a number of deliveries; 0 where there is none.
func count(value []byte) int {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
