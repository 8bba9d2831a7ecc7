package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/version"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/apicall"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

const flag = " --prefix /shop"

// brief is findings as tests compare them: the states, and a text in which all is said.
func brief(found []Finding) (states string, said string) {
	var all []string
	for _, f := range found {
		all = append(all, string(f.State))
		said += f.Says + " | " + f.Do + "\n"
	}
	return strings.Join(all, " "), said
}

// finds says that there are findings of these states, in this order, that say all this.
func finds(t *testing.T, found []Finding, states string, says ...string) {
	t.Helper()
	got, said := brief(found)
	if got != states {
		t.Errorf("the states are %q, want %q:\n%s", got, states, said)
	}
	for _, part := range says {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q:\n%s", part, said)
		}
	}
	for _, f := range found {
		if f.State != OK && f.Do == "" && !strings.Contains(f.Says, ": ") {
			t.Errorf("it does not say what to do: %q", f.Says)
		}
	}
	if strings.Contains(said, "PLANTED") {
		t.Errorf("it shows a secret:\n%s", said)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name   string
		list   []store.Setting
		wrong  error
		states string
		says   []string
	}{
		{"all known", []store.Setting{{Name: settings.SegmentHost}}, nil, "ok", nil},
		{"one misspelled", []store.Setting{{Name: "segment/hots", Unknown: true}}, nil, "warning", []string{"segment/hots", "hub settings --prefix /shop"}},
		{"two that are wrong", nil, errors.Join(errors.New("one"), errors.New("two")), "fault", []string{"one; two", "hub configure --prefix /shop"}},
		{"both", []store.Setting{{Name: "x", Unknown: true}}, errors.New("one"), "fault warning", nil},
	} {
		t.Run(c.name, func(t *testing.T) { finds(t, settingsFindings(c.list, c.wrong, flag), c.states, c.says...) })
	}
}

func TestSegment(t *testing.T) {
	for _, c := range []struct{ name, host, key, states, says string }{
		{"no key", settings.DefaultHost, "", "fault", "there is no write key"},
		{"in the US", settings.DefaultHost, "PLANTED", "ok", "the United States"},
		{"in the EU, with a slash", settings.EUHost + "/", "PLANTED", "ok", "the European Union"},
		{"an unknown host", "https://segment.example", "PLANTED", "warning", "https://segment.example"},
		{"the inbox", "", store.InboxKeyPrefix + "PLANTED", "note", "inbox of the hub"},
		{"the inbox's key for Segment", settings.DefaultHost, store.InboxKeyPrefix + "PLANTED", "fault", "would drop everything"},
	} {
		t.Run(c.name, func(t *testing.T) { finds(t, segmentFindings(c.host, c.key, flag), c.states, c.says) })
	}
}

// What Segment's Public API knows of the write key, and of other sources.
func TestTheWorkspaceOfTheWriteKey(t *testing.T) {
	const host, key = settings.DefaultHost, "PLANTED-key"
	shop := publicapitest.Source{ID: "shop", Slug: "shop", Name: "Shop", WriteKeys: []string{key}}
	disabled := shop
	disabled.Disabled = true
	web := publicapitest.Source{ID: "web", Slug: "web", Name: "Web", WriteKeys: []string{"x"}}
	for _, c := range []struct {
		name      string
		sources   []publicapitest.Source
		prepare   func(*publicapitest.Server)
		host, key string
		states    string
		says      []string
	}{
		{"the source has it", []publicapitest.Source{shop, web}, nil, host, key, "ok", []string{"the source “Shop” (https://app.segment.com/stand-in/sources/shop/overview)"}},
		{"its source was deleted", []publicapitest.Source{web}, nil, host, key, "fault", []string{"no source of the workspace", "hub configure --prefix /shop", "hub sources create NAME --prefix /shop"}},
		{"its source is disabled", []publicapitest.Source{disabled}, nil, host, key, "fault", []string{"is disabled", "enable the source"}},
		{"the token may not see keys", []publicapitest.Source{shop}, func(s *publicapitest.Server) { s.NotSourceAdmin = true }, host, key, "note", []string{"is not known", "Source Admin"}},
		{"the token was revoked", []publicapitest.Source{shop}, func(s *publicapitest.Server) { s.NotPermitted = []string{"/"} }, host, key, "warning", []string{"Segment answered 401", "hub configure --prefix /shop"}},
		{"Segment has an internal error", []publicapitest.Source{shop}, func(s *publicapitest.Server) { s.Fail(publicapitest.Fault{Status: 500, Times: 9}) }, host, key, "warning", []string{"Segment answered 500"}},
		{"the messages go to the inbox", []publicapitest.Source{shop}, nil, "", store.InboxKeyPrefix + "x", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := publicapitest.Start(t)
			for _, source := range c.sources {
				server.AddSource(source)
			}
			if c.prepare != nil {
				c.prepare(server)
			}
			client, err := publicapi.NewClient(publicapi.Credentials{URL: server.URL, Token: publicapitest.Token}, nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			l, err := workspace.LookUp(ctx, client, c.key)
			finds(t, workspaceFindings(l, err, c.host != "", flag), c.states, c.says...)
		})
	}
	none := fmt.Errorf("%w: set it", store.ErrNoAPIToken)
	finds(t, workspaceFindings(workspace.Lookup{}, none, true, flag), "note", "cannot be checked without a token", "hub configure --prefix /shop")
	finds(t, workspaceFindings(workspace.Lookup{}, none, false, flag), "")
	finds(t, workspaceFindings(workspace.Lookup{}, errors.New("parameter segment/api-token: enter it again"), true, flag), "warning", "enter it again")
}

// A template may send another name than that of its tracking. Without the right name, a double count
// would look like none.
func TestSourcesThatSendTheSameOrders(t *testing.T) {
	both := func(event string) func(*publicapitest.Server) {
		return func(s *publicapitest.Server) {
			s.Received("shop", "track", event, time.Now().Add(-time.Hour), 4)
			s.Received("web", "track", event, time.Now().Add(-time.Hour), 3)
		}
	}
	const total = `, "properties": {"total": 1}}`
	const computed = "is not known for all events: the template of order-completed computes the name of an event"
	for _, c := range []struct {
		name    string
		source  string
		prepare func(*publicapitest.Server)
		states  string
		says    []string
	}{
		{"the default name", templates.Default(tracking.OrderCompleted.Name), both("Order Completed"), "warning",
			[]string{"2 sources sent Order Completed in", "“Shop” (4), “Web” (3)", "hub configure --disable order-completed --prefix /shop"}},
		{"another name", `{"event": "Purchase"` + total, both("Purchase"), "warning", []string{"2 sources sent Purchase in", "“Shop” (4), “Web” (3)"}},
		{"others send a name that this store does not", `{"event": "Purchase"` + total, both("Order Completed"), "", nil},
		{"one name is computed", `[{"event": "Purchase"` + total + `, {"event": "Order of " & payload.data.id` + total + `]`, both("Purchase"), "note warning",
			[]string{computed, "2 sources sent Purchase in"}},
		{"all names are computed", `{"event": "Order of " & payload.data.id` + total, both("Product Viewed"), "note", []string{computed}},
		{"it writes no event", `{"type": "identify", "userId": "u", "traits": {"a": 1}}`, both("Product Viewed"), "note", []string{"writes no event for the bundled samples"}},
		{"it fails", `$error("no")`, both("Product Viewed"), "note", []string{"whether several sources send the same orders is not known: "}},
		{"the token may not read volumes", templates.Default(tracking.OrderCompleted.Name), func(s *publicapitest.Server) { s.NotPermitted = []string{"/events/volume"} }, "note",
			[]string{"whether several sources send the same orders is not known: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := publicapitest.Start(t)
			server.AddSource(publicapitest.Source{ID: "shop", Slug: "shop", Name: "Shop"})
			server.AddSource(publicapitest.Source{ID: "web", Slug: "web", Name: "Web"})
			c.prepare(server)
			client, err := publicapi.NewClient(publicapi.Credentials{URL: server.URL, Token: publicapitest.Token}, nil)
			if err != nil {
				t.Fatal(err)
			}
			l, err := workspace.LookUp(t.Context(), client, "")
			if err != nil {
				t.Fatal(err)
			}
			finds(t, doubleCountFindings(t.Context(), l, c.source, flag), c.states, c.says...)
		})
	}
}

func TestTheDoubleCountIsThatOfTheTemplateOfTheStore(t *testing.T) {
	server := publicapitest.Start(t)
	for _, id := range []string{"shop", "web"} {
		server.AddSource(publicapitest.Source{ID: id, Slug: id, WriteKeys: []string{id + "-key"}})
		server.Received(id, "track", "Purchase", time.Now().Add(-time.Hour), 4)
	}
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := store.InDirectory(directory)
	for name, value := range map[string]string{
		settings.SegmentHost: settings.DefaultHost, settings.SegmentWriteKey: "shop-key",
		settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token),
		settings.Template(tracking.OrderCompleted): `{"event": "Purchase", "properties": {"total": 1}}`,
	} {
		if err := s.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	finds(t, Patient{Store: s}.segment(t.Context()), "ok ok warning", "2 sources sent Purchase in")
}

func TestCommerce(t *testing.T) {
	for _, c := range []struct {
		name         string
		err          error
		states, says string
	}{
		{"it lets the hub in", nil, "ok", "accepted the credentials"},
		{"it is not set", fmt.Errorf("%w: client id", store.ErrNotConnected), "warning", "hub configure --prefix /shop"},
		{"it refuses", &commerce.APIError{Failure: apicall.Failure{Call: "POST /oauth/access_token", Status: 401}}, "fault", "check the client id"},
	} {
		t.Run(c.name, func(t *testing.T) { finds(t, commerceFindings(c.err, flag), c.states, c.says) })
	}
}

func TestCurrencies(t *testing.T) {
	apart := fmt.Errorf("%w: no client id", store.ErrNotConnected)
	for _, c := range []struct {
		name     string
		set, has money.Decimals
		err      error
		states   string
		says     []string
	}{
		{"they are the same", money.Decimals{"EUR": 2, "HUF": 0}, money.Decimals{"HUF": 0, "EUR": 2}, nil, "ok", []string{"EUR=2,HUF=0"}},
		{"they differ", money.Decimals{"HUF": 2}, money.Decimals{"HUF": 0}, nil, "warning", []string{"is HUF=2, and Commerce has HUF=0", "hub configure --prefix /shop"}},
		{"one is missing", money.Decimals{"EUR": 2}, money.Decimals{"EUR": 2, "HUF": 0}, nil, "warning", []string{"is EUR=2, and Commerce has EUR=2,HUF=0"}},
		{"none are set", nil, money.Decimals{"HUF": 0}, nil, "warning", []string{"Commerce has HUF=0, and no decimals", "ISO 4217", "hub configure --prefix /shop"}},
		{"Commerce does not let the key read them", money.Decimals{"HUF": 0}, nil, &commerce.APIError{Failure: apicall.Failure{Call: "GET /v2/currencies", Status: 403}}, "warning", []string{"were not compared", "the application key lacks the permission: use a key of this store that has it"}},
		{"the secret is for another host", money.Decimals{"HUF": 0}, nil, errors.New("parameter commerce/client-secret: enter it again"), "warning", []string{"were not compared", "enter it again"}},
		{"not connected, and set", money.Decimals{"HUF": 0}, nil, apart, "note", []string{"HUF=0", "not compared"}},
		{"not connected, and not set", nil, nil, apart, "note", []string{"ISO 4217"}},
	} {
		t.Run(c.name, func(t *testing.T) { finds(t, currencyFindings(c.set, c.has, c.err, flag), c.states, c.says...) })
	}
}

func TestWebhooks(t *testing.T) {
	step := func(action store.Action, unseen bool, why string) store.Step {
		return store.Step{Action: action, Name: "Segment: Order Completed (/shop)", Why: []string{why}, Unseen: unseen}
	}
	for _, c := range []struct {
		name   string
		steps  []store.Step
		err    error
		states string
		says   string
	}{
		{"as they should be", []store.Step{step(store.Leave, false, "it matches the settings")}, nil, "ok", "match the settings"},
		{"one is missing", []store.Step{step(store.Create, false, "")}, nil, "fault", "is missing in Commerce, which sends nothing for it | hub webhooks sync --prefix /shop"},
		{"one differs", []store.Step{step(store.Update, false, "events, from a to b")}, nil, "fault", "Order Completed (/shop) differs: events, from a to b"},
		{"one too many", []store.Step{step(store.Disable, false, "a duplicate")}, nil, "warning", "a duplicate"},
		{"secrets that are not shown", []store.Step{step(store.Update, true, "s"), step(store.Update, true, "s")}, nil, "note", "Commerce does not show the secret key of 2 webhooks"},
		{"several", []store.Step{step(store.Update, true, "s"), step(store.Create, false, ""), step(store.Disable, false, "d")}, nil, "fault warning note", ""},
		{"no tunnel", nil, store.ErrNoURL, "note", "start a tunnel"},
		{"no connection", nil, store.ErrNotConnected, "note", "hub webhooks urls --prefix /shop"},
		{"no answer", nil, errors.New("listing the webhooks: no answer"), "warning", "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			finds(t, webhookFindings(store.Plan{Steps: c.steps}, c.err, flag), c.states, c.says)
		})
	}
}

func TestSecret(t *testing.T) {
	for secrets, c := range []struct{ states, says string }{
		{"fault", "there is no webhook secret"},
		{"ok", "one webhook secret"},
		{"warning", "began 3 h ago and is not finished: the old secret is still in effect | hub webhooks sync --prefix /shop, then hub rotate --finish --prefix /shop"},
		{"fault", "has 3 secrets"},
	} {
		finds(t, secretFindings(secrets, 3*time.Hour, flag), c.states, c.says)
	}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		name, source string
		enabled      bool
		states, says string
	}{
		{"the default", templates.Default("order-completed"), true, "", ""},
		{"one that does not compile", "{", true, "fault", "order-completed: its events are retried"},
		{"the same, and it is disabled", "{", false, "warning", "order-completed, which is disabled: "},
		{"one that fails", `{"userId": 1 + "a"}`, true, "fault", "it fails on the sample order-completed/"},
		{"one that the linter finds something in", `{"userId": "a@b.example", "event": "Sold"}`, true, "warning", "hub templates pull order-completed --prefix /shop, then hub lint; or hub templates restore order-completed default --prefix /shop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := templateFindings(t.Context(), store.Template{Tracking: tracking.OrderCompleted, Source: c.source}, c.enabled, flag)
			finds(t, found, c.states, c.says)
		})
	}
}

// On a slow machine the time of the doctor can end while a template is evaluated.
func TestATemplateIsNotAtFaultIfTheTimeOfTheDoctorEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	finds(t, templateFindings(ctx, store.Template{Tracking: tracking.OrderCompleted, Source: templates.Default("order-completed")}, true, flag),
		"warning", "this could not be checked: ")
}

func TestHealth(t *testing.T) {
	problem := func(state health.State) health.Problem {
		return health.Problem{State: state, Says: "It is so.", Do: "Do this.", Run: "hub status" + flag}
	}
	for _, c := range []struct {
		name         string
		problems     []health.Problem
		states, says string
	}{
		{"it works", nil, "ok", "Working."},
		{"the settings, which other checks report", []health.Problem{{Key: health.OfSettings, State: health.Broken}, {Key: health.OfInboxKey, State: health.Broken}}, "", ""},
		{"each state", []health.Problem{problem(health.Broken), problem(health.Degraded), problem(health.Working)}, "fault warning note", "It is so. | Do this. hub status --prefix /shop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			finds(t, healthFindings(health.Judgement{State: health.Working, Problems: c.problems}), c.states, c.says)
		})
	}
}

func TestEvents(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	came := func(ago time.Duration, outcome executions.Outcome, reason string) executions.Execution {
		return executions.Execution{Tracking: "order-completed", Received: now.Add(-ago), Outcome: outcome, Reason: reason}
	}
	only := map[string]bool{"order-completed": true}
	deployed := store.Store{Location: store.Location{Prefix: "/shop"}, Deployment: &store.Deployment{}}
	for _, c := range []struct {
		name    string
		all     []executions.Execution // newest first
		judged  []string
		enabled map[string]bool
		store   store.Store
		states  string
		says    []string
	}{
		{"one came", []executions.Execution{came(2*time.Hour, executions.Delivered, "")}, nil, only, deployed, "ok", []string{"last webhooks: order-completed 2 h ago"}},
		{"none came", nil, nil, only, deployed, "note", []string{"without a webhook in the last 24 hours: order-completed", "hub webhooks list --prefix /shop"}},
		{"none came of one that is disabled", nil, nil, nil, deployed, "", nil},
		{"only an unauthenticated client's", []executions.Execution{came(1, executions.Rejected, "forged")}, nil, only, deployed, "warning note", []string{"1 forged", "without a webhook in"}},
		{"what the check health reports", []executions.Execution{came(1, executions.Rejected, "forged"), came(2, executions.Rejected, "unavailable")}, []string{health.OfSecret}, only, deployed,
			"warning note", []string{"rejected in the last 24 hours: 1 unavailable |"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kinds := executions.Summarize(c.all, now.Add(-24*time.Hour), now).Kinds
			judged := map[string]bool{}
			for _, key := range c.judged {
				judged[key] = true
			}
			finds(t, eventFindings(kinds, judged, c.enabled, 24*time.Hour, now, c.store), c.states, c.says...)
		})
	}
}

func TestClock(t *testing.T) {
	for ahead, c := range map[time.Duration]struct{ states, says string }{
		2 * time.Second:   {"ok", "agree"},
		-30 * time.Second: {"ok", "agree"},
		31 * time.Second:  {"warning", "31.0 s ahead of AWS's"},
		-5 * time.Minute:  {"warning", "5 min behind AWS's"},
	} {
		finds(t, clockFindings(ahead, "AWS's"), c.states, c.says)
	}
}

func TestVersion(t *testing.T) {
	edited := []store.Template{{Tracking: tracking.OrderCompleted, Source: "edited"},
		{Tracking: tracking.OrderUpdated, Source: templates.Default("order-updated")}}
	const revision = "0123456789abcdef0123456789abcdef01234567"
	built := version.Version{Name: "v1.2.3", Revision: revision, Go: "go1.26.10"}
	const says = "hub version v1.2.3 (revision " + revision + ", go1.26.10)"
	for _, c := range []struct{ name, deployed, states, says string }{
		{"nothing is deployed", "", "ok", says},
		{"the same is deployed", "v1.2.3-0-g" + revision, "ok", says + ", and the same revision is deployed"},
		{"another is deployed", strings.Repeat("7", 40), "note", says + ", but another revision is deployed, " + strings.Repeat("7", 40) + " | deploy this revision"},
		{"what is deployed had changes", revision + "-dirty", "ok", "is unknown"},
		{"what is deployed does not say", "unknown", "ok", "and revision unknown is deployed: whether"},
	} {
		t.Run(c.name, func(t *testing.T) {
			finds(t, versionFindings(built, c.deployed, edited[1:], flag), c.states, c.says)
		})
	}
	finds(t, versionFindings(built, "", edited, flag), "ok note", "template: order-completed | ", "hub templates diff --prefix /shop")
}

// One check that fails or hangs hides no other, and holds nothing up for long.
func TestAHangingCheckIsAFinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := make(chan struct{})
		defer close(deaf)
		said := func(states State) []Finding { return []Finding{{State: states}} }
		began := time.Now()
		found := examine(t.Context(), DefaultTimeout, []check{
			{"deaf", func(context.Context) []Finding { <-deaf; return nil }},
			{"slow", func(ctx context.Context) []Finding { <-ctx.Done(); return unknown(ctx.Err()) }},
			{"quick", func(context.Context) []Finding { return said(Fault) }},
		})
		names := []string{}
		for _, f := range found {
			names = append(names, fmt.Sprint(f.Check, " ", f.State))
		}
		if want := []string{"deaf warning", "slow warning", "quick fault"}; !slices.Equal(names, want) {
			t.Errorf("the findings are %q, want %q", names, want)
		}
		if took := time.Since(began); took > DefaultTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAReportSaysHowBadItIs(t *testing.T) {
	r := Report{Findings: []Finding{{State: OK}, {State: Note}, {State: Fault}, {State: Fault}}}
	if got := r.Says(); got != "2 faults, 1 note." {
		t.Errorf("it says %q", got)
	}
	if got := (Report{Findings: []Finding{{State: OK}}}).Says(); got != "Nothing is wrong." {
		t.Errorf("it says %q", got)
	}
}

func TestRefundsInPartNeedCommerce(t *testing.T) {
	events, enabled := settings.Events(tracking.OrderRefunded), settings.Enabled(tracking.OrderRefunded)
	for _, c := range []struct {
		name   string
		values map[string]string
		states string
	}{
		{"by default they are observed, and not sent", nil, "warning"},
		{"the events are set to both", map[string]string{events: "order.updated,order.refunded"}, "warning"},
		{"the store observes refunds in full only", map[string]string{events: "order.refunded"}, ""},
		{"the tracking is disabled", map[string]string{enabled: "false"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var states []string
			for _, f := range refundFindings(c.values, "") {
				states = append(states, string(f.State))
			}
			if got := strings.Join(states, " "); got != c.states {
				t.Errorf("got %q, want %q", got, c.states)
			}
		})
	}
}

// A broken template is a problem of the judgement, a sample that fails one of the templates.
func TestABrokenTemplateIsReportedOnce(t *testing.T) {
	s := store.InDirectory(store.Directory{Dir: settings.Dir(t.TempDir())})
	if err := s.Put(t.Context(), "templates/order-completed", "{"); err != nil {
		t.Fatal(err)
	}
	report := Examine(t.Context(), Patient{Store: s, Timeout: DefaultTimeout, Health: func(ctx context.Context) (health.Judgement, error) {
		return health.Source{Store: s}.Judge(ctx, time.Now()), nil
	}})
	var checks []string
	for _, f := range report.Findings {
		if strings.Contains(f.Says, "order-completed") && f.State == Fault {
			checks = append(checks, f.Check)
		}
	}
	if !slices.Equal(checks, []string{"health"}) {
		t.Errorf("it is reported by %q: %+v", checks, report.Findings)
	}
}

func TestLimits(t *testing.T) {
	const raised = "aws service-quotas request-service-quota-increase --region eu-west-1 --service-code lambda --quota-code L-B99A9384 --desired-value "
	for _, c := range []struct {
		name   string
		limits store.Limits
		states string
		says   []string
	}{
		{"a large account", store.Limits{Concurrency: 1000, Unreserved: 900, Deliveries: 35}, "ok", []string{
			"can run 1000 functions at the same time in eu-west-1, 900 of them without a reservation, and deliveries may use 35"}},
		{"a new account", store.Limits{Concurrency: 10, Unreserved: 10, Deliveries: 14}, "warning", []string{"Too few are left to accept webhooks", raised + "1000"}},
		{"the others have reserved nearly everything", store.Limits{Concurrency: 3000, Unreserved: 100, Deliveries: 95}, "warning", []string{raised + "6000"}},
		{"a limit was reached", store.Limits{Concurrency: 1000, Unreserved: 1000, Deliveries: 35, Throttled: 12, Rejected: 1}, "ok warning warning", []string{
			"did not start 12 executions in the last 7 days", "1 webhook with 429 in the last 7 days", raised + "2000 first"}},
		{"the API has another limit", store.Limits{Concurrency: 1000, Unreserved: 1000, Deliveries: 35, Rejected: 2}, "ok warning", []string{
			"--service-code apigateway --quota-code L-8A5B8E43 --desired-value 20000 asks for more requests a second"}},
	} {
		t.Run(c.name, func(t *testing.T) { finds(t, limitFindings(c.limits, "eu-west-1"), c.states, c.says...) })
	}
}
