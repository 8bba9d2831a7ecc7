package forecast_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/tracking"
)

func TestAComparisonSaysWhatAChangeDoes(t *testing.T) {
	events := []forecast.Event{{Body: []byte(hubtest.Order("order.paid", "o-1")), At: time.Now()}, {Body: []byte(hubtest.Order("order.paid", "o-2")), At: time.Now()}}
	const before = `{"userId": "u", "event": "Order Completed", "properties": {"revenue": 1, "list": [{"a": 1}], "id": payload.data.id}}`
	for _, c := range []struct {
		name, after, says string
		bad               bool
	}{
		{"nothing", before + "/* the same */", "No message of the last 2 events changes.", false},
		{"two fields", `{"userId": "u", "event": "Order Completed", "properties": {"revenue": 2, "list": [{"a": 2}], "id": payload.data.id}}`,
			"The messages of 2 of the last 2 events change: properties.list.a, properties.revenue.", false},
		{"one event", `{"userId": "u", "event": "Order Completed", "properties": {"revenue": 1, "list": [{"a": 1}], "id": payload.data.id, "more": payload.data.id = "o-1" ? 1}}`,
			"The messages of 1 of the last 2 events change: properties.more.", false},
		{"it asks Commerce", before + ` ~> |properties|{"more": $commerce("/v2/currencies", 800).data}|`,
			"No message of the last 2 events changes. Commerce was not asked for this: what $commerce adds is not in it.", false},
		{"it fails", `{"event": ""}`, "2 of the last 2 events would fail: message 1: event is an empty string: write a value.", true},
		{"it fails for one", `payload.data.id = "o-1" ? {"event": ""} : ` + before, "1 of the last 2 events would fail: message 1: event is an empty string: write a value.", true},
		{"it filters all", `[]`, "For 2 of the last 2 events nothing would be sent any more.", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := forecast.Compare(t.Context(), tracking.OrderCompleted, before, c.after, events)
			if got.Says() != c.says || got.Bad() != c.bad {
				t.Errorf("it says %q, bad: %t, want %q", got.Says(), got.Bad(), c.says)
			}
		})
	}
	if got := forecast.Compare(t.Context(), tracking.OrderCompleted, `{"event": ""}`, before, events); got.Bad() || got.Says() != "2 of the last 2 events would no longer fail." {
		t.Errorf("of a template that is fixed it says %q", got.Says())
	}
	// An event that failed before the change is no reason to stop it.
	if got := forecast.Compare(t.Context(), tracking.OrderCompleted, `{"event": ""}`, `{"event": ""}/* again */`, events); got.Bad() {
		t.Errorf("a template that failed before is bad: %s", got.Says())
	}
}

func TestTheNamesOfTheEventsOfATemplate(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want   forecast.EventNames
		fails  bool
	}{
		"each once, sorted":          {source: `[{"event": "B"}, {"event": "A"}, {"event": "B"}]`, want: forecast.EventNames{Known: []string{"A", "B"}}},
		"a name of the event's data": {source: `[{"event": "A"}, {"event": "Order " & payload.data.id}]`, want: forecast.EventNames{Known: []string{"A"}, Computed: true}},
		"too many names":             {source: `$map([1..30], function($n) { {"event": $substring("abcdefghijklmnopqrstuvwxyzabcdefgh", $n, 2)} })`, want: forecast.EventNames{Known: strings.Split("bc cd de ef fg gh hi ij jk kl lm mn no op pq qr rs st tu uv", " "), Computed: true}},
		"no track call":              {source: `{"type": "identify", "userId": "u", "traits": {"a": 1}}`},
		"it fails for some samples":  {source: `payload.data.relationships.customer ? {"event": "A"} : $error("no")`, want: forecast.EventNames{Known: []string{"A"}}},
		"it fails for all":           {source: `$error("no")`, fails: true},
		"it does not compile":        {source: `{`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := forecast.EventNamesOf(t.Context(), tracking.OrderCompleted, c.source)
			if !reflect.DeepEqual(got, c.want) || (err != nil) != c.fails {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
