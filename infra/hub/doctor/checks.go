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

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
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

// store says where the store is. A deployed one was found already, or it could not be
// examined.
func (p Patient) store(context.Context) []Finding {
	if d := p.Store.Deployment; d != nil {
		return []Finding{{State: OK, Says: fmt.Sprintf("the AWS credentials count, and the stack %s is in %s", outputs.StackName(p.Store.Prefix), d.Config.Region)}}
	}
	if _, err := os.Stat(p.Store.Dir); err != nil {
		return []Finding{{State: Fault, Says: "there is no directory " + p.Store.Dir, Do: "make run makes it, or say which with --dir or --prefix"}}
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

// settingsFindings says which parameters are wrong, and which nothing reads.
func settingsFindings(list []store.Setting, wrong error, flag string) []Finding {
	var found []Finding
	if wrong != nil {
		found = append(found, Finding{State: Fault, Says: "events wait: " + oneLine(wrong.Error()), Do: "hub configure" + flag})
	}
	for _, one := range list {
		if one.Unknown {
			found = append(found, Finding{State: Warning, Says: "nothing reads the parameter " + one.Name + ", which is set",
				Do: "see the right names with hub settings" + flag + ", and delete it"})
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{State: OK, Says: "every parameter can be read, and is known"})
	}
	return found
}

func (p Patient) segment(ctx context.Context) []Finding {
	values, err := p.Store.Parameters(ctx, []string{settings.SegmentHost, settings.SegmentWriteKey})
	if err != nil {
		return unknown(err)
	}
	host := strings.TrimSpace(values[settings.SegmentHost])
	if host == "" {
		host = p.Store.Defaults()[settings.SegmentHost]
	}
	return segmentFindings(host, strings.TrimSpace(values[settings.SegmentWriteKey]), p.Store.Flag())
}

// segmentRegions are the regions of a workspace, by their hosts.
var segmentRegions = map[string]string{
	settings.DefaultHost:                 "the United States",
	"https://events.eu1.segmentapis.com": "the European Union",
}

// segmentFindings says what can be said of Segment. Whether the write key is right
// cannot: Segment answers 200 to any.
func segmentFindings(host, key, flag string) []Finding {
	const cannotTell = "whether the write key is one of its sources nobody here can tell, because Segment answers 200 to any"
	ofInbox := strings.HasPrefix(key, store.InboxKeyPrefix)
	region, known := segmentRegions[strings.TrimRight(host, "/")]
	switch {
	case key == "":
		return []Finding{{State: Fault, Says: "there is no write key: every event waits, up to 30 hours", Do: "hub configure" + flag}}
	case host == "":
		return []Finding{{State: Note, Says: "no host is set: what is told stays in the inbox of the hub on this machine",
			Do: "to send to Segment, hub configure" + flag}}
	case ofInbox:
		return []Finding{{State: Fault, Says: "the write key is the one made for the inbox of a hub, and goes to " + host + ", which drops everything",
			Do: "put a source's write key there: hub configure" + flag}}
	case !known:
		return []Finding{{State: Warning, Says: "messages go to " + host + ", which is no host of Segment's that is known here; " + cannotTell,
			Do: "unless it is a proxy of your own, correct it: hub configure" + flag}}
	default:
		return []Finding{{State: Note, Says: "a write key is set, for a workspace in " + region + "; " + cannotTell,
			Do: "look for an event in the source's debugger in Segment"}}
	}
}

// commerce lists the integrations, for which it must get a token.
func (p Patient) commerce(ctx context.Context) []Finding {
	client, err := p.Store.Commerce(ctx)
	if err == nil {
		for _, failed := range client.Integrations(ctx) {
			err = failed
			break // the first answer tells
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

// refundFindings finds that a store that is not connected to Commerce does not send
// partial refunds although their event is observed.
func refundFindings(values map[string]string, flag string) []Finding {
	t := tracking.OrderRefunded
	observes := strings.Contains(cmp.Or(values[settings.Events(t)], strings.Join(t.Observes, ",")), "order.updated")
	if !observes || strings.TrimSpace(values[settings.Enabled(t)]) == "false" {
		return nil
	}
	return []Finding{{State: Warning, Says: t.Name + " observes order.updated, and cannot ask Commerce which update is a refund: a refund of a part of an order is not sent",
		Do: "connect Commerce with hub configure" + flag + ", or set tracking/" + t.Name + "/events to order.refunded"}}
}

// commerceFindings says whether Commerce lets the hub in.
func commerceFindings(err error, flag string) []Finding {
	switch {
	case err == nil:
		return []Finding{{State: OK, Says: "Commerce gave a token, and listed the integrations"}}
	case errors.Is(err, store.ErrNotConnected):
		return []Finding{{State: Warning, Says: "the hub is not connected to Commerce, and cannot compare the webhooks there", Do: "hub configure" + flag}}
	default:
		return []Finding{{State: Fault, Says: oneLine(err.Error()), Do: "hub configure" + flag + " takes another client id, secret and URL"}}
	}
}

func (p Patient) webhooks(ctx context.Context) []Finding {
	client, err := p.Store.Commerce(ctx)
	if err != nil {
		return webhookFindings(store.Plan{}, err, p.Store.Flag())
	}
	plan, err := p.Store.PlanWebhooks(ctx, client, p.Base)
	return webhookFindings(plan, err, p.Store.Flag())
}

// webhookFindings says how the webhooks in Commerce differ from what the settings say.
func webhookFindings(plan store.Plan, err error, flag string) []Finding {
	switch {
	case errors.Is(err, store.ErrNoURL):
		return []Finding{{State: Note, Says: "Commerce has no webhook of the hub on this machine", Do: "start a tunnel, then hub webhooks sync" + flag + " --url with its https address"}}
	case errors.Is(err, store.ErrNotConnected):
		return []Finding{{State: Note, Says: "not compared, because the hub is not connected to Commerce", Do: "hub webhooks urls" + flag + " shows what to register by hand"}}
	case err != nil:
		return []Finding{{State: Warning, Says: "the webhooks in Commerce were not compared: " + oneLine(err.Error())}}
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
			found = append(found, Finding{State: Fault, Says: step.Name + ": Commerce has no such webhook, and posts nothing", Do: sync})
		case step.Action == store.Update:
			found = append(found, Finding{State: Fault, Says: step.Name + " differs: " + why, Do: sync})
		default:
			found = append(found, Finding{State: Warning, Says: step.Name + " is enabled in Commerce: " + why, Do: sync})
		}
	}
	if unseen > 0 {
		found = append(found, Finding{State: Note, Says: fmt.Sprintf("of %s Commerce does not show the secret key: that it is the right one shows only in that webhooks are accepted",
			words.Count(unseen, "webhook")), Do: "if any is refused as forged, " + sync})
	}
	if len(found) == 0 {
		found = append(found, Finding{State: OK, Says: "the webhooks in Commerce are as the settings say"})
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

// secretFindings says whether there is a webhook secret, and a rotation under way.
func secretFindings(secrets int, since time.Duration, flag string) []Finding {
	switch secrets {
	case 0:
		return []Finding{{State: Fault, Says: "there is no webhook secret: nobody can tell Commerce from a stranger, and every event waits", Do: "hub configure" + flag}}
	case 1:
		return []Finding{{State: OK, Says: "one webhook secret counts"}}
	case 2:
		return []Finding{{State: Warning, Says: "a rotation of the webhook secret began " + age(since) + " ago and is not finished: the old one still counts",
			Do: "hub webhooks sync" + flag + ", then hub rotate --finish" + flag}}
	default:
		return []Finding{{State: Fault, Says: fmt.Sprintf("the parameter %s holds %d secrets, and at most two count: every event waits", settings.WebhookSecret, secrets),
			Do: "keep the newest, and below it the one that Commerce still sends"}}
	}
}

func (p Patient) templates(ctx context.Context) []Finding {
	list, err := p.Store.Templates(ctx, tracking.All()...)
	if err != nil {
		return unknown(err)
	}
	enabled, err := p.Store.Enabled(ctx)
	if err != nil {
		return unknown(err)
	}
	var found []Finding
	for _, t := range list {
		found = append(found, templateFindings(ctx, t, enabled[t.Tracking.Name], p.Store.Flag())...)
	}
	if len(found) == 0 {
		found = append(found, Finding{State: OK, Says: "every template compiles, and writes for the bundled samples what Segment takes"})
	}
	return found
}

// templateFindings compiles a template, and tries it on the bundled samples of its
// tracking. One of a tracking that is disabled holds nothing up.
func templateFindings(ctx context.Context, t store.Template, enabled bool, flag string) []Finding {
	name := t.Tracking.Name
	broken := func(why string) []Finding {
		state, says := Fault, name+": its events wait, up to 30 hours. "
		if !enabled {
			state, says = Warning, name+", which is disabled: "
		}
		return []Finding{{State: state, Says: says + oneLine(why),
			Do: "mend it with hub templates push " + name + flag + ", or go back: hub templates versions " + name + flag + ". What waits flows by itself"}}
	}
	compiled, err := store.CompileTemplate(t.Tracking, name, t.Source)
	if err != nil {
		return broken(err.Error())
	}
	faults, err := lint.Lint(ctx, t.Tracking, compiled, samplesOf(t.Tracking))
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
	return []Finding{{State: Warning, Says: fmt.Sprintf("%s: %s in what it writes, such as %s in %s %s",
		name, words.Count(len(faults), "finding"), faults[0].Rule, faults[0].Path, oneLine(faults[0].Wrong)),
		Do: "hub templates pull " + name + flag + ", then hub lint; or hub templates restore " + name + " default" + flag}}
}

func samplesOf(t tracking.Tracking) []templates.Sample {
	var own []templates.Sample
	for _, sample := range templates.Samples() {
		if sample.Tracking == t.Name {
			own = append(own, sample)
		}
	}
	return own
}

func (p Patient) queues(ctx context.Context) []Finding {
	if p.Store.Deployment == nil {
		return []Finding{{State: OK, Says: "on this machine they are in the memory of a running hub: its page Dead letters has them"}}
	}
	queues, err := p.Store.Deployment.DeadLetters(tracking.All())
	if err != nil {
		return unknown(err)
	}
	backlogs, err := queues.Backlogs(ctx)
	if err != nil {
		return unknown(err)
	}
	return queueFindings(backlogs, p.Store.Flag())
}

// queueFindings says what lies on the queues. To ask why each dead letter is one would
// hide them from whoever redrives them meanwhile.
func queueFindings(backlogs []deadletters.Backlog, flag string) []Finding {
	var found []Finding
	for i, t := range tracking.All() {
		if n := backlogs[i].Waiting; n > 0 {
			found = append(found, Finding{State: Note, Says: t.Name + ": about " + words.Count(n, "event") + " on its queue, being delivered or waiting",
				Do: listing(t.Name, flag)})
		}
		if n := backlogs[i].Dead; n > 0 {
			found = append(found, Finding{State: Fault, Says: t.Name + ": about " + words.Count(n, "dead letter") + ", kept for 14 days",
				Do: redriving(" --tracking "+t.Name, flag)})
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{State: OK, Says: "the queues are empty, and there are no dead letters"})
	}
	return found
}

func (p Patient) clock(ctx context.Context) []Finding {
	ahead, whose, err := p.clockAhead(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		return []Finding{{State: Note, Says: "there is no other clock to compare this machine's with"}}
	}
	if err != nil {
		return unknown(err)
	}
	return clockFindings(ahead, whose)
}

// clockAhead is how far this machine's clock is ahead of AWS's, or of Commerce's.
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
		return 0, "", errors.New("the Commerce URL is none")
	}
	response, err := (&http.Client{Transport: loggable.Transport(http.DefaultTransport)}).Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("asking Commerce for the time: %w", err)
	}
	response.Body.Close()
	now := time.Now()
	there, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, "", errors.New("the answer of Commerce does not say what time it is")
	}
	return now.Sub(there), "Commerce's", nil
}

// clockMayDiffer is how far a clock may be off before it matters. The header has whole
// seconds, and the answer takes some time.
const clockMayDiffer = 30 * time.Second

func clockFindings(ahead time.Duration, whose string) []Finding {
	if ahead.Abs() <= clockMayDiffer {
		return []Finding{{State: OK, Says: "this machine's clock and " + whose + " agree"}}
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	return []Finding{{State: Warning, Says: fmt.Sprintf("this machine's clock is %s %s %s: hub rotate and every --since are wrong by that", age(ahead.Abs()), direction, whose),
		Do: "set it by NTP, for example timedatectl set-ntp true"}}
}

func (p Patient) version(ctx context.Context) []Finding {
	list, err := p.Store.Templates(ctx, tracking.All()...)
	if err != nil {
		return unknown(err)
	}
	deployed := ""
	if d := p.Store.Deployment; d != nil {
		deployed = cmp.Or(d.Outputs[outputs.Revision], "unknown")
	}
	return versionFindings(version.This(), deployed, list, p.Store.Flag())
}

// versionFindings describes this program, and finds that a store was deployed from another
// source, and which templates are not the defaults of this program.
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
			Do: "if nobody has edited them, see what differs with hub templates diff" + flag})
	}
	return found
}

// deployedFinding compares this program with the revision that is deployed, if one is.
func deployedFinding(built version.Version, deployed string) Finding {
	f := Finding{State: OK, Says: "this hub is " + built.String()}
	if deployed == "" {
		return f
	}
	switch built.Compare(deployed) {
	case version.Same:
		f.Says += ", and the same revision is deployed"
	case version.Different:
		f.State = Note
		f.Says += ", and what is deployed is of another revision, " + deployed
		f.Do = "deploy this one with make deploy, or build the hub from the revision that is deployed"
	default:
		f.Says += ", and what is deployed is of the revision " + deployed + ": whether they are the same source cannot be compared"
	}
	return f
}

// oneLine makes one line of an error that has several.
func oneLine(text string) string { return strings.Join(store.Lines(text), "; ") }

func (p Patient) events(ctx context.Context) []Finding {
	if p.Log == nil {
		return []Finding{{State: Note, Says: p.NoLog}}
	}
	enabled, err := p.Store.Enabled(ctx)
	if err != nil {
		return unknown(err)
	}
	now := time.Now()
	reading, err := p.Log.Read(ctx, executions.Query{Since: now.Add(-p.Since)})
	if err != nil {
		return unknown(err)
	}
	return eventFindings(executions.Of(reading.Lines, now), enabled, p.Since, now, p.Store)
}
