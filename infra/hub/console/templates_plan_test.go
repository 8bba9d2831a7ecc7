package console

import (
	"encoding/json"
	"strings"
	"testing"

	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/settings"
)

func TestTheReviewShowsWhatATemplateViolatesInTheTrackingPlan(t *testing.T) {
	api := publicapitest.Start(t)
	var schema publicapitest.Object
	if err := json.Unmarshal([]byte(`{"properties": {"properties": {"properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}}}`), &schema); err != nil {
		t.Fatal(err)
	}
	planID := api.AddPlan("Shop", publicapitest.Object{"type": "TRACK", "key": "Order Completed", "version": 1.0, "jsonSchema": schema})
	api.AddSource(publicapitest.Source{Slug: "commerce", WriteKeys: []string{"the-write-key"}, TrackingPlanID: planID})
	b := write(t)
	if page := b.post("review", sold); page.status != 200 || strings.Contains(page.html, "Tracking plan") {
		t.Errorf("without a token it answers %d and\n%s", page.status, page.text())
	}
	for name, value := range map[string]string{
		settings.SegmentWriteKey: "the-write-key", settings.SegmentAPIHost: api.URL, settings.SegmentAPIToken: settings.BindSecret(api.URL, publicapitest.Token),
	} {
		if err := b.console.Store.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	b.want(b.post("review", sold), 200, "Tracking plan in Segment", `The tracking plan “Shop”`, "would be violated", "Sold: is not in the plan", `value="save"`)
	b.want(b.post("review", `{"event": "Order Completed", "properties": {"weight": 1}}`), 200,
		"<code>properties.order_id</code>: is required in the plan, but is not sent for ", "<code>properties.weight</code>: is not in the plan")
	b.want(b.post("review", `{"event": "Order Completed", "properties": {"order_id": "o"}}`), 200, "accepts the messages")
	b.want(b.post("review", `{"event": "Order Completed", "properties": {"note": $commerce("/v2/customers/x", 500).data.note}}`), 200,
		"accepts the messages, without what only Commerce knows. It is not known whether every message has properties.order_id, which the plan requires. Commerce was not asked for this: fields that $commerce adds to Order Completed can be missing in it.")
	b.want(b.post("review", strings.Replace(b.stored().Source, `"tax": `, `"taxes": `, 1)), 200, "<code>properties.taxes</code>", "The live template already violates it: ")
	api.NotPermitted = []string{"/tracking-plans"}
	b.want(b.post("review", sold), 200, "The tracking plan in Segment could not be checked: GET /tracking-plans: Segment answered 401")
	if saved := b.post("save", sold); saved.status != 303 || !b.stored().Own {
		t.Errorf("answered %d", saved.status)
	}
}
