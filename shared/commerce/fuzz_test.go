package commerce_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/jsonata/value"
)

// FuzzParse checks what the rest of the program relies on:
//   - Check and Parse return the same error, so no body is answered 202 and is unreadable
//     at delivery;
//   - a rejected body has an error with a code, and an accepted body has the fields that
//     encoding/json reads;
//   - package jsontext and encoding/json accept the same JSON;
//   - the input of a template has a payload object, and neither "configuration", which has
//     the secret, nor "resources".
func FuzzParse(f *testing.F) {
	for _, body := range [][]byte{
		webhook("customer.updated", `"payload":`+customer),
		webhook("customer.updated", `"resources":`+quote(customer)),
		webhook("customer.deleted", `"resources":`+deletion),
		webhook("order.paid", `"payload":{"data":{"id":"a","id":"b","n":-1.5e300,"l":[[],{}]}}`, `"payload":null`, `"resources":"{}"`),
		webhook("order.paid", "\"payload\":{\"d\\u0061ta\":{\"id\":\"\xff\\ud800\",\"meta\":{\"timestamps\":{\"created_at\":\"\\\"\"}}}}"),
		[]byte(`{"triggered_by":"x","resources":"{\"id\":\"1\",\"data\":null}","configuration":{}}`),
		[]byte(nested(commerce.MaxDepth + 1)),
		[]byte(`{"triggered_by":"x","payload":{"id":"1"}} {}`),
		[]byte(` [ 1 , true , null , "x" ] `),
		[]byte(`{"":{"":[]}}`),
		[]byte(`{"triggered_by":"x","triggered_by":7,"payload":{"id":"1","id":"2","n":1e999,"m":-0.0e-999},"payload":{"id":"3"}}`),
		[]byte("{\"triggered_by\":\"x\xc3\x28\",\"payload\":{\"id\":\"\xed\xa0\x80\",\"\xff\":\"\\u0000\"}}"),
		[]byte(`{"triggered_by":"x","payload":{"id":"1","l":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`),
		[]byte(`{"triggered_by":"x","resources":"` + strings.Repeat(`\"`, 5000) + `"}`),
		[]byte(`{`), []byte(`"\`), []byte(`]`), nil,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := commerce.Parse(body)
		if _, _, checked := commerce.Check(body); !reflect.DeepEqual(checked, err) {
			t.Fatalf("Check: %v\nParse: %v", checked, err)
		}
		if err != nil {
			checkRejected(t, err, body)
			return
		}
		checkAccepted(t, w, body)
	})
}

func checkRejected(t *testing.T, err error, body []byte) {
	var refused *commerce.Error
	if !errors.As(err, &refused) || refused.Message == "" {
		t.Fatalf("the error is %#v, want an *Error", err)
	}
	if refused.Code == commerce.NotWebhook && !json.Valid(body) {
		t.Fatalf("a body that is not JSON is rejected with %s", refused.Code)
	}
	if refused.Code == commerce.NotJSON && strings.HasPrefix(refused.Message, "the body") && json.Valid(body) {
		t.Fatalf("a body that is JSON is rejected with: %s", refused.Message)
	}
}

func checkAccepted(t *testing.T, w commerce.Webhook, body []byte) {
	var whole map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&whole); err != nil {
		t.Fatalf("the body is accepted, but encoding/json returns: %v", err)
	}
	if w.Event == "" || w.Event != whole["triggered_by"] {
		t.Fatalf("the event is %q, encoding/json reads %q", w.Event, whole["triggered_by"])
	}
	document := w.Document()
	payload, ok := document["payload"].(map[string]any)
	if !ok {
		t.Fatalf("the payload is %T", document["payload"])
	}
	input, err := w.Input()
	if err != nil && !errors.Is(err, value.ErrInput) {
		t.Fatalf("Input: %v", err)
	}
	if err == nil {
		var seen []string
		for _, f := range input.Written() {
			seen = append(seen, f.Key)
		}
		if slices.Sort(seen); !slices.Equal(seen, slices.Sorted(maps.Keys(document))) {
			t.Fatalf("a template sees %v, encoding/json reads %v", seen, document)
		}
	}
	resource := payload
	if data := payload["data"]; data != nil {
		resource = data.(map[string]any)
	}
	if w.ResourceID == "" || w.ResourceID != resource["id"] {
		t.Fatalf("the resource's id is %q, in the tree it is %q", w.ResourceID, resource["id"])
	}
	if meta, ok := resource["meta"].(map[string]any); ok {
		timestamps, _ := meta["timestamps"].(map[string]any)
		if at, _ := timestamps["created_at"].(string); w.CreatedAt != at {
			t.Fatalf("created_at is %q, in the tree it is %q", w.CreatedAt, at)
		}
	}
	for _, dropped := range []string{"configuration", "resources"} {
		if _, there := document[dropped]; there {
			t.Fatalf("the body still has %q", dropped)
		}
		delete(whole, dropped)
	}
	if whole["payload"] == nil {
		whole["payload"] = payload // it was in resources
	}
	if integration, ok := whole["integration"].(map[string]any); ok {
		delete(integration, "configuration")
	}
	if !reflect.DeepEqual(whole, document) {
		t.Fatalf("the body is %v, encoding/json reads %v", document, whole)
	}
	if _, err := json.Marshal(document); err != nil {
		t.Fatalf("the body cannot be encoded: %v", err)
	}
}
