package doctor

import (
	"fmt"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// eventFindings reports the rejected webhooks and their reasons, and when the last webhook of each
// tracking was received. The check health reports undelivered events and dead letters.
func eventFindings(all []executions.KindCount, judged map[string]bool, enabled map[string]bool, since time.Duration, now time.Time, s store.Store) (found []Finding) {
	if reasons := executions.ByReason(all, executions.Rejected, reportedReasons(judged)...); reasons != "" {
		found = append(found, Finding{State: Warning, Says: fmt.Sprintf("%s in %s: %s", executions.Rejected, executions.Lookback(since), reasons),
			Do: "see which with hub executions --outcome rejected" + s.Flag() + "; if Commerce sent those that are forged, hub webhooks sync" + s.Flag()})
	}
	return append(found, lastFindings(all, enabled, since, now, s.Flag())...)
}

// reportedReasons returns the reasons of rejected webhooks that the check health reports.
func reportedReasons(judged map[string]bool) (reasons []string) {
	for key, reason := range map[string]string{health.OfSecret: "forged", health.OfAccepting: "unavailable"} {
		if judged[key] {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// lastFindings reports when the last webhook of each enabled tracking was received. It
// ignores rejected webhooks, which anyone can send.
func lastFindings(all []executions.KindCount, enabled map[string]bool, since time.Duration, now time.Time, flag string) []Finding {
	var came, silent []string
	for _, t := range tracking.All() {
		if !enabled[t.Name] {
			continue
		}
		last := lastOf(all, t)
		if last.IsZero() {
			silent = append(silent, t.Name)
			continue
		}
		came = append(came, fmt.Sprintf("%s %s ago", t.Name, age(now.Sub(last))))
	}
	var found []Finding
	if len(came) > 0 {
		found = append(found, Finding{State: OK, Says: "last webhooks: " + strings.Join(came, ", ")})
	}
	if len(silent) > 0 {
		found = append(found, Finding{State: Note, Says: "enabled, but without a webhook in " + executions.Lookback(since) + ": " + strings.Join(silent, ", "),
			Do: "if this store should have had some, hub webhooks list" + flag + " shows the webhooks in Commerce"})
	}
	return found
}

// lastOf returns when the last webhook of a tracking was received that was not rejected; zero
// if there is none.
func lastOf(all []executions.KindCount, t tracking.Tracking) (last time.Time) {
	for _, kind := range all {
		if kind.Tracking == t.Name && kind.Outcome != executions.Rejected && kind.Last.After(last) {
			last = kind.Last
		}
	}
	return last
}
