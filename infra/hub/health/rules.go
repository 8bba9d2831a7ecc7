package health

import (
	"fmt"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// rules are all rules. Each returns the problems that it finds.
var rules = []func(Facts) []Problem{
	settingsWrong, inboxKey, templatesBroken, acceptingFails, diskNearlyFull, memoryNearlyFull, secretDiffers, silent,
	notReceived, segmentFails, deletionsFail, commerceFails, blocked, notAttempted, templatesDropEverything, deadLetters,
	trackingsPaused, alarmsFiring, alarmsReachNoOne, trackingsDisabled, filesUnused, unread,
}

const (
	// late is the age from which on an undelivered event is late. The alarm on AWS uses the
	// same.
	late = 15 * time.Minute
	// forgedPeriods is the number of five-minute periods with a wrong secret that is a
	// problem. A few may come from any client. The alarm on AWS uses the same. So is
	// forgedInARow, the number of rejections that the log has after the last accepted webhook.
	forgedPeriods = 3
	forgedInARow  = 3
	// silentDays and silentAtLeast are the days and the webhooks on each of them that a
	// silence is compared with. A shorter one than shortestSilence is not.
	silentDays      = 7
	silentAtLeast   = 5
	shortestSilence = 30 * time.Minute
	// invalidAtLeast is the number of events in a row of which a template made messages that
	// Segment would drop, and filteredAtLeast of which it made none.
	invalidAtLeast  = 3
	filteredAtLeast = 20
)

// The keys of problems.
const (
	OfSettings  = "settings"  // some are missing or not valid
	OfInboxKey  = "inbox-key" // the write key for Segment is that of an inbox
	OfSecret    = "secret"    // many webhooks have a wrong secret
	OfAccepting = "accepting" // webhooks are answered 503
)

// OfTemplate returns the key of the problem that the template of a tracking fails.
func OfTemplate(tracking string) string { return "template/" + tracking }

func settingsWrong(f Facts) []Problem {
	if f.Settings == "" {
		return nil
	}
	return []Problem{{Key: OfSettings, State: Broken, Says: "The settings are not complete or not valid, so events are not delivered: " + f.Settings + ".",
		Do: "Correct them. The events are then delivered automatically.", Run: "hub configure" + f.Flag, Path: "/connections", Page: "Connections"}}
}

// inboxKey reports that the write key for Segment is that of an inbox.
func inboxKey(f Facts) []Problem {
	if !f.InboxKey {
		return nil
	}
	return []Problem{{Key: OfInboxKey, State: Broken, Says: "The write key was made for the inbox of a hub, and Segment would drop everything, so events for Segment are retried.",
		Do: "Set the write key of a Segment source. The events are then delivered automatically.", Run: "hub configure" + f.Flag, Path: "/connections", Page: "Connections"}}
}

func templatesBroken(f Facts) (found []Problem) {
	for _, t := range f.Templates {
		says, since := fmt.Sprintf("The template of %s does not compile, so its events are not delivered: %s.", t.Tracking, sentence(t.Why)), time.Time{}
		for _, w := range f.attempted() {
			if w.Tracking == t.Tracking && causeOf(w.Reason) == ofTemplate {
				says, since = says+" "+retriedOf(f, w)+".", w.Since
			}
		}
		found = append(found, brokenTemplate(f, t.Tracking, since, says))
	}
	return found
}

// brokenTemplate returns the problem of a template that fails.
func brokenTemplate(f Facts, name string, since time.Time, says string) Problem {
	return Problem{Key: OfTemplate(name), State: Broken, Since: since, Says: says,
		Do:  "Fix the template, or restore an older version or the default (hub templates restore " + name + " default" + f.Flag + "). The events are then delivered automatically, for up to 30 hours.",
		Run: "hub templates versions " + name + f.Flag, Path: "/templates/" + name, Page: "The template"}
}

// acceptingFails reports that webhooks are answered 503.
func acceptingFails(f Facts) []Problem {
	p := Problem{Key: OfAccepting, State: Broken}
	switch {
	case f.Machine.WriteError != "":
		p.Says = "Events cannot be written to the disk, so webhooks are answered 503: " + sentence(f.Machine.WriteError) + "."
		p.Do, p.Run = "Check the free space and the permissions. Commerce posts the webhooks again for some time.", "df -h"
	case f.Log.Unavailable.Count > 0 && f.Log.Unavailable.Last.After(f.Log.LastAccepted):
		u := f.Log.Unavailable
		p.Since = u.First
		p.Says = fmt.Sprintf("%s answered 503 since %s, and none was accepted after them: %s.", were(u.Count, "webhook"), clock(f, u.First), sentence(u.Detail))
		p.Do, p.Run = "The log has the details. Commerce posts the webhooks again for some time.", "hub executions --outcome rejected"+f.HubFlag
		p.Path, p.Page = "/executions?outcome=rejected", "Rejected webhooks"
	default:
		return nil
	}
	return []Problem{p}
}

// diskNearlyFull reports a disk with little space. 64 MiB hold one file of the queues.
func diskNearlyFull(f Facts) []Problem {
	const low, veryLow = 1 << 30, 128 << 20
	m := f.Machine
	if !m.FreeKnown || m.FreeBytes >= low {
		return nil
	}
	p := Problem{Key: "disk", State: Degraded, Says: fmt.Sprintf("The disk with the queues has %d MiB left.", m.FreeBytes>>20),
		Do: "Free some space. When the disk is full, webhooks are answered 503.", Run: "df -h"}
	if m.FreeBytes < veryLow {
		p.State = Broken
	}
	return []Problem{p}
}

// memoryNearlyFull reports a hub that uses nine tenths of its memory.
func memoryNearlyFull(f Facts) []Problem {
	m := f.Machine
	if m.MemoryLimit == 0 || m.Memory < m.MemoryLimit/10*9 {
		return nil
	}
	return []Problem{{Key: "memory", State: Degraded, Says: fmt.Sprintf("The hub uses %d of its %d MiB of memory, and becomes slow.", m.Memory>>20, m.MemoryLimit>>20),
		Do: "If this lasts, start the hub with a larger GOMEMLIMIT, for example GOMEMLIMIT=2GiB."}}
}

// secretDiffers reports many webhooks with a wrong secret. If no webhook was accepted since the
// first of them, they are probably those of Commerce.
func secretDiffers(f Facts) []Problem {
	forged := f.Log.Forged
	if forged.Periods < forgedPeriods {
		return secretMayDiffer(f)
	}
	p := Problem{Key: OfSecret, State: Degraded, Since: forged.First,
		Says: fmt.Sprintf("Webhooks with a wrong secret were rejected since %s, the last at %s. Others were accepted.", clock(f, forged.First), clock(f, forged.Last)),
		Do:   "If Commerce sent them, register the webhooks again. They can also come from any other client: then nothing is to be done.",
		Run:  "hub webhooks sync" + f.Flag, Path: "/finish", Page: "Webhooks"}
	if !f.Log.LastAccepted.After(forged.First) {
		p.State = Broken
		p.Says = fmt.Sprintf("Every webhook since %s was rejected because its secret is wrong: Commerce sends another secret than the one in the settings.", clock(f, forged.First))
		p.Do = "Register the webhooks again, so that Commerce sends the secret of the settings. Then find the missing events with hub reconcile" + f.Flag + "."
	}
	return []Problem{p}
}

// secretMayDiffer reports the first webhooks with a wrong secret, until one is accepted after
// them.
func secretMayDiffer(f Facts) []Problem {
	forged := f.Log.Forged
	if forged.Periods == 0 || f.Log.LastAccepted.After(forged.Last) {
		return nil
	}
	p := Problem{Key: OfSecret, State: Working, Since: forged.First,
		Says: fmt.Sprintf("The last webhook was rejected because its secret is wrong, at %s.", clock(f, forged.Last)),
		Do:   "If Commerce sent it, its secret was changed there: register the webhooks again. It can also come from any other client: then nothing is to be done.",
		Run:  "hub webhooks sync" + f.Flag, Path: "/finish", Page: "Webhooks"}
	if forged.InARow >= forgedInARow {
		p.State, p.Says = Degraded, fmt.Sprintf("The last webhooks were rejected because their secret is wrong, the last at %s. None was accepted since.", clock(f, forged.Last))
	}
	return []Problem{p}
}

// silent reports that no webhook came for longer than usual: on each of the last 7 days there
// were some at the same times. A store with few webhooks never has so many.
func silent(f Facts) []Problem {
	if len(f.Log.SameHours) < silentDays {
		return nil
	}
	least, most := f.Log.SameHours[0], 0
	for _, n := range f.Log.SameHours {
		least, most = min(least, n), max(most, n)
	}
	if least < silentAtLeast {
		return nil
	}
	since, came := f.Log.silentSince(f.Now), fmt.Sprint(least)
	if least < most {
		came += fmt.Sprintf(" to %d", most)
	}
	return []Problem{{Key: "silent", State: Broken, Since: since,
		Says: fmt.Sprintf("No webhook came since %s. On each of the last %d days, %s came in the same hours.", clock(f, since), silentDays, came),
		Do:   "Check that the webhooks in Commerce are enabled and that Commerce reaches this address.",
		Run:  "hub webhooks list" + f.Flag, Path: "/finish", Page: "Webhooks"}}
}

// templatesDropEverything reports templates of which no event leads to a message.
func templatesDropEverything(f Facts) (found []Problem) {
	for _, o := range f.Log.Trackings {
		switch {
		case o.Invalid >= invalidAtLeast && o.Invalid >= o.Filtered:
			found = append(found, brokenTemplate(f, o.Tracking, o.FirstInvalid, fmt.Sprintf("Every event of %s since %s became a dead letter: its template makes messages that Segment would drop.", o.Tracking, clock(f, o.FirstInvalid))))
			found[len(found)-1].Do = "Fix the template or restore an older version. Then replay the dead letters."
		case o.Filtered >= filteredAtLeast:
			p := brokenTemplate(f, o.Tracking, o.FirstFiltered, fmt.Sprintf("The template of %s made no message of its last %d events, since %s.", o.Tracking, o.Filtered, clock(f, o.FirstFiltered)))
			p.State, p.Do = Degraded, "If that is not intended, fix the template, and send the events again with hub backfill. If it is, disable the tracking."
			found = append(found, p)
		}
	}
	return found
}

func deadLetters(f Facts) []Problem {
	if f.DeadLetters == 0 {
		return nil
	}
	p := Problem{Key: "dead-letters", State: Degraded, Since: f.Log.FirstFailed,
		Says: fmt.Sprintf("There are %s: events that could not be delivered.", words.Count(f.DeadLetters, "dead letter")),
		Do:   "Read the reason, fix it, and replay them.", Run: "hub deadletters list" + f.HubFlag, Path: "/deadletters", Page: "Dead letters"}
	if f.DeadLetters == 1 {
		p.Says = "There is 1 dead letter: an event that could not be delivered."
	}
	if f.Log.Failed > 0 {
		p.Says += fmt.Sprintf(" Of the events that were received in the last 24 hours, %d became one (%s), the first received at %s.", f.Log.Failed, f.Log.FailedFor, clock(f, f.Log.FirstFailed))
	}
	return []Problem{p}
}

// trackingsPaused reports the trackings whose events are kept and not sent.
func trackingsPaused(f Facts) (found []Problem) {
	for _, p := range f.Paused {
		kept := 0
		for _, w := range f.Log.Waits {
			if w.Tracking == p.Tracking.Name {
				kept += w.Count
			}
		}
		found = append(found, Problem{Key: "paused/" + p.Tracking.Name, State: Degraded, Since: p.Since, Says: p.Says() + fmt.Sprintf(" Kept: %s.", words.Count(kept, "event")),
			Do: "Resume it to send the kept events.", Run: "hub resume " + p.Tracking.Name + f.Flag, Path: "/trackings", Page: "Trackings"})
	}
	return found
}

// alarmsFiring reports the alarms on AWS that are on, in their own words.
func alarmsFiring(f Facts) (found []Problem) {
	if f.Alarms == nil {
		return nil
	}
	for _, a := range f.Alarms.Firing {
		says := fmt.Sprintf("The alarm %s has been on since %s. %s", a.Kind, clock(f, a.Since), a.Means)
		if a.PerTracking {
			says = fmt.Sprintf("The alarm %s has been on for %s since %s. %s", a.Kind, strings.Join(a.Trackings, ", "), clock(f, a.Since), a.Means)
		}
		p := Problem{Key: "alarm/" + a.Kind, State: Degraded, Since: a.Since, Says: says, Do: a.Do, Run: a.Run}
		if a.Loses {
			p.State = Broken
		}
		found = append(found, p)
	}
	return found
}

// alarmsReachNoOne reports that no subscription of the alarms' topic is confirmed.
func alarmsReachNoOne(f Facts) []Problem {
	if f.Alarms == nil {
		return nil
	}
	return Unreceived(*f.Alarms)
}

// Unreceived returns the problem that the alarms on AWS reach no one, if that is so.
func Unreceived(a store.Alarms) []Problem {
	if a.Confirmed > 0 {
		return nil
	}
	p := Problem{Key: "alarms", State: Degraded, Says: "The alarms reach no one: their topic has no subscription.",
		Do:  "Deploy with the option alarmEmail or another one of infra/docs/deploy.md, or subscribe your address here, and confirm the e-mail that AWS sends.",
		Run: "aws sns subscribe --protocol email --notification-endpoint on-call@example.com --topic-arn " + a.Topic}
	if a.Pending > 0 {
		p.Says = "The alarms reach no one: " + are(a.Pending, "subscription") + " not confirmed."
		p.Do = "Open the link in the e-mail “AWS Notification - Subscription Confirmation”. AWS deletes a subscription that is not confirmed within two days: then subscribe again."
	}
	return []Problem{p}
}

func trackingsDisabled(f Facts) []Problem {
	if len(f.Disabled) == 0 {
		return nil
	}
	return []Problem{{Key: "disabled", State: Working, Says: "Disabled, so their events are skipped: " + strings.Join(f.Disabled, ", ") + ".",
		Do: "If that is not intended, enable them.", Run: "hub configure" + f.Flag, Path: "/trackings", Page: "Configurations"}}
}

// filesUnused reports files whose names are probably mistyped, so that defaults are in effect.
func filesUnused(f Facts) (found []Problem) {
	for _, file := range f.Unused {
		found = append(found, Problem{Key: "unused/" + file, State: Working, Says: "Nothing reads the file " + file + ", so it has no effect.",
			Do: "If it is a setting, correct its name: a template is templates/<name>, without an extension, and infra/docs/local.md lists the others. Otherwise remove it."})
	}
	return found
}

func unread(f Facts) (found []Problem) {
	for _, why := range f.Unread {
		found = append(found, Problem{Key: "unread/" + why, State: Degraded, Says: "This could not be checked: " + sentence(why) + "."})
	}
	return found
}

// clock formats a time of a problem.
func clock(f Facts, t time.Time) string { return dated(f, t, "15:04") }

// exactClock formats the time of an attempt, which may be in a few seconds.
func exactClock(f Facts, t time.Time) string { return dated(f, t, time.TimeOnly) }

// dated formats a time with its date, unless it is that of now.
func dated(f Facts, t time.Time, layout string) string {
	t, now := t.Local(), f.Now.Local()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(layout)
	}
	return t.Format(time.DateOnly + " " + layout)
}

// sentence returns a text of an error as one line without a full stop.
func sentence(text string) string {
	return strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
}

// were returns a number with its noun and the verb.
func were(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return words.Count(n, noun) + " were"
}

// listing returns the command that lists the undelivered events.
func listing(f Facts, selected string) string {
	return fmt.Sprintf("hub executions --outcome %s,%s%s%s", executions.Accepted, executions.Retrying, selected, f.HubFlag)
}
