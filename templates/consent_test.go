package templates_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Segment sends a message without consent preferences to every destination. So a default
// template that leaves them out sends an order where the shopper did not agree to.
func TestEveryTemplateSendsTheConsentPreferences(t *testing.T) {
	tried := map[string]bool{}
	for _, sample := range templates.Samples() {
		if sample.Tracking == tracking.CustomerDeleted.Name {
			continue // its message is a request to Segment alone
		}
		var webhook map[string]any
		decode(t, sample.Body, &webhook)
		payload, _ := webhook["payload"].(map[string]any)
		data, _ := payload["data"].(map[string]any)
		if data == nil {
			continue // of a deletion, or in the form of an older store
		}
		tried[sample.Tracking] = true
		before := withoutConsent(t, renderAnew(t, sample))
		data["segment_consent"] = `{"Advertising": false, "Analytics": true}`
		body, err := json.Marshal(webhook)
		if err != nil {
			t.Fatal(err)
		}
		sample.Body = body
		after := renderAnew(t, sample)
		var sent struct{ Batch []map[string]any }
		decode(t, after, &sent)
		for _, message := range sent.Batch {
			context, _ := message["context"].(map[string]any)
			want := map[string]any{"categoryPreferences": map[string]any{"Advertising": false, "Analytics": true}}
			if !reflect.DeepEqual(context["consent"], want) {
				t.Errorf("%s: context.consent is %v", sample.Name, context["consent"])
			}
		}
		if got := withoutConsent(t, after); !reflect.DeepEqual(got, before) {
			t.Errorf("%s differs in more than the consent:\n%v\n%v", sample.Name, got, before)
		}
	}
	for _, each := range tracking.All() {
		if !tried[each.Name] && !tracking.AtDeletion(each.Observes[0]) {
			t.Errorf("no sample of %s has a field for the preferences", each.Name)
		}
	}
}

// withoutConsent returns rendered messages without the consent and without their ids, which
// are those of another state of the order.
func withoutConsent(t *testing.T, rendered []byte) []map[string]any {
	t.Helper()
	var sent struct{ Batch []map[string]any }
	decode(t, rendered, &sent)
	for _, message := range sent.Batch {
		delete(message, "messageId")
		context, _ := message["context"].(map[string]any)
		delete(context, "consent")
		if len(context) == 0 {
			delete(message, "context")
		}
	}
	return sent.Batch
}
