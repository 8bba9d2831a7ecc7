package received

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/tracking"
)

// resendable is for how long lost messages can be sent again. hub backfill also sends those that Segment
// has, which Segment must still drop when the backfill ends.
const resendable = segmentRemembers - time.Hour

// resend says how to send lost messages of some trackings again.
func resend(trackings []string, flag string) string {
	var commands []string
	for _, kind := range []backfill.Kind{backfill.Orders, backfill.Customers} {
		cannot := func(name string) bool { return !slices.Contains(backfill.Trackings(kind), name) }
		if only := slices.DeleteFunc(slices.Clone(trackings), cannot); len(only) > 0 {
			commands = append(commands, fmt.Sprintf("hub backfill %s --since %dh --only %s --again%s", kind, resendable/time.Hour, strings.Join(only, ","), flag))
		}
	}
	if len(commands) == 0 {
		return "Lost messages of this event cannot be sent again."
	}
	return fmt.Sprintf("Only what was lost in %s can be sent again: %s. Do not choose an earlier time: this also sends what was not lost, and Segment counts it twice if it is older than a day.", executions.Lookback(resendable), strings.Join(commands, " and "))
}

// resendAll says how to send again what was sent while Segment received nothing, which was so since
// something happened.
func resendAll(since, flag string) string {
	return "After that, send the lost events within a day: hub backfill orders --since TIME --again" + flag + ", and the same for customers. TIME is when " + since + ". Do not choose an earlier time: this also sends what was not lost, and Segment counts it twice if it is older than a day."
}

// wereSent returns a number of messages with a verb.
func wereSent(n int) string {
	if n == 1 {
		return "1 message was sent"
	}
	return words.Count(n, "message") + " were sent"
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// judge adds the findings.
func (c comparison) judge() {
	c.judgeDrops()
	explained := slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.Severity == Fault })
	nothing := c.Received == 0 && c.isSilent()
	if nothing && !explained {
		c.add(Finding{Key: "nothing", Severity: Fault,
			Says: fmt.Sprintf("%s from %s until %s, and Segment received none of them.", words.Capital(wereSent(c.Sent)), words.ClockMinutes(c.Since), words.ClockMinutes(c.Until)),
			Do:   "Check in Segment that the source exists and is enabled. Check here the host and the path of Segment: hub configure" + c.flag + ". " + resendAll("the first message was lost: hub received --since 13d --hours"+c.flag+" shows it", c.flag)})
	}
	for _, t := range c.Events {
		if missing := t.missing(); missing > 0 && !nothing {
			c.add(c.missingFinding(t, missing))
		}
		if t.Twice > 0 {
			c.add(c.twiceFinding(t))
		}
		if extra := c.extra(t); extra > 0 && t.hasName() {
			c.add(c.extraFinding(t, extra))
		}
	}
	c.judgeVolume()
	c.judgeConsent()
	for _, unread := range c.fromSegment.Unread {
		c.add(Finding{Key: "unread", Severity: Note, Says: unread})
	}
}

// isSilent reports whether Segment dropped nothing in an hour in which messages were sent, nor in
// the next. Then its drops do not explain why nothing was received.
func (c comparison) isSilent() bool {
	return slices.ContainsFunc(c.Rows, func(row Row) bool {
		return row.hasName() && row.distinct() > 0 && c.dropped(row.Hour, row.Hour.Add(2*time.Hour)) == 0
	})
}

func (c comparison) add(f Finding) { c.Findings = append(c.Findings, f) }

// severityOf returns Warning if a number is a large part of a whole.
func severityOf(n, whole int) Severity {
	if n*100 >= whole*worthAWarning {
		return Warning
	}
	return Note
}

// judgeDrops reports what Segment dropped, and its reasons.
func (c comparison) judgeDrops() {
	for _, d := range c.fromSegment.Failed {
		n := d.messagesIn(c.Since, c.Until)
		if n == 0 {
			continue
		}
		c.add(Finding{Key: key("failed", d.Event, d.Reason), Severity: Warning, Trackings: c.sendersOf(d.Event),
			Says: fmt.Sprintf("%s failed on ingest: dropped by Segment's validation. Event: %s. Reason: %s.", words.Count(n, "message"), chars.Line(d.Event.String()), reasonOf(d)),
			Do:   "Correct the field that the reason names in the template: hub lint" + c.flag + " finds most such mistakes. " + resend(c.sendersOf(d.Event), c.flag)})
	}
	for _, d := range c.fromSegment.Blocked {
		n := d.messagesIn(c.Since, c.Until)
		if n == 0 {
			continue
		}
		c.add(Finding{Key: key("blocked", d.Event, d.Reason), Severity: Warning, Trackings: c.sendersOf(d.Event),
			Says: fmt.Sprintf("Segment blocked %s at the source. Reason: %s.", of(n, d.Event), reasonOf(d)),
			Do:   "Allow the event in the schema of the source in Segment, or add it to the tracking plan of the source. If it is blocked on purpose, disable its tracking: hub settings" + c.flag + " shows the parameter."})
	}
}

// key returns the key of a finding about an event.
func key(kind string, event Event, more ...string) string {
	return strings.Join(append([]string{kind, event.String()}, more...), "/")
}

// sendersOf returns the names of the trackings that sent an event.
func (c comparison) sendersOf(event Event) (names []string) {
	for _, t := range tracking.All() {
		if slices.Contains(c.byTracking[t.Name], event) {
			names = append(names, t.Name)
		}
	}
	return names
}

// of returns a number of messages of an event.
func of(n int, event Event) string {
	return fmt.Sprintf("%s of %s", words.Count(n, "message"), chars.Line(event.String()))
}

// reasonOf returns Segment's reason for a drop.
func reasonOf(d Drop) string {
	if d.Reason == "" {
		return "Segment gives no reason"
	}
	return chars.Line(d.Reason)
}

// missingFinding reports that fewer messages were received than sent.
func (c comparison) missingFinding(t Total, missing int) Finding {
	says := fmt.Sprintf("Segment received %d of %s from %s until %s: %s missing", t.distinct()-missing, of(t.distinct(), t.Event), words.ClockMinutes(c.Since), words.ClockMinutes(c.Until), are(missing))
	if missing == t.distinct() {
		says = fmt.Sprintf("Segment received none of %s from %s until %s", of(missing, t.Event), words.ClockMinutes(c.Since), words.ClockMinutes(c.Until))
	}
	return Finding{Key: key("fewer", t.Event), Severity: severityOf(missing, t.distinct()), Trackings: c.sendersOf(t.Event),
		Says: says + ". They are neither late nor dropped for a reason that Segment names.",
		Do:   "hub received --hours" + c.flag + " shows in which hours. Look at the event in the schema and the delivery overview of the source in Segment. " + resend(c.sendersOf(t.Event), c.flag)}
}

// twiceFinding reports that Segment counted messages again that it had already.
func (c comparison) twiceFinding(t Total) Finding {
	f := Finding{Key: key("twice", t.Event), Severity: Note, Trackings: c.sendersOf(t.Event),
		Says: fmt.Sprintf("Segment counted %s twice from %s until %s: they were sent again more than a day after the first time, and Segment drops a repeated message only within a day.", of(t.Twice, t.Event), words.ClockMinutes(c.Since), words.ClockMinutes(c.Until)),
		Do:   "hub received --hours" + c.flag + " shows in which hours. Segment does not take them back: in a warehouse, count messages with the same messageId once. Send only what was lost within the last day with hub backfill --again."}
	if t.Type != "track" { // the same traits again
		return f
	}
	f.Severity = severityOf(t.Twice, t.distinct())
	f.Says += " Their revenue is counted twice too."
	return f
}

// extraFinding reports that more messages were received than sent.
func (c comparison) extraFinding(t Total, extra int) Finding {
	f := Finding{Key: key("more", t.Event), Severity: Note, Trackings: c.sendersOf(t.Event),
		Says: fmt.Sprintf("Segment received %d more messages of %s than were sent from %s until %s. Something else sends this call to the same source.", extra, chars.Line(t.Event.String()), words.ClockMinutes(c.Since), words.ClockMinutes(c.Until)),
		Do:   "Find the other sender: a website or an app with the same write key, another hub, another connector of Elastic Path, or hub backfill on another machine."}
	if t.Type != "track" { // websites identify their users too
		return f
	}
	f.Severity = severityOf(extra, t.Messages)
	f.Says += " These messages are counted twice, also in the revenue."
	f.Do += " Let only one of them send the event."
	return f
}

// judgeVolume reports that the event volumes are behind the delivery overview.
func (c comparison) judgeVolume() {
	behind := 0
	for _, t := range c.Events {
		hours(c.Since, c.Until, func(hour time.Time) {
			at := EventHour{t.Event, hour}
			behind += c.fromSegment.received(at) - c.fromSegment.Volume[at]
		})
	}
	if behind > 0 {
		c.add(Finding{Key: "volume", Severity: Note,
			Says: fmt.Sprintf("Segment's event volumes are late: its delivery overview has %s more. Those count as received.", words.Count(behind, "message"))})
	}
}

// judgeConsent reports messages without consent in a workspace that uses it.
func (c comparison) judgeConsent() {
	without, all := 0, 0
	for at, count := range c.sent.Counts {
		if !at.Hour.Before(c.Since) {
			without, all = without+count.WithoutConsent, all+count.Messages
		}
	}
	if c.fromSegment.Consent == "" || without == 0 {
		return
	}
	c.add(Finding{Key: "consent", Severity: Warning,
		Says: fmt.Sprintf("%d of %s since %s had no context.consent.categoryPreferences, and the workspace uses consent: %s. Segment sends such messages to all destinations, whatever the person has chosen.",
			without, words.Count(all, "message"), words.ClockMinutes(c.Since), c.fromSegment.Consent),
		Do: "Let the storefront write what the person has chosen into the field segment_consent of the order or the customer, which the default templates send. A template of your own needs $consent: templates/README.md, Consent."})
}

// Says describes the report in a sentence. The period is as long as asked for, unless the log or
// Segment's figures are shorter.
func (r Report) Says() string {
	if !r.Known() {
		return "What Segment received cannot be checked: " + r.Unknown + "."
	}
	if r.Sent == 0 {
		switch repeated, withoutName := r.uncompared(); {
		case withoutName > 0:
			return fmt.Sprintf("%s to Segment %s, with names that the templates compute: what Segment received of them cannot be compared.", words.Capital(wereSent(withoutName)), r.period())
		case repeated > 0:
			return fmt.Sprintf("No new message was sent to Segment %s, only %s again.", r.period(), words.Count(repeated, "earlier message"))
		}
		return fmt.Sprintf("No message was sent to Segment %s.", r.period())
	}
	return fmt.Sprintf("Segment received %d of %s %s.", r.Received, words.Count(r.Sent, "sent message"), r.period())
}

// uncompared returns how many messages were sent that were not new, and how many that are not in the
// log by their names.
func (r Report) uncompared() (repeated, withoutName int) {
	for _, t := range r.Events {
		if t.hasName() {
			repeated += t.Repeated + t.Recounted
		} else {
			withoutName += t.Messages
		}
	}
	return repeated, withoutName
}

// period returns the period as people say it.
func (r Report) period() string {
	if length := r.Until.Sub(r.Since); r.At.Sub(r.Until) < settle+time.Hour && length > 0 {
		return "in " + executions.Lookback(length)
	}
	return fmt.Sprintf("from %s until %s", words.ClockMinutes(r.Since), words.ClockMinutes(r.Until))
}
