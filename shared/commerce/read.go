package commerce

import "strconv"

// envelope is what Parse and Check both read of a body before anything is built.
// All slices point into the body, or into the text of its resources string.
type envelope struct {
	body     []byte // a valid JSON object
	id       string
	event    string
	attempt  int
	payload  []byte // a valid JSON object
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
	if err := checkJSON("the body", body, 0); err != nil {
		return envelope{}, err
	}
	if !isObject(body) {
		return envelope{}, notWebhook("the body", "a JSON object")
	}
	e := envelope{body: body}
	var payload, resources []byte
	for key, value := range members(body) {
		switch text(key) {
		case "id":
			e.id = text(value)
		case "triggered_by":
			e.event = text(value)
		case "attempt":
			e.attempt = count(value)
		case "payload":
			payload = value
		case "resources":
			resources = value
		}
	}
	if e.event == "" {
		return envelope{}, notWebhook("triggered_by", `the name of an event, for example "order.paid"`)
	}
	var err error
	if e.payload, err = findPayload(payload, resources); err != nil {
		return envelope{}, err
	}
	e.resource, err = findResource(e.payload)
	return e, err
}

// findPayload gives the payload object: payload itself, or else what its
// deprecated twin holds.
func findPayload(payload, resources []byte) ([]byte, error) {
	switch {
	case isObject(payload):
		return payload, nil
	case !isAbsent(payload):
		return nil, notWebhook("payload", "a JSON object")
	case isObject(resources):
		return resources, nil
	case isAbsent(resources):
		return nil, notWebhook("payload (or resources, its older form)", "there")
	case resources[0] != '"':
		return nil, notWebhook("resources", "a JSON object, or a string that holds one")
	}
	inner := []byte(text(resources))
	if err := checkJSON("the string in resources", inner, 1); err != nil {
		return nil, err
	}
	if !isObject(inner) {
		return nil, notWebhook("the string in resources", "a JSON object")
	}
	return inner, nil
}

// findResource reads the order or customer in a payload: its data, or in a
// deletion the payload itself.
func findResource(payload []byte) (resource, error) {
	field, object := "payload", payload
	if data := member(payload, "data"); !isAbsent(data) {
		field, object = "payload.data", data
	}
	if !isObject(object) {
		return resource{}, notWebhook(field, "a JSON object")
	}
	r := readResource(object)
	if r.id == "" {
		return resource{}, notWebhook(field+".id", "a string that is not empty")
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
