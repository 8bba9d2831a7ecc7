package received

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/tracking"
)

// Sent is what was sent to Segment since a time.
type Sent struct {
	Counts map[EventHour]*Count
	// Begins is the time from which everything is known that was sent: the log may begin later
	// than the period, and lines of an earlier release do not say what was sent.
	Begins time.Time

	since      time.Time
	byTracking map[string][]Event
	deliveries map[uint64][]delivery // by the hash of their first messageId
	oldest     time.Time             // the oldest line that was read
	read       int                   // how many deliveries were read
}

// delivery is when messages were delivered, and what was counted of them.
type delivery struct {
	at    time.Time
	parts []part // empty if it was before the period
}

// part is a number of messages in a Count.
type part struct {
	of       *Count
	messages int
}

// segmentRemembers is how long after a message Segment drops another one with its messageId. Later
// ones it may count again.
const segmentRemembers = 24 * time.Hour

// deliveriesAtMost limits the deliveries that are read, the newest first, and so the memory.
const deliveriesAtMost = 200_000

// ReadSent reads what was sent since a time: the deliveries in the log, and the lines about events
// that were sent without a webhook since a time. It begins a day earlier, to know which messages were
// repeated. Of a log on this machine it reads the webhooks that were received up to lookBack before
// that: their events may have been delivered later.
func ReadSent(ctx context.Context, log executions.Log, withoutWebhook func(since time.Time) ([]executions.Line, error), since time.Time, lookBack time.Duration) (*Sent, error) {
	s := &Sent{Counts: map[EventHour]*Count{}, Begins: since, since: since, byTracking: map[string][]Event{}, deliveries: map[uint64][]delivery{}}
	from := since.Add(-segmentRemembers)
	if err := s.readLog(ctx, log, from, lookBack); err != nil {
		return nil, err
	}
	lines, err := withoutWebhook(from)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		s.add(line)
	}
	s.countRepeated()
	return s, nil
}

// readLog adds the deliveries in a log since a time. A remote log returns its lines since that time, whenever
// their webhooks were received.
func (s *Sent) readLog(ctx context.Context, log executions.Log, from time.Time, lookBack time.Duration) error {
	all := log.All(ctx, executions.Query{From: from.Add(-lookBack), Outcomes: []executions.Outcome{executions.Delivered}})
	if remote, ok := log.(executions.Remote); ok {
		loaded, err := remote.Load(ctx, executions.Query{From: from})
		if err != nil {
			return err
		}
		all = loaded.List.Seq()
	}
	for e, err := range all {
		if errors.As(err, new(executions.ErrCut)) || s.read >= deliveriesAtMost {
			break
		}
		if err != nil {
			return err
		}
		for _, line := range e.Lines {
			if s.oldest.IsZero() || line.Time.Before(s.oldest) {
				s.oldest = line.Time
			}
			if !line.Time.Before(from) {
				s.add(line)
			}
		}
	}
	if s.oldest.After(s.Begins) {
		s.Begins = s.oldest
	}
	return nil
}

// add adds a line, if it is about a delivery.
func (s *Sent) add(line executions.Line) {
	if line.Outcome != string(executions.Delivered) || !isCounted(line.Tracking) {
		return
	}
	s.read++
	d := delivery{at: line.Time}
	if !line.Time.Before(s.since) {
		d.parts = s.count(line)
	}
	if len(line.MessageIDs) > 0 {
		id := maphash.String(seed, line.MessageIDs[0])
		s.deliveries[id] = append(s.deliveries[id], d)
	}
}

// count counts the messages of a delivery in the period, and returns them by where they are counted.
// A line of an earlier release does not say what was sent: then that is known only of later lines.
func (s *Sent) count(line executions.Line) (parts []part) {
	if len(line.Calls) == 0 && line.Time.After(s.Begins) {
		s.Begins = line.Time
	}
	for _, c := range line.Calls {
		at := EventHour{Event{c.Type, c.Event}, line.Time.UTC().Truncate(time.Hour)}
		count := s.Counts[at]
		if count == nil {
			count = &Count{}
			s.Counts[at] = count
		}
		count.Messages += c.Messages
		if !c.Consent {
			count.WithoutConsent += c.Messages
		}
		parts = append(parts, part{count, c.Messages})
		if !slices.Contains(s.byTracking[line.Tracking], at.Event) {
			s.byTracking[line.Tracking] = append(s.byTracking[line.Tracking], at.Event)
		}
	}
	return parts
}

// countRepeated counts the messages that had the messageId of an earlier one.
func (s *Sent) countRepeated() {
	for _, all := range s.deliveries {
		slices.SortFunc(all, func(a, b delivery) int { return a.at.Compare(b.at) })
		received := all[0].at // when Segment last took a message with this messageId for a new one
		for _, d := range all[1:] {
			forgotten := d.at.Sub(received) > segmentRemembers
			if forgotten {
				received = d.at
			}
			for _, p := range d.parts {
				if forgotten {
					p.of.Recounted += p.messages
				} else {
					p.of.Repeated += p.messages
				}
			}
		}
	}
}

// isCounted reports whether Segment counts the messages of a tracking among those that its source
// received. It does not count requests to delete users, which go to the Public API.
func isCounted(name string) bool {
	t, err := tracking.ByName(name)
	return err != nil || t.Call != tracking.Delete
}

var seed = maphash.MakeSeed()
