package commerce

import "strconv"

// envelope is what Parse and Check both read of a body before anything is built.
// All slices point into the body, or into the text of its resources string.
type envelope struct {
	fields   []field // of the body
	id       string
	event    string
	attempt  int
	payload  field // its value is a valid JSON object
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
	fields, err := checkJSON("the body", body, 0)
	if err != nil {
		return envelope{}, err
	}
	if !isObject(body) {
		return envelope{}, notWebhook("the body", "a JSON object")
	}
	e := envelope{fields: fields}
	var payload, resources field
	for _, f := range fields {
		switch text(f.key) {
		case "id":
			e.id = text(f.value)
		case "triggered_by":
			e.event = text(f.value)
		case "attempt":
			e.attempt = count(f.value)
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
func findPayload(payload, resources field) (field, error) {
	switch {
	case isObject(payload.value):
		return payload, nil
	case !isAbsent(payload.value):
		return field{}, notWebhook("payload", "a JSON object")
	case isObject(resources.value):
		return resources, nil
	case isAbsent(resources.value):
		return field{}, notWebhook("payload (or resources, its older form)", "there")
	case resources.value[0] != '"':
		return field{}, notWebhook("resources", "a JSON object, or a string that holds one")
	}
	inner := []byte(text(resources.value))
	fields, err := checkJSON("the string in resources", inner, 1)
	if err != nil {
		return field{}, err
	}
	if !isObject(inner) {
		return field{}, notWebhook("the string in resources", "a JSON object")
	}
	return field{value: inner, inner: fields}, nil
}

// findResource reads the order or customer in a payload: its data, or in a
// deletion the payload itself.
func findResource(payload field) (resource, error) {
	name, object := "payload", payload.value
	var data []byte
	for _, f := range payload.inner {
		if text(f.key) == "data" {
			data = f.value
		}
	}
	if !isAbsent(data) {
		name, object = "payload.data", data
	}
	if !isObject(object) {
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
	for key, value := range members(object) {
		switch text(key) {
		case "type":
			r.kind = text(value)
		case "id":
			r.id = text(value)
		case "meta":
			meta = value
		case "relationships":
			relationships = value
		}
	}
	r.customer = text(member(member(member(relationships, "customer"), "data"), "id"))
	timestamps := member(meta, "timestamps")
	r.createdAt = text(member(timestamps, "created_at"))
	r.updatedAt = text(member(timestamps, "updated_at"))
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
