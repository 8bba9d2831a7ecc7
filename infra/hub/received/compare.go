package received

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"commerce-segment/infra/hub/words"
)

// Drop is how many messages of an event Segment dropped in each hour, and its reason.
type Drop struct {
	Event
	Reason string
	Hours  map[time.Time]int // by their beginning
}

// messagesIn returns how many messages were dropped in some hours.
func (d Drop) messagesIn(from, until time.Time) (sum int) {
	hours(from, until, func(hour time.Time) { sum += d.Hours[hour] })
	return sum
}

// segmentData is what Segment says of the source, from an hour before the period until now.
type segmentData struct {
	Volume   map[EventHour]int // valid messages, by the event volumes
	Overview map[EventHour]int // the same, by the delivery overview
	Failed   []Drop            // on ingest
	Blocked  []Drop            // at the source
	Consent  string            // why it is known that the workspace uses consent; empty if it is not known
	Unread   []string          // what could not be read, as sentences
}

// received returns how many messages of an event Segment shows for an hour. The event volumes may
// be behind the delivery overview.
func (s segmentData) received(at EventHour) int { return max(s.Volume[at], s.Overview[at]) }

const (
	// settle is how long after its end an hour is judged. Segment shows what it received after
	// about half a minute.
	settle = 10 * time.Minute
	// lagAtMost is for how many hours Segment may show nothing until that is more than a note.
	lagAtMost = 2 * time.Hour
	// worthAWarning is the share of the messages, in percent, from which a difference is more than
	// a note.
	worthAWarning = 1
)

// comparison is the state of a comparison.
type comparison struct {
	*Report
	sent        *Sent
	fromSegment segmentData
	flag        string // names the store in a command
}

// compare fills in a report, whose period is known. sent and fromSegment begin an hour before the
// period and end when the report was made. ours are the events that the store can send.
func compare(r *Report, sent *Sent, fromSegment segmentData, ours []Event, flag string) {
	fromSegment.Volume, fromSegment.Overview = maps.Clone(fromSegment.Volume), maps.Clone(fromSegment.Overview) // capFirstHour changes them
	c := comparison{Report: r, sent: sent, fromSegment: fromSegment, flag: flag}
	r.byTracking = sent.byTracking
	if begins := sent.Begins.UTC().Truncate(time.Hour); begins.After(r.Since) {
		r.Since = begins
	}
	c.capFirstHour(ours)
	c.endBeforeLag()
	for _, event := range ours {
		t := c.total(event)
		if t.Messages == 0 && t.Received == 0 && t.Failed == 0 && t.Blocked == 0 {
			continue
		}
		r.Events = append(r.Events, t)
		if t.hasName() {
			r.Sent += t.distinct()
			r.Received += min(t.Received+t.Late-t.Twice, t.distinct())
		}
	}
	slices.SortFunc(r.Rows, func(a, b Row) int {
		if byHour := a.Hour.Compare(b.Hour); byHour != 0 {
			return byHour
		}
		return compareEvents(a.Event, b.Event)
	})
	c.judge()
	sortFindings(r.Findings)
}

// hours calls do with the hours from one until another, which is not included.
func hours(from, until time.Time, do func(time.Time)) {
	for hour := from.Truncate(time.Hour); hour.Before(until); hour = hour.Add(time.Hour) {
		do(hour)
	}
}

// sentIn returns what was sent of an event in some hours.
func (c comparison) sentIn(event Event, from, until time.Time) (sum Count) {
	hours(from, until, func(hour time.Time) {
		if count := c.sent.Counts[EventHour{event, hour}]; count != nil {
			sum.add(*count)
		}
	})
	return sum
}

// receivedIn returns how many messages of an event Segment received in some hours.
func (c comparison) receivedIn(event Event, from, until time.Time) (sum int) {
	hours(from, until, func(hour time.Time) { sum += c.fromSegment.received(EventHour{event, hour}) })
	return sum
}

// capFirstHour ignores what was received in the hour in which the log begins and is not in the log.
func (c comparison) capFirstHour(ours []Event) {
	if !c.sent.Begins.After(c.Since) {
		return
	}
	for _, event := range ours {
		at := EventHour{event, c.Since}
		sent := c.sentIn(event, c.Since, c.Since.Add(time.Hour)).Messages
		for _, shown := range []map[EventHour]int{c.fromSegment.Volume, c.fromSegment.Overview} {
			shown[at] = min(shown[at], sent)
		}
	}
}

// endBeforeLag ends the period where Segment no longer shows messages although some were sent.
func (c comparison) endBeforeLag() {
	end := c.Since
	for _, shown := range []map[EventHour]int{c.fromSegment.Volume, c.fromSegment.Overview} {
		for at, n := range shown {
			if after := at.Hour.Add(time.Hour); n > 0 && !after.After(c.Until) && after.After(end) {
				end = after
			}
		}
	}
	missing := 0
	for at, count := range c.sent.Counts {
		if at.hasName() && !at.Hour.Before(end) && at.Hour.Before(c.Until) {
			missing += count.distinct()
		}
	}
	if missing == 0 || end.Equal(c.Since) || c.dropped(end, c.Until) > 0 {
		return
	}
	f := Finding{Key: "lag", Severity: Note,
		Says: fmt.Sprintf("Segment has shown no messages since %s, and %s since then. Segment's counts may be late, so these hours are not compared yet.", words.ClockMinutes(end), wereSent(missing)),
		Do:   "Look again in an hour."}
	if c.Until.Sub(end) > lagAtMost {
		f.Severity = Warning
		f.Says = fmt.Sprintf("Segment has shown no messages since %s, although %s since then. Its counts are late, or it no longer receives messages.", words.ClockMinutes(end), wereSent(missing))
		f.Do = "Look at the source's debugger in Segment. If it shows no new events, check there whether the source still exists, is enabled, and has the write key of the store: hub configure" + c.flag
	}
	c.Until = end
	c.Findings = append(c.Findings, f)
}

// dropped returns how many messages Segment dropped in some hours.
func (c comparison) dropped(from, until time.Time) (n int) {
	for _, d := range slices.Concat(c.fromSegment.Failed, c.fromSegment.Blocked) {
		n += d.messagesIn(from, until)
	}
	return n
}

// total returns what was sent and received of an event, and adds its rows.
func (c comparison) total(event Event) Total {
	t := Total{Event: event, Count: c.sentIn(event, c.Since, c.Until), Received: c.receivedIn(event, c.Since, c.Until)}
	t.Late = max(0, c.receivedIn(event, c.Until, c.At)-c.sentIn(event, c.Until, c.At).Messages)
	t.Failed, t.Blocked = c.droppedOf(event, c.fromSegment.Failed), c.droppedOf(event, c.fromSegment.Blocked)
	hours(c.Since, c.Until, func(hour time.Time) {
		row := Row{EventHour: EventHour{event, hour}, Count: c.sentIn(event, hour, hour.Add(time.Hour)), Received: c.fromSegment.received(EventHour{event, hour})}
		if row.Messages > 0 || row.Received > 0 {
			c.Rows = append(c.Rows, row)
		}
		t.Twice += min(row.Recounted, max(0, row.Received-row.distinct()))
	})
	t.Twice = min(t.Recounted, max(t.Twice, t.Received+t.Late-t.distinct())) // some may be late
	return t
}

// droppedOf returns how many messages of an event are among some drops in the period.
func (c comparison) droppedOf(event Event, drops []Drop) (n int) {
	for _, d := range drops {
		if d.Event == event {
			n += d.messagesIn(c.Since, c.Until)
		}
	}
	return n
}

// missing returns how many messages were sent and are neither received nor dropped for a reason
// that is known. An event whose name is not in the log may be received under any name.
func (t Total) missing() int {
	if !t.hasName() {
		return 0
	}
	return max(0, t.distinct()+t.Twice-t.Received-t.Late-t.Failed-t.Blocked)
}

// extra returns how many messages of an event Segment received beyond those that were sent. What was
// sent before the period may have been received in it.
func (c comparison) extra(t Total) int {
	before := c.Since.Add(-time.Hour)
	other := max(0, c.sentIn(t.Event, before, c.Since).distinct()-c.receivedIn(t.Event, before, c.Since))
	for _, each := range c.Events {
		if !each.hasName() {
			other += each.Messages
		}
	}
	received := 0
	hours(c.Since, c.Until, func(hour time.Time) { received += c.fromSegment.Volume[EventHour{t.Event, hour}] })
	return max(0, received-t.Messages-other)
}
