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
	seen       map[uint64][]part // what was counted of a line, by the hash of its first messageId
	oldest     time.Time         // the oldest line that was read
	deliveries int
}

// part is a number of messages in a Count.
type part struct {
	of       *Count
	messages int
}

// deliveriesAtMost limits the deliveries that are read, the newest first, and so the memory.
const deliveriesAtMost = 200_000

// ReadSent reads what was sent since a time: the deliveries in the log, and the lines about events
// that were sent without a webhook. Of a log on this machine it reads the webhooks that were
// received up to lookBack before that time: their events may have been delivered later.
func ReadSent(ctx context.Context, log executions.Log, withoutWebhook []executions.Line, since time.Time, lookBack time.Duration) (*Sent, error) {
	s := &Sent{Counts: map[EventHour]*Count{}, Begins: since, since: since, byTracking: map[string][]Event{}, seen: map[uint64][]part{}}
	if err := s.readLog(ctx, log, lookBack); err != nil {
		return nil, err
	}
	for _, line := range slices.Backward(withoutWebhook) {
		s.add(line)
	}
	return s, nil
}

// readLog adds the deliveries in a log. A remote log returns the lines since the time, whenever
// their webhooks were received.
func (s *Sent) readLog(ctx context.Context, log executions.Log, lookBack time.Duration) error {
	q := executions.Query{From: s.since.Add(-lookBack), Outcomes: []executions.Outcome{executions.Delivered}}
	all := log.All(ctx, q)
	if remote, ok := log.(executions.Remote); ok {
		loaded, err := remote.Load(ctx, executions.Query{From: s.since})
		if err != nil {
			return err
		}
		all = loaded.List.Seq()
	}
	for e, err := range all {
		if errors.As(err, new(executions.ErrCut)) || s.deliveries >= deliveriesAtMost {
			break
		}
		if err != nil {
			return err
		}
		for _, line := range slices.Backward(e.Lines) {
			if s.oldest.IsZero() || line.Time.Before(s.oldest) {
				s.oldest = line.Time
			}
			s.add(line)
		}
	}
	if s.oldest.After(s.Begins) {
		s.Begins = s.oldest
	}
	return nil
}

// add adds a line, if it is about a delivery in the period. The newest must come first: of two
// lines with the same messageId, Segment drops the newer.
func (s *Sent) add(line executions.Line) {
	if line.Outcome != string(executions.Delivered) || line.Time.Before(s.since) || !isCounted(line.Tracking) {
		return
	}
	if len(line.Calls) == 0 {
		if line.Time.After(s.Begins) {
			s.Begins = line.Time
		}
		return
	}
	s.deliveries++
	parts := make([]part, len(line.Calls))
	for i, c := range line.Calls {
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
		parts[i] = part{count, c.Messages}
		if !slices.Contains(s.byTracking[line.Tracking], at.Event) {
			s.byTracking[line.Tracking] = append(s.byTracking[line.Tracking], at.Event)
		}
	}
	if len(line.MessageIDs) > 0 {
		id := maphash.String(seed, line.MessageIDs[0])
		for _, p := range s.seen[id] {
			p.of.Repeated += p.messages
		}
		s.seen[id] = parts
	}
}

// isCounted reports whether Segment counts the messages of a tracking among those that its source
// received. It does not count requests to delete users, which go to the Public API.
func isCounted(name string) bool {
	t, err := tracking.ByName(name)
	return err != nil || t.Call != tracking.Delete
}

var seed = maphash.MakeSeed()
