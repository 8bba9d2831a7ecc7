package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// sent returns the events of messages that a template writes for one webhook.
func sent(t *testing.T, messages string) []Event {
	t.Helper()
	events, err := eventsOf(t.Context(), tracking.OrderCompleted, messages, forecast.SampleEvents(tracking.OrderCompleted)[:1])
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// sold returns a template that writes track calls with these properties.
func sold(properties ...string) string {
	var messages []string
	for _, one := range properties {
		messages = append(messages, `{"event": "Sold", "userId": "u", "properties": `+one+`}`)
	}
	return "[" + strings.Join(messages, ", ") + "]"
}

// onProperties returns the schema of messages whose properties have a schema.
func onProperties(schema string) string {
	return `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"context":{},"properties":` + schema + `,"traits":{}},"required":["properties"],"type":"object"}`
}

func TestARuleDescribesTheMessages(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages string
		want     string
	}{
		{"each type", sold(`{"a": "x", "b": 1.5, "c": true, "d": {"e": 2}}`), onProperties(
			`{"properties":{"a":{"type":"string"},"b":{"type":"number"},"c":{"type":"boolean"},"d":{"properties":{"e":{"type":"number"}},"required":["e"],"type":"object"}},"required":["a","b","c","d"],"type":"object"}`)},
		{"a field that not every message has is optional", sold(`{"a": 1, "b": 1}`, `{"a": 1}`), onProperties(
			`{"properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a"],"type":"object"}`)},
		{"a field that can be null is optional", sold(`{"a": 1}`, `{"a": null}`), onProperties(
			`{"properties":{"a":{"type":["null","number"]}},"type":"object"}`)},
		{"a field that is always null can have any type", sold(`{"a": null}`), onProperties(`{"properties":{"a":{}},"type":"object"}`)},
		{"a field with two types", sold(`{"a": 1}`, `{"a": "x"}`), onProperties(`{"properties":{"a":{"type":["number","string"]}},"required":["a"],"type":"object"}`)},
		{"a text that is always a time", sold(`{"at": "2026-11-20T10:16:30.000Z", "by": "2026-11-20T10:16:30Z"}`, `{"at": "2026-11-20T10:16:30+01:00", "by": "noon"}`), onProperties(
			`{"properties":{"at":{"format":"date-time","type":"string"},"by":{"type":"string"}},"required":["at","by"],"type":"object"}`)},
		{"the items of lists", sold(`{"tags": ["x"], "lines": [{"sku": "a", "size": 1}, {"sku": "b"}], "none": []}`), onProperties(
			`{"properties":{"lines":{"items":{"properties":{"size":{"type":"number"},"sku":{"type":"string"}},"required":["sku"],"type":"object"},"type":"array"},"none":{"items":{},"type":"array"},"tags":{"items":{"type":"string"},"type":"array"}},"required":["lines","none","tags"],"type":"object"}`)},
		{"an order whose products do not all fit", sold(`{"products": [{"sku": "a"}]}`), onProperties(
			`{"properties":{"products":{"items":{"properties":{"sku":{"type":"string"}},"required":["sku"],"type":"object"},"type":"array"},"products_omitted":{"type":"number"}},"required":["products"],"type":"object"}`)},
		{"the traits of identify", `{"type": "identify", "userId": "u", "traits": {"email": "a"}}`,
			`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"context":{},"properties":{},"traits":{"properties":{"email":{"type":"string"}},"required":["email"],"type":"object"}},"required":["traits"],"type":"object"}`},
		{"messages without properties", `{"event": "Sold", "userId": "u"}`,
			`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"context":{},"properties":{},"traits":{}},"type":"object"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := sent(t, c.messages)
			if len(events) != 1 {
				t.Fatalf("there are %d events", len(events))
			}
			if got := string(events[0].Rule().JSONSchema); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A difference must say which order it is about, so that a person can look at it.
func TestADifferenceNamesTheEventInCommerce(t *testing.T) {
	body := []byte(`{"triggered_by": "order.paid", "payload": {"data": {"id": "order-1"}}}`)
	events, err := eventsOf(t.Context(), tracking.OrderCompleted, sold(`{"total": 1}`), []forecast.Event{{Body: body}})
	if err != nil {
		t.Fatal(err)
	}
	found, _ := Compare([]publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number"},"shop":{"type":"string"}},"required":["shop"]}`)}, events)
	if len(found) != 1 || !strings.Contains(found[0].Says, "is not sent for order.paid of order-1 in Commerce") {
		t.Errorf("it finds %+v", found)
	}
}

func TestEachEventHasARule(t *testing.T) {
	events := sent(t, `[{"event": "Sold", "userId": "u"}, {"type": "identify", "userId": "u"}, {"event": "Paid", "userId": "u"}, {"event": "Sold", "userId": "u"},
		{"type": "alias", "userId": "u", "previousId": "p"}, {"type": "group", "userId": "u", "groupId": "g"}]`)
	var got []string
	for _, e := range events {
		rule := e.Rule()
		got = append(got, fmt.Sprintf("%s %q v%d", rule.Type, rule.Key, rule.Version))
	}
	want := `GROUP "" v1; IDENTIFY "" v1; TRACK "Paid" v1; TRACK "Sold" v1`
	if strings.Join(got, "; ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), want)
	}
}

func TestTheMessagesAreComparedWithThePlan(t *testing.T) {
	const sums = `{"total": 1, "tax": 2}`
	for _, c := range []struct {
		name     string
		messages string
		rules    []publicapi.Rule
		want     []string // event field: what differs; with ! if it violates the plan
		then     string   // the schema of the properties after a push; "" if there is nothing to push
	}{
		{"the same", sold(sums), []publicapi.Rule{track("Sold", `{"type":"object","properties":{"total":{"type":"number"},"tax":{"type":"number"}}}`)}, nil, ""},
		{"an event that the plan does not have", sold(`{"total": 1}`), []publicapi.Rule{track("Bought", `{}`)}, []string{"!Sold : is not in the plan"},
			`{"properties":{"total":{"type":"number"}},"required":["total"],"type":"object"}`},
		{"a name that is written differently is another event", sold(`{"total": 1}`), []publicapi.Rule{track("sold", `{}`)}, []string{"!Sold : is not in the plan"},
			`{"properties":{"total":{"type":"number"}},"required":["total"],"type":"object"}`},
		{"a field that the plan does not have", sold(sums), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number","description":"with tax"}}}`)},
			[]string{"!Sold properties.tax: is not in the plan"}, `{"properties":{"tax":{"type":"number"},"total":{"description":"with tax","type":"number"}}}`},
		{"a rule that describes no field", sold(`{"total": 1}`), []publicapi.Rule{track("Sold", `{}`)},
			[]string{"!Sold properties.total: is not in the plan"}, `{"properties":{"total":{"type":"number"}}}`},
		{"a field that only the plan has", sold(`{"total": 1}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number"},"coupon":{"type":"string"}}}`)},
			[]string{"Sold properties.coupon: is only in the plan: no message has it"}, ""},
		{"another type", sold(`{"total": "1"}`, `{"total": null}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number","description":"with tax","minimum":0}}}`)},
			[]string{"!Sold properties.total: has the type null or string, but the plan requires number"}, `{"properties":{"total":{"description":"with tax","type":["null","string"]}}}`},
		{"a whole number is an integer", sold(`{"total": 1}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"integer"}}}`)}, nil, ""},
		{"a fraction is not", sold(`{"total": 1.5}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"integer"}}}`)},
			[]string{"!Sold properties.total: has the type number, but the plan requires integer"}, `{"properties":{"total":{"type":"number"}}}`},
		{"one of the plan's types", sold(`{"total": 1}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":["number","null"]}}}`)}, nil, ""},
		{"a text that is no time", sold(`{"at": "noon"}`), []publicapi.Rule{track("Sold", `{"properties":{"at":{"type":"string","format":"date-time"}}}`)},
			[]string{"!Sold properties.at: is a text that is not always a time, but the plan requires the format date-time"}, `{"properties":{"at":{"type":"string"}}}`},
		{"a required field that is not always sent", sold(sums, `{"total": 1}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number"},"tax":{"type":"number"}},"required":["tax","total"]}`)},
			[]string{"!Sold properties.tax: is required in the plan, but is not sent for order-completed/guest"},
			`{"properties":{"tax":{"type":"number"},"total":{"type":"number"}},"required":["total"]}`},
		{"a required field that is never sent", sold(`{"total": 1}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number"},"shop":{"type":"string"}},"required":["shop"]}`)},
			[]string{"!Sold properties.shop: is required in the plan, but is not sent for order-completed/guest"},
			`{"properties":{"shop":{"type":"string"},"total":{"type":"number"}}}`},
		{"the fields of products", sold(`{"products": [{"sku": 1, "name": "x"}, {"sku": 2}]}`),
			[]publicapi.Rule{track("Sold", `{"properties":{"products_omitted":{},"products":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}},"required":["name"]}}}}`)},
			[]string{"!Sold properties.products[].name: is not in the plan", "!Sold properties.products[].name: is required in the plan, but is not sent for order-completed/guest",
				"!Sold properties.products[].sku: has the type number, but the plan requires string"},
			`{"properties":{"products":{"items":{"properties":{"name":{"type":"string"},"sku":{"type":"number"}},"type":"object"},"type":"array"},"products_omitted":{}}}`},
		{"an object whose fields the plan leaves open", sold(`{"meta": {"a": 1}}`), []publicapi.Rule{track("Sold", `{"properties":{"meta":{"type":"object"}}}`)}, nil, ""},
		{"an object for which the plan forbids fields", sold(`{"meta": {"a": 1}}`), []publicapi.Rule{track("Sold", `{"properties":{"meta":{"additionalProperties":false}}}`)},
			[]string{"!Sold properties.meta.a: is not in the plan"}, `{"properties":{"meta":{"additionalProperties":false,"properties":{"a":{"type":"number"}}}}}`},
		{"figures of the plan stay as they are", sold(`{"total": 1, "tax": 1}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"minimum":10000000000000000001}}}`)},
			[]string{"!Sold properties.tax: is not in the plan"}, `{"properties":{"tax":{"type":"number"},"total":{"minimum":10000000000000000001}}}`},
		{"a required field that Commerce knows", sold(`{"total": 1, "tier": ` + tier + `}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"string"},"tier":{"type":"string"}},"required":["tier"]}`)},
			[]string{"Sold properties.tier: is required in the plan: it is not known whether every message has it, because Commerce was not asked", "!Sold properties.total: has the type number, but the plan requires string"},
			`{"properties":{"tier":{"type":"string"},"total":{"type":"number"}},"required":["tier"]}`},
		{"null, as Commerce was not asked", sold(`{"total": 1, "tier": ` + tier + ` ? "gold" : null}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number"},"tier":{"type":"string"}},"required":["tier"]}`)}, nil, ""},
		{"a field that the plan does not have, of a template that asks Commerce", sold(`{"total": 1, "tax": 2, "tier": ` + tier + `}`), []publicapi.Rule{track("Sold", `{"properties":{"total":{"type":"number"}}}`)},
			[]string{"!Sold properties.tax: is not in the plan"}, `{"properties":{"tax":{"type":"number"},"total":{"type":"number"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := sent(t, c.messages)
			found, changed := Compare(c.rules, events)
			var got []string
			for _, d := range found {
				got = append(got, strings.TrimPrefix(fmt.Sprintf("%v%s %s: %s", map[bool]string{true: "!"}[d.Violates], d.Event, d.Field, d.Says), " "))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if c.then == "" {
				if len(changed) > 0 {
					t.Errorf("it changes %s", changed[0].JSONSchema)
				}
				return
			}
			if len(changed) != 1 || propertiesOf(t, changed[0]) != c.then {
				t.Fatalf("it changes %v\nwant %s", changed, c.then)
			}
			if left, _ := Compare(changed, events); len(Violations(left)) > 0 {
				t.Errorf("the changed plan is still violated: %v", left)
			}
		})
	}
}

// tier is a value that only Commerce knows.
const tier = `$commerce("/v2/customers/" & payload.data.id, 500).data.tier`

// Without the note a plan would look complete that lacks a field, which Segment then removes.
func TestAPlanSaysWhatOnlyCommerceKnows(t *testing.T) {
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := store.InDirectory(directory)
	for template, want := range map[string]string{
		"": "", // the default template of order-refunded asks Commerce, and has its answers
		`{"event": "Sold", "properties": {"total": 1}}`:                       "",
		`{"event": "Sold", "properties": {"total": 1, "tier": ` + tier + `}}`: "Commerce was not asked for this: fields that $commerce adds to Sold can be missing in it.",
	} {
		if err := s.Put(t.Context(), settings.Template(tracking.OrderCompleted), template); err != nil {
			t.Fatal(err)
		}
		read, err := ReadSent(t.Context(), s)
		if says := DescribeUnasked(read.Events); err != nil || says != want {
			t.Errorf("of %q it says %q, %v; want %q", template, says, err, want)
		}
	}
}

func track(event, properties string) publicapi.Rule {
	return publicapi.Rule{Type: "TRACK", Key: event, Version: 1, JSONSchema: json.RawMessage(onProperties(properties))}
}

// propertiesOf returns the schema of the properties in a rule.
func propertiesOf(t *testing.T, rule publicapi.Rule) string {
	t.Helper()
	var schema struct {
		Properties struct{ Properties json.RawMessage }
	}
	if err := json.Unmarshal(rule.JSONSchema, &schema); err != nil {
		t.Fatal(err)
	}
	return string(schema.Properties.Properties)
}

// The plan must be of what the store sends: with its edited templates, without disabled
// trackings, and without events that it does not observe.
func TestThePlanOfAStore(t *testing.T) {
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := store.InDirectory(directory)
	names := func() (names []string) {
		read, err := ReadSent(t.Context(), s)
		if err != nil || read.Unread == nil {
			t.Fatalf("got %v, and %v for events in Commerce", err, read.Unread)
		}
		for _, e := range read.Events {
			names = append(names, e.Name())
			for _, field := range e.Fields() {
				names = append(names, strings.TrimSuffix(fmt.Sprintf("%s.%s %s %t", e.Name(), field.Path, field.Type, field.Required), " false"))
			}
		}
		return names
	}
	contains := func(names []string, name string) bool {
		return strings.Contains("\n"+strings.Join(names, "\n")+"\n", "\n"+name+"\n")
	}
	before := names()
	for _, want := range []string{"Order Completed.properties.products array true", "Order Completed.properties.products[].price number true",
		"Order Completed.properties.coupon string", "Order Refunded.properties.coupon string", "Order Completed.properties.products_omitted number", "identify.traits.createdAt date-time true"} {
		if !contains(before, want) {
			t.Errorf("the plan lacks %s:\n%s", want, strings.Join(before, "\n"))
		}
	}
	if contains(before, "identify.traits.deleted boolean") {
		t.Error("the plan has a trait of customer.deleted, which is not observed")
	}
	for name, value := range map[string]string{
		settings.Template(tracking.OrderCompleted): `{"event": "Sold", "properties": {"total": 1}}`,
		settings.Enabled(tracking.OrderCancelled):  "false",
		settings.Events(tracking.CustomerUpdated):  "customer.updated,customer.deleted",
	} {
		if err := s.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	after := names()
	for name, want := range map[string]bool{"Sold.properties.total number true": true, "Order Completed": false, "Order Cancelled": false, "identify.traits.deleted boolean": true} {
		if contains(after, name) != want {
			t.Errorf("that the plan has %s is %t:\n%s", name, !want, strings.Join(after, "\n"))
		}
	}
}

// The samples have no custom field of a store.
func TestThePlanHasFieldsOfTheLatestEventsInCommerce(t *testing.T) {
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, api := store.InDirectory(directory), commercetest.Start(t)
	api.AddOrder(commercetest.Object{"status": "complete", "payment": "paid", "gift_note": "for you"})
	for name, value := range map[string]string{
		settings.CommerceTokenURL: api.URL + "/oauth/access_token", settings.CommerceClientID: commercetest.ClientID,
		settings.CommerceClientSecret:              settings.BindSecret(api.URL, commercetest.ClientSecret),
		settings.Template(tracking.OrderCompleted): `{"event": "Sold", "properties": {"gift_note": payload.data.gift_note}}`,
	} {
		if err := s.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	read, err := ReadSent(t.Context(), s)
	if err != nil || read.Unread != nil {
		t.Fatalf("got %v, and %v for the events in Commerce", err, read.Unread)
	}
	i := slices.IndexFunc(read.Events, func(e Event) bool { return e.Name() == "Sold" })
	if fields := read.Events[i].Fields(); len(fields) != 1 || fields[0] != (Field{Path: "properties.gift_note", Type: "string"}) {
		t.Errorf("the fields are %v", fields)
	}
}

// A rule that the messages make must accept the messages.
func TestTheTemplatesDoNotViolateTheirOwnPlan(t *testing.T) {
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadSent(t.Context(), store.InDirectory(directory))
	if err != nil {
		t.Fatal(err)
	}
	var rules []publicapi.Rule
	for _, e := range read.Events {
		rules = append(rules, e.Rule())
	}
	if found, changed := Compare(rules, read.Events); len(found)+len(changed) > 0 {
		t.Errorf("got %v", found)
	}
}

// A tracking plan is about the messages of a source, and has no rule for a request to delete a user.
func TestADeletionIsNotInThePlan(t *testing.T) {
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := store.InDirectory(directory)
	if err := s.Put(t.Context(), settings.Enabled(tracking.CustomerDeleted), "true"); err != nil {
		t.Fatal(err)
	}
	read, err := ReadSent(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range read.Events {
		if e.Type == "DELETE" {
			t.Errorf("the plan has the rule %+v", e.Rule())
		}
	}
	if check := new(Connected).CheckTemplate(t.Context(), tracking.CustomerDeleted, "", "", nil); check != nil {
		t.Errorf("a template of a deletion is compared with the plan: %+v", check)
	}
}

func TestTheSettingsOfTheSourceDecideTheConsequence(t *testing.T) {
	const does = "By the schema settings of the source, Segment "
	for _, c := range []struct{ name, settings, want string }{
		{"everything is allowed", `{"track": {"allowEventOnViolations": true, "commonEventOnViolations": "ALLOW"}, "identify": {"commonEventOnViolations": "ALLOW"}}`,
			"Segment flags such events: the schema settings of the source let them pass."},
		{"events are blocked and traits removed", `{"track": {"allowUnplannedEvents": false}, "identify": {"allowUnplannedTraits": false}}`,
			does + "blocks events that are not in the plan and removes traits that are not in the plan."},
		{"the common schema blocks events", `{"track": {"allowEventOnViolations": true, "commonEventOnViolations": "BLOCK"}}`,
			does + "blocks events that violate the common JSON schema of the plan."},
		{"the common schema removes properties", `{"track": {"commonEventOnViolations": "OMIT_PROPERTIES"}}`,
			does + "removes properties that violate the common JSON schema of the plan."},
		{"the common schema blocks identify calls", `{"identify": {"commonEventOnViolations": "BLOCK"}}`,
			does + "blocks identify calls that violate the common JSON schema of the plan."},
		{"the common schema removes traits", `{"identify": {"commonEventOnViolations": "OMIT_PROPERTIES"}}`,
			does + "removes traits that violate the common JSON schema of the plan."},
	} {
		t.Run(c.name, func(t *testing.T) {
			planned := SegmentPlan{Settings: &publicapi.SourceSettings{}}
			if err := json.Unmarshal([]byte(c.settings), planned.Settings); err != nil {
				t.Fatal(err)
			}
			if got := planned.Consequence(); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}
