package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/deletion"
)

// origin is where the cause of a failed attempt is.
type origin int

const (
	ofSegment          origin = iota // Segment is down, slow or busy
	rejectedBySegment                // Segment rejects the write key, the address or every message
	ofCommerce                       // Commerce is down or slow
	rejectedByCommerce               // Commerce rejects the credentials
	ofTemplate                       // the template fails
	ofSettings                       // a setting is missing
	ofProgram                        // a bug, or an event of a later release
	ofDeletions                      // Segment's Public API is down, slow or busy
	withoutDeletion                  // no token, or Segment rejects the requests to delete users
	withoutAttempt                   // no attempt has ended yet
	ofSomethingElse                  // it ends without an operator
)

// causes are the reasons whose cause the beginning of their names does not tell.
var causes = map[string]origin{
	"": withoutAttempt, "template": ofTemplate, "internal": ofProgram, "envelope_version": ofProgram,
	"write_key_missing": ofSettings, "unverified": ofSettings, "settings": ofSettings, "endpoint_invalid": ofSettings,
	"segment_400": rejectedBySegment, "segment_401": rejectedBySegment, "segment_403": rejectedBySegment, "segment_404": rejectedBySegment, "segment_405": rejectedBySegment, "segment_413": rejectedBySegment,
	"commerce_400": rejectedByCommerce, "commerce_401": rejectedByCommerce, "commerce_403": rejectedByCommerce,
}

// causeOf returns where the cause of a reason is.
func causeOf(reason string) origin {
	cause, known := causes[reason]
	switch {
	case known:
		return cause
	case deletion.NeedsOperator(reason):
		return withoutDeletion
	case deletion.IsReason(reason):
		return ofDeletions
	case strings.HasPrefix(reason, "segment_3"):
		return rejectedBySegment
	case strings.HasPrefix(reason, "segment_"):
		return ofSegment
	case strings.HasPrefix(reason, "commerce_"):
		return ofCommerce
	default:
		return ofSomethingElse
	}
}

// waiting is the undelivered events with the same cause.
type waiting struct {
	executions.Wait
	newest time.Time // the last failed attempt
}

// attempted returns the undelivered events of the trackings that are not paused.
func (f Facts) attempted() (waits []executions.Wait) {
	for _, w := range f.Log.Waits {
		if !slices.ContainsFunc(f.Paused, func(p store.Pause) bool { return p.Tracking.Name == w.Tracking }) {
			waits = append(waits, w)
		}
	}
	return waits
}

// waitingFor adds up the undelivered events with these causes. Its reason is that of the first.
func waitingFor(f Facts, causes ...origin) (all waiting, found bool) {
	for _, w := range f.attempted() {
		for _, cause := range causes {
			if causeOf(w.Reason) == cause {
				all.add(w)
				found = true
			}
		}
	}
	return all, found
}

func (w *waiting) add(other executions.Wait) {
	if w.Count == 0 {
		w.Wait, w.newest = other, other.Last
		return
	}
	w.Count += other.Count
	w.Oldest, w.Since, w.Next = earlier(w.Oldest, other.Oldest), earlier(w.Since, other.Since), earlier(w.Next, other.Next)
	if other.Last.After(w.newest) {
		w.newest = other.Last
	}
}

// earlier returns the earlier of two times, of which one may be zero.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// segmentFails reports that Segment accepts nothing since a time, or that single events are late.
func segmentFails(f Facts) []Problem {
	return destinationFails(f, "segment", "Segment", ofSegment, f.Log.LastDelivered)
}

// deletionsFail reports that Segment's Public API accepts no request to delete users since a time, or
// that single requests are late. It may fail while Segment accepts messages.
func deletionsFail(f Facts) []Problem {
	return destinationFails(f, "deletions", "Segment's Public API, which deletes users,", ofDeletions, f.Log.LastDeletion)
}

// commerceFails reports that templates which ask Commerce do not get an answer.
func commerceFails(f Facts) []Problem {
	return destinationFails(f, "commerce", "Commerce, which a template asks,", ofCommerce, f.Log.LastDelivered)
}

// destinationFails reports a destination that fails, and when it last worked. It ends without an operator.
func destinationFails(f Facts, key, name string, cause origin, worked time.Time) []Problem {
	w, found := waitingFor(f, cause)
	if !found {
		return nil
	}
	since, failing := w.Since, !worked.After(w.newest)
	since = later(since, worked)
	p := Problem{Key: key, State: Degraded, Since: since, Run: listing(f, ""), Path: "/executions?outcome=retrying", Page: "Retrying events",
		Do: "Nothing is lost: events are retried automatically for 30 hours. Look at the status page of the service, at the network of the hub, and at the address in the settings."}
	if f.Machine.Address != "" { // a deployed store has no hub
		p.Do += " When it works again, hub retry" + f.HubFlag + " attempts them at once."
	}
	if fix := f.fix(w.Reason); fix != "" {
		p.Do = fix
	}
	switch {
	case failing:
		p.Says = fmt.Sprintf("%s has been failing since %s (%s). %s.", name, clock(f, since), executions.AnswerOf(w.Reason), retriedOf(f, w.Wait))
	case f.Now.Sub(w.Oldest) > late:
		p.Since = w.Oldest
		p.Says = fmt.Sprintf("%s fails for some events (%s). %s. The oldest was received at %s. Others are delivered.", name, executions.AnswerOf(w.Reason), retriedOf(f, w.Wait), clock(f, w.Oldest))
	default:
		p.State = Working
		p.Says = fmt.Sprintf("%s failed for some events (%s), and accepts others again. %s.", name, executions.AnswerOf(w.Reason), retriedOf(f, w.Wait))
	}
	return []Problem{p}
}

// fix returns what to do about a reason for which events are retried; empty if nothing is known.
func (f Facts) fix(reason string) string {
	return executions.Store{Flag: f.Flag, Deployed: f.Deployed}.Fix(reason)
}

// retriedOf says how many events are retried, and when the next attempt is.
func retriedOf(f Facts, w executions.Wait) string {
	text := words.Count(w.Count, "event") + " are retried"
	if w.Count == 1 {
		text = "1 event is retried"
	}
	if w.Next.After(f.Now) {
		text += ", the next attempt is at " + exactClock(f, w.Next)
	}
	return text
}

// blocked reports events that are retried until an operator fixes the cause.
func blocked(f Facts) (found []Problem) {
	const then = " The events are then delivered automatically."
	if w, ok := waitingFor(f, rejectedBySegment); ok {
		found = append(found, Problem{Key: "segment-rejects", State: Broken, Since: w.Since, Path: "/connections", Page: "Connections", Run: "hub configure" + f.Flag,
			Says: fmt.Sprintf("Segment rejects what is sent since %s (%s). %s.", clock(f, w.Since), executions.AnswerOf(w.Reason), retriedOf(f, w.Wait)),
			Do:   "Check the write key, the host and the path of Segment." + then})
	}
	if w, ok := waitingFor(f, rejectedByCommerce); ok {
		found = append(found, Problem{Key: "commerce-rejects", State: Broken, Since: w.Since, Path: "/connections", Page: "Connections", Run: "hub configure" + f.Flag,
			Says: fmt.Sprintf("Commerce rejects the credentials since %s (%s). %s.", clock(f, w.Since), executions.AnswerOf(w.Reason), retriedOf(f, w.Wait)),
			Do:   "Set the client id and secret of an application key that may read what the templates ask for." + then})
	}
	if w, ok := waitingFor(f, ofSettings); ok && f.Settings == "" {
		found = append(found, Problem{Key: "settings-waited-for", State: Broken, Since: w.Since, Path: "/connections", Page: "Connections", Run: "hub configure" + f.Flag,
			Says: fmt.Sprintf("A setting is missing or not valid (%s). %s.", w.Reason, retriedOf(f, w.Wait)), Do: "Set it." + then})
	}
	if w, ok := waitingFor(f, withoutDeletion); ok {
		p := Problem{Key: "deletions-rejected", State: Broken, Since: w.Since, Path: "/connections", Page: "Connections", Run: "hub configure" + f.Flag,
			Says: fmt.Sprintf("No user is deleted in Segment since %s (%s). %s.", clock(f, w.Since), cmp.Or(executions.AnswerOf(w.Reason), w.Reason), retriedOf(f, w.Wait)),
			Do:   f.fix(w.Reason)}
		if deletion.IsRejection(w.Reason) {
			p.Path, p.Page, p.Run = "/deletions", "Deletions", "hub deletions"+f.Flag
			if f.Log.LastDeletion.After(w.Since) {
				p.State = Degraded
				p.Says = fmt.Sprintf("Segment rejects the deletion of some users since %s (%s), and accepts others. %s.", clock(f, w.Since), executions.AnswerOf(w.Reason), retriedOf(f, w.Wait))
			}
		}
		found = append(found, p)
	}
	for _, w := range f.attempted() {
		switch causeOf(w.Reason) {
		case ofTemplate:
			if !hasBroken(f, w.Tracking) {
				found = append(found, brokenTemplate(f, w.Tracking, w.Since, fmt.Sprintf("The template of %s fails since %s: %s. %s.", w.Tracking, clock(f, w.Since), sentence(w.Detail), retriedOf(f, w))))
			}
		case ofProgram:
			found = append(found, Problem{Key: w.Reason + "/" + w.Tracking, State: Broken, Since: w.Since, Run: listing(f, " --tracking "+w.Tracking),
				Path: "/executions?outcome=retrying&tracking=" + w.Tracking, Page: "Retrying events",
				Says: fmt.Sprintf("Events of %s fail because of an error in the program since %s (%s). %s.", w.Tracking, clock(f, w.Since), w.Reason, retriedOf(f, w)),
				Do:   "Install the newest release. The log has the details."})
		}
	}
	return found
}

// hasBroken reports whether the template of a tracking does not compile.
func hasBroken(f Facts, name string) bool {
	for _, t := range f.Templates {
		if t.Tracking == name {
			return true
		}
	}
	return false
}

// notAttempted reports events that are late for a reason that is neither Segment's nor
// Commerce's.
func notAttempted(f Facts) []Problem {
	w, found := waitingFor(f, withoutAttempt, ofSomethingElse)
	if !found || f.Now.Sub(w.Oldest) <= late {
		return nil
	}
	return []Problem{{Key: "late", State: Degraded, Since: w.Oldest, Run: listing(f, ""), Path: "/executions?outcome=accepted", Page: "Queued events",
		Says: fmt.Sprintf("%s not delivered yet, the oldest since %s.", are(w.Count, "event"), clock(f, w.Oldest)),
		Do:   "The hub is too slow, or it no longer delivers. Its log has the details. If the log has none, restart the hub: no event is lost."}}
}

// are returns a number with its noun and the verb.
func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return words.Count(n, noun) + " are"
}
