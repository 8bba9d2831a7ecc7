package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

const sold = `{"event": "Sold", "userId": "u", "properties": {"total": 1, "coupon": payload.data.id = "x" ? "y"}}`

// planRule returns the rule of an event as Segment has it, with a schema of its properties.
func planRule(event, properties string) publicapitest.Object {
	schema := fmt.Sprintf(`{"type": "object", "properties": {"context": {}, "traits": {}, "properties": {"type": "object", "properties": %s}}}`, properties)
	var decoded publicapitest.Object
	if err := json.Unmarshal([]byte(schema), &decoded); err != nil {
		panic(err)
	}
	return publicapitest.Object{"type": "TRACK", "key": event, "version": 1.0, "jsonSchema": decoded}
}

// storeWithPlan returns the directory of a store that sends only the event Sold, and its
// workspace in Segment. If the plan has rules, it is connected to the source.
func storeWithPlan(t *testing.T, rules ...publicapitest.Object) (dir string, api *publicapitest.Server, planID string) {
	t.Helper()
	dir, api = t.TempDir(), publicapitest.Start(t)
	source := publicapitest.Source{Slug: "commerce", Name: "Commerce", WriteKeys: []string{"the-write-key"}}
	if len(rules) > 0 {
		planID = api.AddPlan("Shop", rules...)
		source.TrackingPlanID = planID
	}
	api.AddSource(publicapitest.Source{Slug: "web", WriteKeys: []string{"another"}, TrackingPlanID: api.AddPlan("Web")})
	api.AddSource(source)
	values := map[string]string{
		settings.SegmentWriteKey: "the-write-key", settings.SegmentAPIHost: api.URL, settings.SegmentAPIToken: settings.BindSecret(api.URL, publicapitest.Token),
		settings.Template(tracking.OrderCompleted): sold,
	}
	for _, one := range tracking.All() {
		if one.Name != tracking.OrderCompleted.Name {
			values[settings.Enabled(one)] = "false"
		}
	}
	for name, value := range values {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	return dir, api, planID
}

func TestThePlanInSegmentIsCompared(t *testing.T) {
	const fitting = `{"total": {"type": "number"}, "coupon": {"type": "string"}}`
	for _, c := range []struct {
		name  string
		rules []publicapitest.Object
		setUp func(dir string, api *publicapitest.Server)
		args  []string
		code  int
		says  []string
	}{
		{"it accepts the messages, and a field that only the plan has is noted", []publicapitest.Object{planRule("Sold", fitting)}, nil, nil, exitDone,
			[]string{`The tracking plan “Shop” (tp_`, `of the source “Commerce”`, "properties.coupon", "(is only in the plan: no message has it)", "The plan accepts what the templates send."}},
		{"another type", []publicapitest.Object{planRule("Sold", `{"total": {"type": "string"}}`)}, nil, nil, exitFailed,
			[]string{"Sold   properties.total  has the type number, but the plan requires string", "Segment flags such events: the schema settings of the source let them pass", "1 violation of the plan"}},
		{"an event that the plan does not have", []publicapitest.Object{planRule("Bought", fitting)}, nil, nil, exitFailed, []string{"Sold", "is not in the plan"}},
		{"the source blocks events", []publicapitest.Object{planRule("Bought", fitting)}, func(_ string, api *publicapitest.Server) {
			api.RemoveSource(api.Sources()[1].ID)
			api.AddSource(publicapitest.Source{Slug: "strict", WriteKeys: []string{"the-write-key"}, TrackingPlanID: api.AddPlan("Strict"),
				Settings: publicapitest.Object{"track": publicapitest.Object{"allowUnplannedEvents": false, "allowEventOnViolations": true}}})
		}, nil, exitFailed, []string{`the source “strict”`, "By the schema settings of the source, Segment blocks events that are not in the plan."}},
		{"the plan that is named, of which the source is not known", []publicapitest.Object{planRule("Sold", fitting)}, func(_ string, api *publicapitest.Server) { api.NotSourceAdmin = true }, []string{"--plan", "Shop"}, exitDone, []string{`“Shop”`}},
		{"a plan that does not exist", []publicapitest.Object{planRule("Sold", fitting)}, nil, []string{"--plan", "shop"}, exitTrouble, []string{`there is no tracking plan “shop”: the plans are “Shop” (tp_`, `“Web” (tp_`}},
		{"a source without a plan", nil, nil, nil, exitTrouble, []string{`the source “Commerce”: no tracking plan is connected to it`, "hub plan push --name NAME --dir"}},
		{"a token that sees no write keys", []publicapitest.Object{planRule("Sold", fitting)}, func(_ string, api *publicapitest.Server) { api.NotSourceAdmin = true }, nil, exitTrouble, []string{"Source Admin", "--plan"}},
		{"no write key", nil, func(dir string, _ *publicapitest.Server) {
			hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), "")
		}, nil, exitTrouble, []string{"cannot find the tracking plan of the source, because the store has no write key of a source. ", "To fix it, copy the write key", "Or name the plan with --plan"}},
		{"a token that sees no plans", nil, func(_ string, api *publicapitest.Server) { api.NotPermitted = []string{"/tracking-plans"} }, nil, exitTrouble, []string{"Segment answered 401"}},
		{"a field that only Commerce knows", []publicapitest.Object{planRule("Sold", fitting)}, func(dir string, _ *publicapitest.Server) {
			hubtest.WriteFile(t, filepath.Join(dir, settings.Template(tracking.OrderCompleted)),
				`{"event": "Sold", "userId": "u", "properties": {"total": 1, "tier": $commerce("/v2/customers/x", 500).data.tier}}`)
		}, nil, exitDone, []string{"Note: Commerce was not asked for this: fields that $commerce adds to Sold can be missing in it.", "The plan accepts what the templates send, without what only Commerce knows."}},
		{"no token", nil, func(dir string, _ *publicapitest.Server) {
			hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentAPIToken), "")
		}, nil, exitTrouble,
			[]string{"no token of Segment's Public API", "hub configure"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, api, _ := storeWithPlan(t, c.rules...)
			if c.setUp != nil {
				c.setUp(dir, api)
			}
			got := command(t, "", append([]string{"plan", "diff", "--dir", dir}, c.args...)...)
			if got.code != c.code {
				t.Errorf("exits %d, want %d", got.code, c.code)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stdout+got.stderr, says) {
					t.Errorf("does not say %q:\n%s%s", says, got.stdout, got.stderr)
				}
			}
		})
	}
}

// written returns the requests that changed something in Segment.
func written(api *publicapitest.Server) (methods []string) {
	for _, r := range api.Requests() {
		if r.Method != http.MethodGet {
			methods = append(methods, r.Method+" "+r.Path)
		}
	}
	return methods
}

func keysOf(rules []publicapitest.Object) (keys []string) {
	for _, rule := range rules {
		keys = append(keys, fmt.Sprint(rule["key"]))
	}
	return keys
}

// A PUT of rules would remove those of other events, such as the one of Segment's consent.
func TestAPushChangesOnlyTheRulesOfTheEvents(t *testing.T) {
	const consent = "Segment Consent Preference Updated"
	dir, api, id := storeWithPlan(t, planRule(consent, `{}`), planRule("Sold", `{"total": {"type": "string", "description": "with tax"}, "note": {}}`), planRule("Bought", `{}`))
	before := api.Rules(id)
	got := command(t, "", "plan", "push", "--yes", "--dir", dir)
	if got.code != exitDone || !strings.Contains(got.stdout, "wrote 1 rule of the tracking plan “Shop”") {
		t.Fatalf("exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
	}
	after := api.Rules(id)
	if !slices.Equal(keysOf(after), []string{consent, "Sold", "Bought"}) || fmt.Sprint(after[0], after[2]) != fmt.Sprint(before[0], before[2]) {
		t.Errorf("the rules are %v", after)
	}
	sold, _ := json.Marshal(after[1]["jsonSchema"])
	if want := `"properties":{"note":{},"total":{"description":"with tax","type":"number"}}`; !strings.Contains(string(sold), want) {
		t.Errorf("the rule is %s, want %s in it", sold, want)
	}
	if got := command(t, "", "plan", "diff", "--dir", dir); got.code != exitDone {
		t.Errorf("then diff exits %d and says\n%s", got.code, got.stdout)
	}
	if got := command(t, "", "plan", "push", "--yes", "--dir", dir); got.code != exitDone || len(written(api)) != 1 {
		t.Errorf("a second push exits %d, and there were the requests %v", got.code, written(api))
	}
}

func TestAPlanIsCreatedOnce(t *testing.T) {
	dir, api, _ := storeWithPlan(t)
	for range 2 {
		if got := command(t, "", "plan", "push", "--name", "Shop", "--yes", "--dir", dir); got.code != exitDone {
			t.Fatalf("exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
		}
	}
	did := written(api)
	if len(did) != 2 || did[0] != "POST /tracking-plans" || !strings.HasPrefix(did[1], "PATCH /tracking-plans/tp_") {
		t.Errorf("it did %v", did)
	}
}

func TestNothingIsPushedWithoutAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"it asks at a terminal only", nil, exitFailed, "pass --yes or --dry-run"},
		{"a dry run", []string{"--dry-run"}, exitDone, "Nothing was done (--dry-run)"},
		{"a dry run of a new plan", []string{"--dry-run", "--name", "New"}, exitDone, `The tracking plan “New”, which is new:`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, api, _ := storeWithPlan(t, planRule("Bought", `{}`))
			got := command(t, "", append([]string{"plan", "push", "--dir", dir}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
			}
			if did := written(api); len(did) > 0 {
				t.Errorf("it did %v", did)
			}
		})
	}
}

func TestThePlanIsShownWithoutAToken(t *testing.T) {
	dir, _, _ := storeWithPlan(t)
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentAPIToken), "")
	if got := command(t, "", "plan", "show", "--dir", dir); got.code != exitDone || !strings.Contains(got.stdout, "Sold   properties.total  number  yes\n") {
		t.Errorf("exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
	}
	got := command(t, "", "plan", "show", "--json", "--dir", dir)
	var body struct{ Rules []publicapi.Rule }
	if err := json.Unmarshal([]byte(got.stdout), &body); err != nil || len(body.Rules) != 1 || body.Rules[0].Type != "TRACK" || body.Rules[0].Key != "Sold" || body.Rules[0].Version != 1 {
		t.Errorf("prints %s, %v", got.stdout, err)
	}
}

// A template that violates the plan is saved all the same: the plan may be changed next.
func TestAPushOfTemplatesSaysWhatItViolatesInThePlan(t *testing.T) {
	for _, c := range []struct {
		name, rule string // the schema of the properties
		setUp      func(*testing.T, string, *publicapitest.Server)
		says       string
		not        string
	}{
		{"a violation", `{"total": {"type": "number"}}`, nil, "would be violated. Segment flags such events: the schema settings of the source let them pass.\n  Sold, properties.total: has the type string, but the plan requires number\n", ""},
		{"none", `{"total": {"type": "string"}}`, nil, "order-completed: The tracking plan “Shop” (tp_", "violated"},
		{"Segment rejects the token", `{}`, func(_ *testing.T, _ string, api *publicapitest.Server) {
			api.NotPermitted = []string{"/tracking-plans"}
		},
			"order-completed: The tracking plan in Segment could not be checked: GET /tracking-plans: Segment answered 401", ""},
		{"Segment does not answer", `{}`, func(t *testing.T, dir string, _ *publicapitest.Server) {
			silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			t.Cleanup(silent.Close)
			hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentAPIHost), silent.URL)
			hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentAPIToken), settings.BindSecret(silent.URL, publicapitest.Token))
		}, "order-completed: The tracking plan in Segment could not be checked: GET /tracking-plans: no answer", ""},
		{"no token", `{}`, func(t *testing.T, dir string, _ *publicapitest.Server) {
			hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentAPIToken), "")
		}, "wrote", "tracking plan"},
		{"a source without a plan", "", nil, "wrote", "tracking plan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rules []publicapitest.Object
			if c.rule != "" {
				rules = append(rules, planRule("Sold", c.rule))
			}
			dir, api, _ := storeWithPlan(t, rules...)
			if c.setUp != nil {
				c.setUp(t, dir, api)
			}
			files := t.TempDir()
			hubtest.WriteFile(t, filepath.Join(files, "order-completed.jsonata"), strings.Replace(sold, `"total": 1`, `"total": "1"`, 1))
			got := command(t, "", "templates", "push", "--dir", dir, "--files", files)
			if got.code != exitDone || !strings.Contains(got.stdout, "wrote templates/order-completed") {
				t.Errorf("exits %d: %s", got.code, got.stderr)
			}
			if !strings.Contains(got.stdout, c.says) || c.not != "" && strings.Contains(got.stdout, c.not) {
				t.Errorf("it says\n%s\nwant %s", got.stdout, c.says)
			}
		})
	}
}
