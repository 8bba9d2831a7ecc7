package doctor

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/deletions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// deletions follows the requests to delete users, if a tracking that makes them is enabled.
func (p Patient) deletions(ctx context.Context) []Finding {
	values, err := p.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return unknown(err)
	}
	enabled, err := p.Store.Enabled(ctx)
	if err != nil {
		return unknown(err)
	}
	all := slices.DeleteFunc(deletions.Trackings(), func(t tracking.Tracking) bool { return !enabled[t.Name] })
	if len(all) == 0 {
		return nil
	}
	found := comesBack(values)
	segment, err := p.Store.PublicAPIOf(values)
	switch {
	case p.Store.SendsToInbox(values):
		return append(found, Finding{State: Fault, Says: all[0].Name + " is enabled, and messages go to the inbox of the hub, so no customer is deleted from Segment", Do: "to delete them, set a Segment host and a token that may delete users: hub configure" + p.Store.Flag()})
	case errors.Is(err, store.ErrNoAPIToken):
		return append(found, Finding{State: Fault, Says: all[0].Name + " is enabled, and there is no token of Segment's Public API, so no customer is deleted from Segment", Do: "hub configure" + p.Store.Flag()})
	case err != nil:
		return append(found, unknown(err)...)
	case p.Log == nil:
		return append(found, Finding{State: Note, Says: "the requests to delete users were not checked: " + p.NoLog})
	}
	now := time.Now()
	report, err := deletions.Read(ctx, p.Log, now.Add(-deletions.DefaultPeriod))
	if err == nil {
		err = report.Ask(ctx, segment)
	}
	switch {
	case err != nil:
		return append(found, unknown(err)...)
	case report.NeedsAttention(now):
		do := append([]string{"hub deletions" + p.Store.Flag() + " shows the requests."}, report.Fixes(p.Store.Named(), now)...)
		return append(found, Finding{State: Warning, Says: report.Says(now), Do: strings.TrimSuffix(strings.Join(do, " "), ".")})
	default:
		return append(found, Finding{State: OK, Says: report.Says(now)})
	}
}

// deleteOnly matches the type of request in a template after which Segment accepts messages about the
// user again. The comment of the default template names it without quotes.
var deleteOnly = regexp.MustCompile(`["']DELETE_ONLY["']`)

// comesBack warns if Customer Updated sends the trait "deleted" of a deleted customer: with requests
// of the type DELETE_ONLY that creates the profile again. With others Segment drops it.
func comesBack(values map[string]string) []Finding {
	deleted, err := settings.Parse(tracking.CustomerDeleted, values)
	if err != nil || !deleteOnly.MatchString(deleted.Template) {
		return nil
	}
	const event = "customer.deleted"
	config, err := settings.Parse(tracking.CustomerUpdated, values)
	if err != nil || !config.Enabled || !slices.Contains(config.Events, event) {
		return nil
	}
	return []Finding{{State: Warning,
		Says: tracking.CustomerUpdated.Name + " observes " + event + " too, and its message creates the profile of a deleted customer again, because the template of " + tracking.CustomerDeleted.Name + " has DELETE_ONLY",
		Do:   "let " + tracking.CustomerUpdated.Name + " observe " + tracking.CustomerUpdated.Observes[0] + " only, on the console's page Configurations"}}
}
