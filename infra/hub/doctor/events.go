package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
)

// late is the age from which on an undelivered event is a warning. The alarms use the same.
const late = 15 * time.Minute

// forOperators are the reasons that last until an operator fixes something, in addition to
// redirects by Segment.
var forOperators = []string{"template", "write_key_missing", "unverified", "settings", "internal",
	"segment_400", "segment_401", "segment_403", "segment_404", "segment_405", "segment_413"}

// eventFindings reports the outcomes of recent webhooks: undelivered events and their age,
// failed and rejected webhooks and their reasons, and when the last webhook of each tracking
// was received.
func eventFindings(all []executions.KindCount, waits []executions.Wait, enabled map[string]bool, since time.Duration, now time.Time, s store.Store) []Finding {
	flag := s.Named().Flag
	found := waitingFindings(waits, now, flag)
	for _, outcome := range []struct {
		is    executions.Outcome
		state State
		do    string
	}{
		{executions.Failed, Warning, redriving("", flag)},
		{executions.Rejected, Warning, "see which with hub executions --outcome rejected" + flag + "; if Commerce sent those that are forged, hub webhooks sync" + s.Flag()},
	} {
		if reasons := byReason(all, outcome.is); reasons != "" {
			found = append(found, Finding{State: outcome.state, Says: fmt.Sprintf("%s in %s: %s", outcome.is, executions.Lookback(since), reasons), Do: outcome.do})
		}
	}
	return append(found, lastFindings(all, enabled, since, now, s.Flag())...)
}

// redriving returns what to do about dead letters.
func redriving(selected, flag string) string {
	return "hub deadletters list" + selected + flag + " or the console's page Dead letters shows the reasons; fix them, then hub deadletters redrive" + selected + flag
}

// waitingFindings reports undelivered events, by tracking and reason. It leaves out events
// that were accepted recently and not attempted yet.
func waitingFindings(waits []executions.Wait, now time.Time, flag string) []Finding {
	var found []Finding
	for _, w := range waits {
		old := now.Sub(w.Oldest)
		f := Finding{
			Says: fmt.Sprintf("%s: %s, the oldest received %s ago", w.Tracking, words.Count(w.Count, "event")+" to be delivered", age(old)),
			Do:   listing(w.Tracking, flag),
		}
		if w.Reason != "" {
			f.Says += ", because of " + w.Reason
		}
		switch {
		case slices.Contains(forOperators, w.Reason), strings.HasPrefix(w.Reason, "segment_3"):
			f.State = Fault
			f.Do += " has the details; fix the cause, and they are delivered automatically"
		case old > late:
			f.State = Warning
		case w.Reason == "":
			continue
		default:
			f.State = Note
		}
		found = append(found, f)
	}
	return found
}

// listing returns the command that lists the undelivered events of a tracking.
func listing(tracking, flag string) string {
	return fmt.Sprintf("hub executions --outcome %s,%s --tracking %s%s", executions.Accepted, executions.Retrying, tracking, flag)
}

// byReason counts the webhooks with an outcome by reason. It is empty if there are none.
func byReason(all []executions.KindCount, outcome executions.Outcome) string {
	counts := map[string]int{}
	for _, kind := range all {
		if kind.Outcome == outcome {
			counts[kind.Reason] += kind.N
		}
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(parts, ", ")
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
