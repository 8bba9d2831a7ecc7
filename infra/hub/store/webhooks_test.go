package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

const plantedSecret = "PLANTED-webhook"

// shop is a deployed store and its Commerce, without a network and with a fake clock.
type shop struct {
	t      *testing.T
	store  Store
	api    *commercetest.Server
	client *commerce.Client
}

// inShop runs a test in a bubble with a fake clock.
func inShop(t *testing.T, test func(*testing.T, shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, openShop(t, "/commerce-segment")) })
}

func openShop(t *testing.T, prefix string) shop {
	t.Helper()
	directory := Directory{Dir: settings.Dir(t.TempDir())}
	if err := directory.Put(t.Context(), settings.WebhookSecret, plantedSecret); err != nil {
		t.Fatal(err)
	}
	deployment := &Deployment{Outputs: map[string]string{}}
	for _, tr := range tracking.All() {
		deployment.Outputs[outputs.Webhook(tr)] = "https://api.example" + prefix + "/webhooks/" + tr.Name
	}
	s := shop{t: t, api: commercetest.New(), store: Store{
		Backend: directory, Location: Location{Prefix: prefix}, Name: "the store", Deployment: deployment, Takes: functionsKnowWithin,
	}}
	s.client = s.connect(s.api)
	return s
}

func (s shop) connect(api *commercetest.Server) *commerce.Client {
	s.t.Helper()
	client, err := commerce.NewClient(commerce.Credentials{
		URL: "https://commerce.example", ClientID: commercetest.ClientID, ClientSecret: commercetest.ClientSecret,
	}, api)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func (s shop) put(name, value string) {
	s.t.Helper()
	if err := s.store.Put(s.t.Context(), name, value); err != nil {
		s.t.Fatal(err)
	}
}

// plan makes a plan, and fails the test if the plan shows a secret.
func (s shop) plan() Plan {
	s.t.Helper()
	plan, err := s.store.PlanWebhooks(s.t.Context(), s.client)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, step := range plan.Steps {
		if shown := fmt.Sprint(step.Action, step.Name, step.URL, step.Events, step.Why); strings.Contains(shown, "PLANTED") {
			s.t.Errorf("the plan shows a secret: %s", shown)
		}
	}
	return plan
}

// planAt makes a plan for another address than the one that the store keeps.
func (s shop) planAt(address string) Plan {
	s.t.Helper()
	at, err := s.store.At(address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = at
	return s.plan()
}

// sync makes a plan and applies it.
func (s shop) sync() Plan {
	s.t.Helper()
	plan := s.plan()
	if err := plan.Apply(s.t.Context(), s.client, func(Step) {}); err != nil {
		s.t.Fatal(err)
	}
	return plan
}

// settled fails the test if a new plan has something to do.
func (s shop) settled() {
	s.t.Helper()
	if plan := s.plan(); len(plan.Todo()) != 0 || !plan.Settled() {
		s.t.Errorf("left to do: %v", briefly(plan.Todo()))
	}
}

// briefly returns the action and the name of each step.
func briefly(steps []Step) []string {
	var lines []string
	for _, step := range steps {
		lines = append(lines, string(step.Action)+" "+step.Name)
	}
	return lines
}

// at returns the integration whose URL ends with end.
func (s shop) at(end string) commercetest.Object {
	s.t.Helper()
	for _, i := range s.api.Integrations() {
		if strings.HasSuffix(i["configuration"].(commercetest.Object)["url"].(string), end) {
			return i
		}
	}
	s.t.Fatalf("Commerce has nothing at %s", end)
	return nil
}

// create creates a webhook in Commerce, as a user would.
func (s shop) create(w commerce.NewWebhook) commerce.Integration {
	s.t.Helper()
	i, err := s.client.CreateWebhook(s.t.Context(), w)
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

func (s shop) change(id string, change commerce.IntegrationChange) {
	s.t.Helper()
	if _, err := s.client.UpdateIntegration(s.t.Context(), id, change); err != nil {
		s.t.Fatal(err)
	}
}

// writes counts the calls that changed something in Commerce.
func (s shop) writes() int {
	count := 0
	for _, r := range s.api.Requests() {
		if r.Method != http.MethodGet && !strings.HasPrefix(r.Path, "/oauth/") {
			count++
		}
	}
	return count
}

func TestASyncCreatesMissingWebhooksOnce(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		s.put("tracking/order-completed/events", "order.fulfilled")
		s.sync()
		if n := len(s.api.Integrations()); n != len(tracking.All())-len(tracking.Optional()) {
			t.Errorf("Commerce has %d integrations", n)
		}
		got := s.at("/webhooks/order-completed")
		want := commercetest.Object{
			"name": "Segment: Order Completed (/commerce-segment)", "integration_type": "webhook", "enabled": true, "observes": []any{"order.fulfilled"},
		}
		for field, value := range want {
			if fmt.Sprint(got[field]) != fmt.Sprint(value) {
				t.Errorf("%s is %v, want %v", field, got[field], value)
			}
		}
		if to := got["configuration"].(commercetest.Object); to["url"] != "https://api.example/commerce-segment/webhooks/order-completed" || to["secret_key"] != plantedSecret {
			t.Errorf("it posts to %v", to)
		}
		before := s.writes()
		s.settled()
		s.sync()
		if after := s.writes(); after != before {
			t.Errorf("a second run wrote %d times", after-before)
		}
	})
}

func TestASyncCorrectsOnlyDifferences(t *testing.T) {
	for _, c := range []struct {
		name   string
		change commerce.IntegrationChange
		says   string
	}{
		{"the name", commerce.IntegrationChange{Name: new("Orders")}, "name, to Segment: Order Completed (/commerce-segment)"},
		{"the events", commerce.IntegrationChange{Observes: []string{"order.paid", "order.updated"}}, "events, from order.paid, order.updated to order.paid"},
		{"it was disabled", commerce.IntegrationChange{Enabled: new(false)}, "enabled, from no to yes"},
		{"the URL", commerce.IntegrationChange{Configuration: &commerce.WebhookConfiguration{URL: "https://old.example/x", SecretKey: plantedSecret}},
			"URL, to https://api.example/commerce-segment/webhooks/order-completed"},
		{"a slash after the URL", commerce.IntegrationChange{Configuration: &commerce.WebhookConfiguration{
			URL: "https://api.example/commerce-segment/webhooks/order-completed/", SecretKey: plantedSecret}}, "URL, to "},
		{"the secret key", commerce.IntegrationChange{Configuration: &commerce.WebhookConfiguration{
			URL: "https://api.example/commerce-segment/webhooks/order-completed", SecretKey: "PLANTED-other"}}, "secret key"},
		{"no secret key", commerce.IntegrationChange{Configuration: &commerce.WebhookConfiguration{
			URL: "https://api.example/commerce-segment/webhooks/order-completed"}}, "secret key, because Commerce does not show the current one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inShop(t, func(t *testing.T, s shop) {
				s.sync()
				right := s.api.Integrations()
				s.change(s.at("/webhooks/order-completed")["id"].(string), c.change)
				todo := s.sync().Todo()
				if len(todo) != 1 || todo[0].Action != Update || len(todo[0].Why) != 1 || !strings.HasPrefix(todo[0].Why[0], c.says) {
					t.Errorf("it does %v, want only %q", briefly(todo), c.says)
				}
				for n, now := range s.api.Integrations() {
					delete(now, "meta")
					delete(right[n], "meta")
					if fmt.Sprint(now) != fmt.Sprint(right[n]) {
						t.Errorf("Commerce has\n%v\nwant\n%v", now, right[n])
					}
				}
				s.settled()
			})
		})
	}
}

// If Commerce masks the secret, the secret is written again and no difference is reported.
func TestASecretThatCommerceDoesNotShowIsWrittenAgain(t *testing.T) {
	webhook := Webhook{Tracking: tracking.OrderCompleted, Name: "name", URL: "https://api.example/x", Events: []string{"order.paid"}, Enabled: true}
	for _, shown := range []string{"", "***************hook", "********"} {
		i := commerce.Integration{ID: "1", Type: "webhook", Name: "name", Enabled: true, Observes: []string{"order.paid"},
			Configuration: commerce.WebhookConfiguration{URL: webhook.URL, SecretKey: shown}}
		plan := Plan{Steps: planSync([]Webhook{webhook}, []commerce.Integration{i}, plantedSecret)}
		if len(plan.Todo()) != 1 || plan.Steps[0].change.Configuration.SecretKey != plantedSecret || !plan.Settled() {
			t.Errorf("shown as %q: %v, settled %v", shown, briefly(plan.Todo()), plan.Settled())
		}
		i.Enabled = false
		if plan := (Plan{Steps: planSync([]Webhook{webhook}, []commerce.Integration{i}, plantedSecret)}); plan.Settled() {
			t.Errorf("shown as %q and disabled: it is reported as settled", shown)
		}
	}
}

func TestASyncDisablesTheWebhooksOfDisabledTrackings(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		s.put("tracking/order-refunded/enabled", "false") // before anything is registered
		s.sync()
		if n := len(s.api.Integrations()); n != len(tracking.All())-len(tracking.Optional())-1 {
			t.Errorf("Commerce has %d integrations", n)
		}
		s.put("tracking/order-updated/enabled", "false")
		if todo := briefly(s.sync().Todo()); !slices.Equal(todo, []string{"disable Segment: Order Updated (/commerce-segment)"}) {
			t.Errorf("it does %q", todo)
		}
		if got := s.at("/webhooks/order-updated"); got["enabled"] != false {
			t.Errorf("it is %v", got)
		}
		s.settled()
		s.put("tracking/order-updated/enabled", "true")
		s.sync()
		if got := s.at("/webhooks/order-updated"); got["enabled"] != true {
			t.Errorf("enabled again it is %v", got)
		}
	})
}

// Other programs, and another deployment of this one, have integrations in the same store.
func TestASyncTouchesNoOtherIntegration(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		for _, w := range []commerce.NewWebhook{
			{Name: "Order Completed", Observes: []string{"order.paid"}, Enabled: true, Configuration: commerce.WebhookConfiguration{URL: "https://erp.example/webhooks/order-completed"}},
			{Name: "Segment: Order Completed (/other)", Observes: []string{"order.paid"}, Enabled: true, Configuration: commerce.WebhookConfiguration{URL: "https://api.example/other/webhooks/order-completed"}},
			{Name: "Segment: Order Completed (/commerce-segment) copy", Observes: []string{"order.paid"}, Configuration: commerce.WebhookConfiguration{URL: "https://x.example"}},
		} {
			s.create(w)
		}
		foreign := fmt.Sprint(s.api.Integrations())
		s.sync()
		s.put(settings.WebhookSecret, "PLANTED-new\n"+plantedSecret)
		s.put("tracking/order-completed/enabled", "false")
		s.sync()
		plan, err := s.store.PlanRemoval(s.t.Context(), s.client)
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Apply(t.Context(), s.client, func(Step) {}); err != nil {
			t.Fatal(err)
		}
		if after := fmt.Sprint(s.api.Integrations()); after != foreign {
			t.Errorf("Commerce has\n%s\nwant\n%s", after, foreign)
		}
	})
}

func TestOnlyIntegrationsOfTypeWebhookMatch(t *testing.T) {
	w := Webhook{Name: "name", URL: "https://api.example/x"}
	if queue := (commerce.Integration{Type: "aws_sqs", Name: w.Name, Configuration: commerce.WebhookConfiguration{URL: w.URL}}); w.is(queue) {
		t.Error("a queue matches a webhook")
	}
}

func TestDuplicatesAreDisabled(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		url := "https://api.example/commerce-segment/webhooks/order-completed"
		s.create(commerce.NewWebhook{Name: "Segment: Order Completed (/commerce-segment)", Enabled: true, Observes: []string{"order.paid"},
			Configuration: commerce.WebhookConfiguration{URL: "https://old.example/webhooks/order-completed", SecretKey: plantedSecret}})
		s.create(commerce.NewWebhook{Name: "typed by hand", Enabled: true, Observes: []string{"order.paid"},
			Configuration: commerce.WebhookConfiguration{URL: url, SecretKey: plantedSecret}})
		var todo []string
		for _, step := range s.sync().Todo() {
			if strings.Contains(step.URL, "order-completed") {
				todo = append(todo, fmt.Sprint(step.Action, " ", step.URL))
			}
		}
		want := []string{"update " + url, "disable https://old.example/webhooks/order-completed"}
		if !slices.Equal(todo, want) {
			t.Errorf("it does %q, want %q", todo, want)
		}
		s.settled()
		if plan, err := s.store.PlanRemoval(t.Context(), s.client); err != nil || len(plan.Steps) != len(tracking.All())-len(tracking.Optional())+1 {
			t.Errorf("a removal would remove %v, %v", briefly(plan.Steps), err)
		}
	})
}

// Two users can run a sync at the same time, for example one in the console.
func TestTwoConcurrentSyncsLeaveEachWebhookOnce(t *testing.T) {
	for _, c := range []struct {
		name    string
		apart   time.Duration // between the creations of the first and of the second
		stays   int           // webhooks of the first that are left; -1 for any number
		removed []int         // by the first and by the second
	}{
		{"one after the other", 2 * time.Second, len(tracking.All()) - len(tracking.Optional()), []int{0, len(tracking.All()) - len(tracking.Optional())}},
		{"at the same moment", 0, -1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			inShop(t, func(t *testing.T, s shop) {
				var removed []int
				apply := func(plan Plan) {
					count := 0
					if err := plan.Apply(t.Context(), s.client, func(step Step) {
						if step.Action == Remove {
							count++
						}
					}); err != nil {
						t.Error(err)
					}
					removed = append(removed, count)
				}
				one, other := s.plan(), s.plan()
				apply(one)
				first := map[string]bool{}
				for _, i := range s.api.Integrations() {
					first[i["id"].(string)] = true
				}
				time.Sleep(c.apart)
				apply(other)
				left := s.api.Integrations()
				stays := 0
				for _, i := range left {
					if first[i["id"].(string)] {
						stays++
					}
				}
				if len(left) != len(tracking.All())-len(tracking.Optional()) || c.stays >= 0 && stays != c.stays || c.removed != nil && !slices.Equal(removed, c.removed) {
					t.Errorf("Commerce has %d webhooks, %d of them from the first sync, and %v were removed", len(left), stays, removed)
				}
				s.settled()
			})
		})
	}
}

// A webhook with another name or another URL belongs to another user.
func TestASyncRemovesNothingThatItCannotHaveCreated(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		plan := s.plan()
		url := "https://api.example/commerce-segment/webhooks/order-completed"
		for _, w := range []commerce.NewWebhook{
			{Name: "typed by hand", Enabled: true, Observes: []string{"order.paid"}, Configuration: commerce.WebhookConfiguration{URL: url}},
			{Name: "Segment: Order Completed (/commerce-segment)", Enabled: true, Observes: []string{"order.paid"}, Configuration: commerce.WebhookConfiguration{URL: "https://other.example"}},
			{Name: "Segment: Order Completed (/commerce-segment)", Enabled: false, Observes: []string{"order.paid"}, Configuration: commerce.WebhookConfiguration{URL: url}},
		} {
			s.create(w)
		}
		if err := plan.Apply(t.Context(), s.client, func(Step) {}); err != nil {
			t.Fatal(err)
		}
		if got := len(s.api.Integrations()); got != len(tracking.All())-len(tracking.Optional())+3 {
			t.Errorf("Commerce has %d", got)
		}
	})
}

// The URL identifies an integration before the name does.
func TestNamesThatWereSwappedAreSwappedBack(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		s.sync()
		completed, updated := s.at("/webhooks/order-completed"), s.at("/webhooks/order-updated")
		s.change(completed["id"].(string), commerce.IntegrationChange{Name: new(updated["name"].(string))})
		s.change(updated["id"].(string), commerce.IntegrationChange{Name: new(completed["name"].(string))})
		todo := s.sync().Todo()
		if len(todo) != 2 || todo[0].Action != Update || todo[1].Action != Update {
			t.Errorf("it does %v", briefly(todo))
		}
		s.settled()
	})
}

func TestASyncThatFailsHalfwayIsFinishedByTheNext(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault commercetest.Fault
		says  string
	}{
		{"Commerce rejects the third", commercetest.Fault{Status: http.StatusUnprocessableEntity}, "Done: 2 of 7"},
		{"the third is created, and the answer gets lost", commercetest.Fault{Break: true, AfterProcessing: true}, "check before you try again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inShop(t, func(t *testing.T, s shop) {
				plan, done := s.plan(), 0
				err := plan.Apply(t.Context(), s.client, func(Step) {
					if done++; done == 2 {
						c.fault.Method, c.fault.Path = http.MethodPost, "/v2/integrations"
						s.api.Fail(c.fault)
					}
				})
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `cannot create the webhook "Segment: Order Updated`) || strings.Contains(err.Error(), "PLANTED") {
					t.Errorf("it says %v", err)
				}
				s.sync()
				if n := len(s.api.Integrations()); n != len(tracking.All())-len(tracking.Optional()) {
					t.Errorf("Commerce has %d integrations", n)
				}
				s.settled()
			})
		})
	}
}

func TestARotatedSecretReachesEveryWebhook(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		s.sync()
		s.put(settings.WebhookSecret, "PLANTED-new\n"+plantedSecret)
		plan := s.sync()
		if !plan.Rotating || len(plan.Todo()) != len(tracking.All())-len(tracking.Optional()) {
			t.Errorf("rotating %v, it does %v", plan.Rotating, briefly(plan.Todo()))
		}
		for _, i := range s.api.Integrations() {
			if key := i["configuration"].(commercetest.Object)["secret_key"]; key != "PLANTED-new" {
				t.Errorf("%s has the secret %s", i["name"], key)
			}
		}
	})
}

func TestTheWebhooksOfThisMachineNeedAURL(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		s.store.Deployment, s.store.Location = nil, Location{Dir: DefaultDir}
		if _, err := s.store.PlanWebhooks(t.Context(), s.client); !errors.Is(err, ErrNoURL) {
			t.Errorf("it says %v", err)
		}
		plan := s.planAt("https://one.tunnel.example")
		if err := plan.Apply(t.Context(), s.client, func(Step) {}); err != nil {
			t.Fatal(err)
		}
		if again := s.plan(); again.Base != "https://one.tunnel.example" || len(again.Todo()) != 0 {
			t.Errorf("without an address it uses %q, and does %v", again.Base, briefly(again.Todo()))
		}
		// A new tunnel has another address.
		plan = s.planAt("https://two.tunnel.example")
		if err := plan.Apply(t.Context(), s.client, func(Step) {}); err != nil {
			t.Fatal(err)
		}
		if n := len(s.api.Integrations()); n != len(tracking.All())-len(tracking.Optional()) {
			t.Errorf("Commerce has %d integrations", n)
		}
		s.at("two.tunnel.example/webhooks/order-completed")
	})
}

func TestTheAddressOfTheWebhooksIsKept(t *testing.T) {
	const own, ofStack = "https://hooks.shop.example", "https://api.example/commerce-segment"
	inShop(t, func(t *testing.T, s shop) {
		keep := func(address string, want bool) {
			t.Helper()
			at, err := s.store.At(address)
			if err != nil {
				t.Fatal(err)
			}
			if changed, err := at.KeepAddress(t.Context()); err != nil || changed != want {
				t.Errorf("keeping %q: changed is %v, %v", address, changed, err)
			}
		}
		begins := func(want string) {
			t.Helper()
			webhooks, err := s.store.Webhooks(t.Context())
			if err != nil || !strings.HasPrefix(webhooks[0].URL, want+"/webhooks/") {
				t.Errorf("the webhooks are %v, %v; want them at %s", webhooks, err, want)
			}
		}
		keep("", false)
		keep(DefaultAddress, false)
		begins(ofStack)
		keep(own+"/", true)
		keep(own, false)
		begins(own)
		s.sync()
		s.settled()
		if plan := s.planAt(DefaultAddress); len(plan.Todo()) != len(tracking.All())-len(tracking.Optional()) {
			t.Errorf("back to the default, it does %v", briefly(plan.Todo()))
		}
		begins(own) // the plan changed nothing
		keep(DefaultAddress, true)
		begins(ofStack)
		s.put(settings.WebhookAddress, "http://hooks.shop.example")
		if _, err := s.store.Webhooks(t.Context()); err == nil || !strings.Contains(err.Error(), "the parameter webhooks/url in ") || !strings.Contains(err.Error(), "hub webhooks sync --prefix /commerce-segment --url") {
			t.Errorf("for an address that is not encrypted it says %v", err)
		}
	})
}

// Without a secret, anyone could post webhooks.
func TestASyncWithoutAWebhookSecretChangesNothing(t *testing.T) {
	inShop(t, func(t *testing.T, s shop) {
		s.put(settings.WebhookSecret, "\n")
		plan := s.plan()
		if err := plan.Apply(t.Context(), s.client, func(Step) {}); err == nil || !strings.Contains(err.Error(), "make one with hub configure") || s.writes() != 0 {
			t.Errorf("it says %v, and writes %d times", err, s.writes())
		}
		if made, err := s.store.MakeSecret(t.Context()); !made || err != nil {
			t.Errorf("made %v, %v", made, err)
		}
		s.sync()
		s.settled()
		if made, err := s.store.MakeSecret(t.Context()); made || err != nil {
			t.Errorf("a second time: made %v, %v", made, err)
		}
	})
}

func TestPublicURL(t *testing.T) {
	for _, c := range []struct{ name, pasted, want, says string }{
		{"as it is printed", "https://x.tunnel.example", "https://x.tunnel.example", ""},
		{"with a slash and white space", " https://x.tunnel.example/ ", "https://x.tunnel.example", ""},
		{"below a path", "https://hooks.example/shop/", "https://hooks.example/shop", ""},
		{"unencrypted", "http://x.tunnel.example", "", "unencrypted"},
		{"this machine", "http://127.0.0.1:8080", "", "only this machine can reach"},
		{"this machine by name", "https://localhost:8080", "", "only this machine can reach"},
		{"this machine in capitals", "https://LOCALHOST:8080", "", "only this machine can reach"},
		{"this machine with a dot at the end", "https://localhost.", "", "only this machine can reach"},
		{"a name below localhost", "https://hub.localhost", "", "only this machine can reach"},
		{"this machine's address with a dot", "https://127.0.0.1.", "", "only this machine can reach"},
		{"all addresses", "https://0.0.0.0:8080", "", "only this machine can reach"},
		{"IPv6", "https://[::1]:8080", "", "only this machine can reach"},
		{"IPv6 with an interface", "https://[::1%25lo]", "", "only this machine can reach"},
		{"IPv4 within IPv6", "https://[::ffff:127.0.0.1]", "", "only this machine can reach"},
		{"a name that begins with localhost", "https://localhost.example", "https://localhost.example", ""},
		{"without https://", "x.tunnel.example", "", "is not an address"},
		{"with a query", "https://x.tunnel.example?token=PLANTED", "", "the address at x.tunnel.example has a user, a query"},
		{"with a fragment", "https://x.tunnel.example#token=PLANTED", "", "a fragment"},
		{"with a password", "https://u:PLANTED@x.tunnel.example", "", "the address at x.tunnel.example has a user"},
		{"with a password, unencrypted", "http://u:PLANTED@x.tunnel.example", "", "has a user"},
		{"with a password, and broken", "https://u:PLANTED@x.tunnel.example:port", "", "is not an address"},
		{"a token in the path, unencrypted", "http://x.tunnel.example/PLANTED", "", "unencrypted"},
		{"nothing", "", "", "is not an address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := PublicURL(c.pasted)
			if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "PLANTED") {
				t.Errorf("the error quotes a possible secret: %v", err)
			}
		})
	}
}

func TestTheLastDeliveriesAreTheNewest(t *testing.T) {
	for _, attempts := range []int{0, 2, logPage + 1, logPage + 30, 3 * logPage} {
		t.Run(fmt.Sprint(attempts), func(t *testing.T) {
			inShop(t, func(t *testing.T, s shop) {
				s.sync()
				id := s.at("/webhooks/order-completed")["id"].(string)
				for n := range attempts {
					s.api.AddLog(id, 200+n, "")
					time.Sleep(time.Second)
				}
				registered, err := s.store.Registered(t.Context(), s.client, 3)
				if err != nil || len(registered) != len(tracking.All())-len(tracking.Optional()) {
					t.Fatalf("%d registered, %v", len(registered), err)
				}
				got := registered[1]
				if got.Tracking.Name != "order-completed" || len(got.Last) != min(attempts, 3) {
					t.Fatalf("it says %+v", got)
				}
				for n, delivery := range got.Last {
					if delivery.Status != 199+attempts-n || delivery.At.IsZero() {
						t.Errorf("attempt %d is %+v", n, delivery)
					}
				}
			})
		})
	}
}

func TestCredentialsThatAreNotSetAreNamed(t *testing.T) {
	all := map[string]string{settings.CommerceClientID: "id", settings.CommerceClientSecret: "https://x.example PLANTED", settings.CommerceTokenURL: "https://x.example/oauth/access_token"}
	for _, missing := range slices.Sorted(maps.Keys(all)) {
		t.Run(missing, func(t *testing.T) {
			s := Store{Backend: Directory{Dir: settings.Dir(t.TempDir())}, Name: "the store"}
			for name, value := range all {
				if name != missing {
					if err := s.Put(context.Background(), name, value); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := s.Credentials(t.Context()); !errors.Is(err, ErrNotConnected) || !strings.Contains(err.Error(), missing+" is not set") || strings.Contains(err.Error(), "PLANTED") {
				t.Errorf("it says %v", err)
			}
		})
	}
}
