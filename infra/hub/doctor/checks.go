package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/version"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// store reports where the store is. A deployed store exists, because it was opened before.
func (p Patient) store(context.Context) []Finding {
	if d := p.Store.Deployment; d != nil {
		return []Finding{{State: OK, Says: fmt.Sprintf("the AWS credentials are valid, and the stack %s is in %s", outputs.StackName(p.Store.Prefix), d.Config.Region)}}
	}
	if _, err := os.Stat(p.Store.Dir); err != nil {
		return []Finding{{State: Fault, Says: "there is no directory " + p.Store.Dir, Do: "create it with make run, or name the store with --dir or --prefix"}}
	}
	return []Finding{{State: OK, Says: "the settings are in " + p.Store.Name}}
}

func (p Patient) settings(ctx context.Context) []Finding {
	list, err := p.Store.Settings(ctx)
	if err != nil {
		return unknown(err)
	}
	values, err := p.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return unknown(err)
	}
	return settingsFindings(list, store.Check(values), p.Store.Flag())
}

// settingsFindings reports which parameters are wrong, and which ones nothing reads.
func settingsFindings(list []store.Setting, wrong error, flag string) []Finding {
	var found []Finding
	if wrong != nil {
		found = append(found, Finding{State: Fault, Says: "events are not delivered: " + words.OneLine(wrong.Error()), Do: "hub configure" + flag})
	}
	for _, one := range list {
		if one.Unknown {
			found = append(found, Finding{State: Warning, Says: "the parameter " + one.Name + " is set, but nothing reads it",
				Do: "hub settings" + flag + " lists the names of the parameters; delete this one, or rename it"})
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{State: OK, Says: "every parameter is readable and known"})
	}
	return found
}

// commerce checks the credentials by listing the integrations.
func (p Patient) commerce(ctx context.Context) []Finding {
	client, err := p.Store.Commerce(ctx)
	if err == nil {
		for _, failed := range client.Integrations(ctx) {
			err = failed
			break // the first result is enough
		}
	}
	found := commerceFindings(err, p.Store.Flag())
	if !errors.Is(err, store.ErrNotConnected) {
		return found
	}
	values, err := p.Store.Parameters(ctx, []string{settings.Enabled(tracking.OrderRefunded), settings.Events(tracking.OrderRefunded)})
	if err != nil {
		return append(found, unknown(err)...)
	}
	return append(found, refundFindings(values, p.Store.Flag())...)
}

// refundFindings checks a store that is not connected to Commerce: it does not send partial
// refunds, even if their event is observed.
func refundFindings(values map[string]string, flag string) []Finding {
	t := tracking.OrderRefunded
	observes := strings.Contains(cmp.Or(values[settings.Events(t)], strings.Join(t.Observes, ",")), "order.updated")
	if !observes || strings.TrimSpace(values[settings.Enabled(t)]) == "false" {
		return nil
	}
	return []Finding{{State: Warning, Says: t.Name + " observes order.updated, but without access to Commerce it cannot know which update is a refund: partial refunds are not sent",
		Do: "connect Commerce with hub configure" + flag + ", or set tracking/" + t.Name + "/events to order.refunded"}}
}

// commerceFindings reports whether Commerce accepts the credentials.
func commerceFindings(err error, flag string) []Finding {
	switch {
	case err == nil:
		return []Finding{{State: OK, Says: "Commerce accepted the credentials and listed the integrations"}}
	case errors.Is(err, store.ErrNotConnected):
		return []Finding{{State: Warning, Says: "the hub is not connected to Commerce, so its webhooks cannot be checked", Do: "hub configure" + flag}}
	default:
		return []Finding{{State: Fault, Says: words.OneLine(err.Error()), Do: "hub configure" + flag + " sets another client id, secret or URL"}}
	}
}

func (p Patient) webhooks(ctx context.Context) []Finding {
	client, err := p.Store.Commerce(ctx)
	if err != nil {
		return webhookFindings(store.Plan{}, err, p.Store.Flag())
	}
	plan, err := p.Store.PlanWebhooks(ctx, client)
	return webhookFindings(plan, err, p.Store.Flag())
}

// webhookFindings reports how the webhooks in Commerce differ from the settings.
func webhookFindings(plan store.Plan, err error, flag string) []Finding {
	switch {
	case errors.Is(err, store.ErrNoURL):
		return []Finding{{State: Note, Says: "Commerce has no webhook of the hub on this machine", Do: "to receive webhooks here, start a tunnel, then hub webhooks sync" + flag + " --url with its https address"}}
	case errors.Is(err, store.ErrNotConnected):
		return []Finding{{State: Note, Says: "not compared, because the hub is not connected to Commerce", Do: "hub webhooks urls" + flag + " shows what to register by hand"}}
	case err != nil:
		return []Finding{{State: Warning, Says: "the webhooks in Commerce could not be checked: " + words.OneLine(err.Error())}}
	}
	var found []Finding
	unseen := 0
	sync := "hub webhooks sync" + flag
	for _, step := range plan.Todo() {
		why := strings.Join(step.Why, "; ")
		switch {
		case step.Unseen:
			unseen++
		case step.Action == store.Create:
			found = append(found, Finding{State: Fault, Says: step.Name + ": this webhook is missing in Commerce, which sends nothing for it", Do: sync})
		case step.Action == store.Update:
			found = append(found, Finding{State: Fault, Says: step.Name + " differs: " + why, Do: sync})
		default:
			found = append(found, Finding{State: Warning, Says: step.Name + " is enabled in Commerce: " + why, Do: sync})
		}
	}
	if unseen > 0 {
		found = append(found, Finding{State: Note, Says: fmt.Sprintf("Commerce does not show the secret key of %s: it is right if webhooks are accepted",
			words.Count(unseen, "webhook")), Do: "if one is rejected as forged, " + sync})
	}
	if len(found) == 0 {
		found = append(found, Finding{State: OK, Says: "the webhooks in Commerce match the settings"})
	}
	return found
}

func (p Patient) secret(ctx context.Context) []Finding {
	values, err := p.Store.Parameters(ctx, []string{settings.WebhookSecret})
	if err != nil {
		return unknown(err)
	}
	written, err := p.Store.Modified(ctx, settings.WebhookSecret)
	if err != nil {
		return unknown(err)
	}
	return secretFindings(len(store.Lines(values[settings.WebhookSecret])), time.Since(written), p.Store.Flag())
}

// secretFindings reports whether there is a webhook secret, and an unfinished rotation.
func secretFindings(secrets int, since time.Duration, flag string) []Finding {
	switch secrets {
	case 0:
		return []Finding{{State: Fault, Says: "there is no webhook secret: no webhook can be verified, and every event is retried", Do: "hub configure" + flag}}
	case 1:
		return []Finding{{State: OK, Says: "one webhook secret is in effect"}}
	case 2:
		return []Finding{{State: Warning, Says: "a rotation of the webhook secret began " + age(since) + " ago and is not finished: the old secret is still in effect",
			Do: "hub webhooks sync" + flag + ", then hub rotate --finish" + flag}}
	default:
		return []Finding{{State: Fault, Says: fmt.Sprintf("the parameter %s has %d secrets, but only two are allowed: every event is retried", settings.WebhookSecret, secrets),
			Do: "keep the newest, and below it the one that Commerce still sends"}}
	}
}

func (p Patient) templates(ctx context.Context) []Finding {
	list, err := p.Store.Templates(ctx, p.Store.Trackings()...)
	if err != nil {
		return unknown(err)
	}
	enabled, err := p.Store.Enabled(ctx)
	if err != nil {
		return unknown(err)
	}
	var found []Finding
	judged, broken := p.judged(ctx), false
	for _, t := range list {
		if judged[health.OfTemplate(t.Tracking.Name)] {
			broken = true
			continue
		}
		found = append(found, templateFindings(ctx, t, enabled[t.Tracking.Name], p.Store.Flag())...)
	}
	if len(found) == 0 && !broken {
		found = append(found, Finding{State: OK, Says: "every template compiles, and makes valid messages of the bundled samples"})
	}
	return found
}

// templateFindings compiles a template, and evaluates it with the bundled samples of its
// tracking. The template of a disabled tracking delays no event.
func templateFindings(ctx context.Context, t store.Template, enabled bool, flag string) []Finding {
	name := t.Tracking.Name
	broken := func(why string) []Finding {
		state, says := Fault, name+": its events are retried, for up to 30 hours. "
		if !enabled {
			state, says = Warning, name+", which is disabled: "
		}
		return []Finding{{State: state, Says: says + words.OneLine(why),
			Do: "fix it with hub templates push " + name + flag + ", or go back: hub templates versions " + name + flag + ". The events are then delivered automatically"}}
	}
	compiled, err := store.CompileTemplate(t.Tracking, name, t.Source)
	if err != nil {
		return broken(err.Error())
	}
	faults, err := lint.Lint(ctx, t.Tracking, compiled, templates.SamplesOf(t.Tracking.Name))
	if ctx.Err() != nil { // the time of the doctor ended, which is no fault of the template
		return unknown(ctx.Err())
	}
	if err != nil {
		return unknown(err)
	}
	for _, f := range faults {
		if f.Rule == "template" {
			return broken("it fails on the sample " + f.Where() + ": " + f.Wrong)
		}
	}
	if faults = lint.Certain(faults); len(faults) == 0 {
		return nil
	}
	return []Finding{{State: Warning, Says: fmt.Sprintf("%s: %s about its messages, for example %s: %s %s",
		name, words.Count(len(faults), "finding"), faults[0].Rule, faults[0].Path, words.OneLine(faults[0].Wrong)),
		Do: "hub templates pull " + name + flag + ", then hub lint; or hub templates restore " + name + " default" + flag}}
}

func (p Patient) clock(ctx context.Context) []Finding {
	ahead, whose, err := p.clockAhead(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		return []Finding{{State: Note, Says: "this machine's clock was not compared, because the hub is not connected to Commerce"}}
	}
	if err != nil {
		return unknown(err)
	}
	return clockFindings(ahead, whose)
}

// clockAhead returns how far this machine's clock is ahead of that of AWS or Commerce.
func (p Patient) clockAhead(ctx context.Context) (ahead time.Duration, whose string, err error) {
	if p.Store.Deployment != nil {
		ahead, err = p.Store.Deployment.ClockAhead(ctx)
		return ahead, "AWS's", err
	}
	credentials, err := p.Store.Credentials(ctx)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, credentials.URL, nil)
	if err != nil {
		return 0, "", errors.New("the Commerce URL is not a URL")
	}
	response, err := (&http.Client{Transport: loggable.Transport(http.DefaultTransport)}).Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("asking Commerce for the time: %w", err)
	}
	response.Body.Close()
	now := time.Now()
	there, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, "", errors.New("the response of Commerce has no valid Date header")
	}
	return now.Sub(there), "Commerce's", nil
}

// clockMayDiffer is the difference between clocks that is ignored. The Date header has whole
// seconds, and the response takes some time.
const clockMayDiffer = 30 * time.Second

func clockFindings(ahead time.Duration, whose string) []Finding {
	if ahead.Abs() <= clockMayDiffer {
		return []Finding{{State: OK, Says: "this machine's clock and " + whose + " agree"}}
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	return []Finding{{State: Warning, Says: fmt.Sprintf("this machine's clock is %s %s %s: the times of hub rotate and --since are wrong by this much", age(ahead.Abs()), direction, whose),
		Do: "synchronize it, for example with timedatectl set-ntp true"}}
}

func (p Patient) version(ctx context.Context) []Finding {
	list, err := p.Store.Templates(ctx, p.Store.Trackings()...)
	if err != nil {
		return unknown(err)
	}
	deployed := ""
	if d := p.Store.Deployment; d != nil {
		deployed = cmp.Or(d.Outputs[outputs.Revision], "unknown")
	}
	return versionFindings(version.This(), deployed, list, p.Store.Flag())
}

// versionFindings describes this program, and reports whether another source is deployed and
// which templates are not this program's defaults.
func versionFindings(built version.Version, deployed string, list []store.Template, flag string) []Finding {
	found := []Finding{deployedFinding(built, deployed)}
	var differ []string
	for _, t := range list {
		if !t.IsDefault() {
			differ = append(differ, t.Tracking.Name)
		}
	}
	if len(differ) > 0 {
		found = append(found, Finding{State: Note, Says: "not this version's default template: " + strings.Join(differ, ", "),
			Do: "see the differences with hub templates diff" + flag})
	}
	return found
}

// deployedFinding compares this program with the revision that is deployed, if one is.
func deployedFinding(built version.Version, deployed string) Finding {
	f := Finding{State: OK, Says: "hub version " + built.String()}
	if deployed == "" {
		return f
	}
	switch built.Compare(deployed) {
	case version.Same:
		f.Says += ", and the same revision is deployed"
	case version.Different:
		f.State = Note
		f.Says += ", but another revision is deployed, " + deployed
		f.Do = "deploy this revision with make deploy, or build the hub from the deployed one"
	default:
		f.Says += ", and revision " + deployed + " is deployed: whether both have the same source is unknown"
	}
	return f
}

func (p Patient) events(ctx context.Context) []Finding {
	if p.Log == nil {
		return []Finding{{State: Note, Says: p.NoLog}}
	}
	enabled, err := p.Store.Enabled(ctx)
	if err != nil {
		return unknown(err)
	}
	now := time.Now()
	found, err := p.Log.Find(ctx, executions.Query{From: now.Add(-p.Since)}, executions.Page{Summary: true})
	if err != nil {
		return unknown(err)
	}
	return eventFindings(found.Summary.Kinds, p.judged(ctx), enabled, p.Since, now, p.Store)
}
