package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
)

// Action is what a plan does with a webhook.
type Action string

// The actions.
const (
	Create  Action = "create"
	Update  Action = "update"
	Disable Action = "disable"
	Remove  Action = "remove"
	Leave   Action = "leave"
)

// Step is one step of a plan. The exported fields contain no secret.
type Step struct {
	Action Action
	Name   string // of the webhook, as it is in Commerce
	URL    string
	Events []string
	Why    []string // what differs, or why nothing is changed
	// Unseen is true if nothing differs except perhaps the secret, which Commerce does not
	// show.
	Unseen bool

	id     string
	create commerce.NewWebhook
	change commerce.IntegrationChange
}

// Plan is the list of steps after which the webhooks in Commerce are as they should be.
type Plan struct {
	// Base is the beginning of the webhooks' URLs: the address of the store, or the one in
	// Commerce.
	// It is empty for the URLs of a deployed store.
	Base     string
	Webhooks []Webhook // that Commerce should have
	Steps    []Step
	// NoSecret is true if there is no webhook secret yet. Such a plan cannot be applied.
	NoSecret bool
	// Rotating is true while the webhook secret is replaced. Commerce must not send the new
	// secret before the functions know it (UntilKnown).
	Rotating bool
}

// Todo returns the steps that change something.
func (p Plan) Todo() []Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Action == Leave })
}

// Settled reports whether no difference is known. A secret that Commerce does not show is
// not a known difference.
func (p Plan) Settled() bool {
	return !slices.ContainsFunc(p.Todo(), func(s Step) bool { return !s.Unseen })
}

// PlanWebhooks compares the webhooks in Commerce with those that it should have.
func (s Store) PlanWebhooks(ctx context.Context, client *commerce.Client) (Plan, error) {
	secrets, err := s.webhookSecrets(ctx)
	if err != nil {
		return Plan{}, err
	}
	at, err := s.atCommerce(ctx, client)
	if err != nil {
		return Plan{}, err
	}
	if at.base == "" && s.Deployment == nil {
		return Plan{}, ErrNoURL
	}
	plan := Plan{Base: at.base, Webhooks: at.webhooks, NoSecret: len(secrets) == 0, Rotating: len(secrets) > 1}
	if plan.NoSecret {
		secrets = []string{""}
	}
	plan.Steps = planSync(at.webhooks, at.integrations, secrets[0])
	return plan, nil
}

// PlanRemoval returns a plan that removes every webhook of this store, also duplicates.
func (s Store) PlanRemoval(ctx context.Context, client *commerce.Client) (plan Plan, err error) {
	at, err := s.atCommerce(ctx, client)
	if err != nil {
		return Plan{}, err
	}
	for _, w := range at.webhooks {
		for _, i := range w.registered(at.integrations, at.webhooks) {
			plan.Steps = append(plan.Steps, stepOf(Remove, i))
		}
	}
	return plan, nil
}

// atCommerce is the webhooks that Commerce should have, and all integrations that it has.
type atCommerce struct {
	base         string // of the webhooks' URLs; empty for those of a stack, or if it is not known
	webhooks     []Webhook
	integrations []commerce.Integration
}

// atCommerce reads the integrations. If a store on this machine keeps no address, it has the
// one that its webhooks have in Commerce.
func (s Store) atCommerce(ctx context.Context, client *commerce.Client) (at atCommerce, err error) {
	if at.integrations, err = listIntegrations(ctx, client); err != nil {
		return at, err
	}
	if at.base, err = s.base(ctx); err != nil {
		return at, err
	}
	if at.webhooks, err = s.webhooksAt(ctx, at.base); err != nil || at.base != "" || s.Deployment != nil {
		return at, err
	}
	at.base = baseOf(at.webhooks, at.integrations)
	at.webhooks, err = s.webhooksAt(ctx, at.base)
	return at, err
}

func listIntegrations(ctx context.Context, client *commerce.Client) ([]commerce.Integration, error) {
	var all []commerce.Integration
	for i, err := range client.Integrations(ctx) {
		if err != nil {
			return nil, fmt.Errorf("listing the webhooks in Commerce: %w", err)
		}
		all = append(all, i)
	}
	return all, nil
}

// webhookSecrets returns the valid webhook secrets. The first is the one that Commerce should
// send.
func (s Store) webhookSecrets(ctx context.Context) ([]string, error) {
	values, err := s.Parameters(ctx, []string{settings.WebhookSecret})
	return Lines(values[settings.WebhookSecret]), err
}

// MakeSecret makes the webhook secret if there is none, and reports whether it did.
func (s Store) MakeSecret(ctx context.Context) (made bool, err error) {
	release, err := s.Saving(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	current, err := s.Parameters(ctx, AllNames())
	if err != nil {
		return false, err
	}
	wanted := map[string]string{}
	if err := KeepSecret(current, wanted); err != nil {
		return false, err
	}
	written, err := s.Write(ctx, current, wanted)
	return len(written) > 0, err
}

// planSync compares the webhooks that Commerce should have with its integrations, and returns
// the steps to make them equal.
func planSync(webhooks []Webhook, integrations []commerce.Integration, secret string) []Step {
	var steps []Step
	for _, w := range webhooks {
		found := w.registered(integrations, webhooks)
		switch {
		case len(found) == 0 && w.Enabled:
			steps = append(steps, w.created(secret))
		case len(found) == 0:
			steps = append(steps, Step{Action: Leave, Name: w.Name, URL: w.URL, Events: w.Events, Why: []string{"it is disabled here and does not exist in Commerce"}})
		case w.Enabled:
			steps = append(steps, w.corrected(found[0], secret))
			steps = append(steps, disabled(found[1:], "a duplicate: Commerce would post the same events twice")...)
		default:
			steps = append(steps, disabled(found, "it is disabled here")...)
		}
	}
	return steps
}

// created returns the step that creates a webhook.
func (w Webhook) created(secret string) Step {
	return Step{
		Action: Create, Name: w.Name, URL: w.URL, Events: w.Events,
		create: commerce.NewWebhook{
			Name: w.Name, Description: "Sends " + w.Tracking.Title + " to Segment. Created by commerce-segment (hub webhooks sync).",
			Enabled: true, Observes: w.Events,
			Configuration: commerce.WebhookConfiguration{URL: w.URL, SecretKey: secret},
		},
	}
}

// corrected returns the step that changes an integration to what the webhook should be.
func (w Webhook) corrected(i commerce.Integration, secret string) Step {
	step := stepOf(Update, i)
	step.Events = w.Events
	if i.Name != w.Name {
		step.Why = append(step.Why, fmt.Sprintf("name, to %s", w.Name))
		step.change.Name = &w.Name
	}
	if !sameSet(i.Observes, w.Events) {
		step.Why = append(step.Why, fmt.Sprintf("events, from %s to %s", listed(i.Observes), listed(w.Events)))
		step.change.Observes = w.Events
	}
	if !i.Enabled {
		step.Why = append(step.Why, "enabled, from no to yes")
		step.change.Enabled = new(true)
	}
	configuration := &commerce.WebhookConfiguration{URL: w.URL, SecretKey: secret}
	if i.Configuration.URL != w.URL {
		step.Why = append(step.Why, fmt.Sprintf("URL, to %s", w.URL))
		step.change.Configuration = configuration
	}
	switch {
	case i.Configuration.SecretKey == secret:
	case isShown(i.Configuration.SecretKey):
		step.Why = append(step.Why, "secret key")
		step.change.Configuration = configuration
	default:
		step.Unseen = len(step.Why) == 0
		step.Why = append(step.Why, "secret key, because Commerce does not show the current one")
		step.change.Configuration = configuration
	}
	if len(step.Why) == 0 {
		step.Action, step.Why = Leave, []string{"it matches the settings"}
	}
	return step
}

// isShown reports whether Commerce returned the real secret key. The API reference does not
// say whether it does. It masks the secrets of other kinds of integration with asterisks.
func isShown(secret string) bool { return secret != "" && !strings.HasPrefix(secret, "***") }

// disabled returns the steps that disable integrations.
func disabled(integrations []commerce.Integration, why string) []Step {
	var steps []Step
	for _, i := range integrations {
		step := stepOf(Disable, i)
		step.Why = []string{why}
		if i.Enabled {
			step.change.Enabled = new(false)
		} else {
			step.Action, step.Why = Leave, []string{"it is disabled in Commerce: " + why}
		}
		steps = append(steps, step)
	}
	return steps
}

// stepOf returns a step about an integration.
func stepOf(action Action, i commerce.Integration) Step {
	return Step{Action: action, Name: printable(i.Name), URL: printable(i.Configuration.URL), Events: i.Observes, id: i.ID}
}

// printable turns a text from Commerce into one line without control characters.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// sameSet reports whether two lists have the same elements, in any order.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// listed returns the events as a text.
func listed(events []string) string {
	if len(events) == 0 {
		return "none"
	}
	return strings.Join(events, ", ")
}

// Apply does the steps of a plan and calls did after each. It stops at the first step that
// fails: a new plan has the remaining steps. At the end it removes webhooks that another run
// created at the same time.
func (p Plan) Apply(ctx context.Context, client *commerce.Client, did func(Step)) error {
	if p.NoSecret {
		return errors.New("there is no webhook secret yet. Without it, anyone could post webhooks: make one with hub configure. Nothing was done")
	}
	todo := p.Todo()
	for n, step := range todo {
		if err := step.apply(ctx, client); err != nil {
			return fmt.Errorf("cannot %s the webhook %q: %w\nDone: %d of %d. Fix this and run it again: it does the remaining steps", step.Action, step.Name, err, n, len(todo))
		}
		did(step)
	}
	return removeTwins(ctx, client, todo, did)
}

// removeTwins reads again what was created. Another run can have created the same webhook at
// the same time, and Commerce would post each event twice. All runs keep the one that was
// created first, so after the last run one is left.
func removeTwins(ctx context.Context, client *commerce.Client, done []Step, did func(Step)) error {
	created := slices.DeleteFunc(slices.Clone(done), func(s Step) bool { return s.Action != Create })
	if len(created) == 0 {
		return nil
	}
	integrations, err := listIntegrations(ctx, client)
	if err != nil {
		return fmt.Errorf("checking whether another run created the same webhooks: %w\nAll steps are done. Run it again to be sure", err)
	}
	for _, step := range created {
		for _, twin := range younger(integrations, step.create) {
			remove := stepOf(Remove, twin)
			remove.Why = []string{"another run created the same webhook at the same time"}
			var answered *commerce.APIError
			if err := remove.apply(ctx, client); err != nil && !(errors.As(err, &answered) && answered.Status == http.StatusNotFound) { // the other run has removed it
				return fmt.Errorf("cannot remove the duplicate webhook %q: %w\nFix this and run it again: it disables duplicates", twin.Name, err)
			}
			did(remove)
		}
	}
	return nil
}

// younger returns the enabled integrations that are the same webhook, without the one that
// was created first.
func younger(integrations []commerce.Integration, webhook commerce.NewWebhook) []commerce.Integration {
	same := slices.DeleteFunc(slices.Clone(integrations), func(i commerce.Integration) bool {
		return i.Type != "webhook" || !i.Enabled || i.Name != webhook.Name || i.Configuration.URL != webhook.Configuration.URL
	})
	slices.SortFunc(same, func(a, b commerce.Integration) int {
		return cmp.Or(createdAt(a).Compare(createdAt(b)), cmp.Compare(a.ID, b.ID))
	})
	return same[min(1, len(same)):]
}

// createdAt returns when an integration was created, or the zero time if it is not known.
func createdAt(i commerce.Integration) time.Time {
	at, _ := time.Parse(time.RFC3339, i.Meta.Timestamps.CreatedAt)
	return at
}

func (s Step) apply(ctx context.Context, client *commerce.Client) error {
	var err error
	switch s.Action {
	case Create:
		_, err = client.CreateWebhook(ctx, s.create)
	case Update, Disable:
		_, err = client.UpdateIntegration(ctx, s.id, s.change)
	case Remove:
		err = client.DeleteIntegration(ctx, s.id)
	}
	return err
}

// UntilKnown returns how long it takes from now until the functions know the current value
// of a parameter. Written is when this program wrote it. If that is the zero time, the time
// in the store is used. The clock of the store can differ from the clock of this machine, so
// the result is at most s.Takes.
func (s Store) UntilKnown(ctx context.Context, name string, written time.Time) (time.Duration, error) {
	if s.Takes == 0 {
		return 0, nil
	}
	if written.IsZero() {
		var err error
		if written, err = s.Modified(ctx, name); err != nil {
			return 0, err
		}
	}
	return max(min(s.Takes-time.Since(written), s.Takes), 0), nil
}
