package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// Done is what an import did.
type Done struct {
	Settings      []string // the names of those that were written
	Waiting, Dead int      // events that were added
	Left
}

// Left counts events of an archive that the store cannot keep. They are only in the archive.
type Left struct {
	TooLarge   int // for SQS
	Unreadable int // for this release, and stored in a form that the store does not have
}

// Apply imports what was planned. If it is stopped, a repeated import continues: at most the
// last batch of events is added a second time, with the same messageIds. After each batch it
// calls progress with the number of events that are done.
func (p *Plan) Apply(ctx context.Context, log *slog.Logger, progress func(events int)) (done Done, err error) {
	target, release, err := openTarget(p.store, log)
	if err != nil {
		return Done{}, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if done.Settings, err = p.writeSettings(ctx); err != nil {
		return done, err
	}
	position := 0
	batches := batcher{put: func(batch []Line) error {
		left, err := target(ctx, batch)
		if err != nil {
			return fmt.Errorf("%w\nRun it again: it continues after the %d events that are imported", err, position)
		}
		position += len(batch)
		done.TooLarge += left.TooLarge
		done.Unreadable += left.Unreadable
		for _, l := range batch {
			if l.Waiting != nil {
				done.Waiting++
			} else {
				done.Dead++
			}
		}
		progress(position)
		return p.store.SetImported(ctx, p.archive.ID, position)
	}}
	id := p.archive.ID
	for line, err := range p.archive.lines() {
		switch {
		case err != nil:
			return done, err
		case p.archive.ID != id:
			return done, errChanged
		case line.Waiting == nil && line.Dead == nil:
			continue
		case position < p.Imported:
			position++
			continue
		}
		if err := batches.add(line); err != nil {
			return done, err
		}
	}
	return done, batches.flush()
}

// The size of a batch of events.
const (
	batchLines = 200
	batchBytes = 4 << 20
)

// batcher collects lines of the same kind and tracking.
type batcher struct {
	put   func([]Line) error
	batch []Line
	bytes int
}

func (b *batcher) add(l Line) error {
	if n := len(b.batch); n > 0 && (n >= batchLines || b.bytes >= batchBytes || !alike(b.batch[0], l)) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.batch, b.bytes = append(b.batch, l), b.bytes+len(l.event().Body)+len(l.event().Record)
	return nil
}

func (b *batcher) flush() error {
	if len(b.batch) == 0 {
		return nil
	}
	batch := b.batch
	b.batch, b.bytes = nil, 0
	return b.put(batch)
}

// event returns the event of a line that has one.
func (l Line) event() Event {
	if l.Waiting != nil {
		return l.Waiting.Event
	}
	return l.Dead.Event
}

// alike reports whether two events are of the same kind and tracking.
func alike(a, b Line) bool {
	return (a.Waiting == nil) == (b.Waiting == nil) && a.event().Tracking == b.event().Tracking
}

// target adds a batch of events to a store.
type target func(context.Context, []Line) (Left, error)

// openTarget opens the queues of a store. Those of a directory must not be in use by a hub.
func openTarget(s store.Store, log *slog.Logger) (put target, release func() error, err error) {
	if s.Deployment != nil {
		return toSQS(s.Deployment), func() error { return nil }, nil
	}
	unlock, err := store.LockDirectory(s.Dir, log)
	if err != nil {
		return nil, nil, fmt.Errorf("nothing was imported: %w", err)
	}
	d := s.Backend.(store.Directory)
	records, err := disk.Open(d.File(store.ExecutionsFolder), disk.Limits{Age: math.MaxInt64, Bytes: math.MaxInt64}, log) // only hub run removes some
	if err != nil {
		unlock()
		return nil, nil, fmt.Errorf("nothing was imported: %w", err)
	}
	queues, err := queue.Open(d.File(store.QueueFolder), log)
	if err != nil {
		unlock()
		return nil, nil, fmt.Errorf("nothing was imported: %w", errors.Join(err, records.Close()))
	}
	release = func() error {
		defer unlock()
		return errors.Join(queues.Close(), records.Close())
	}
	return toQueues(queues, records), release, nil
}

// latestDue is the longest delay that SQS and the relay use.
const latestDue = 12 * time.Hour

// toQueues adds events to the queues of a hub, and lines about the waiting ones to its
// executions: otherwise these would not show them before their next attempt.
func toQueues(queues *queue.Store, records *disk.Store) target {
	return func(_ context.Context, batch []Line) (left Left, err error) {
		name := batch[0].event().Tracking
		q := queues.Queue(name)
		var waiting []queue.Event
		var dead []queue.Dead
		var lines []executions.Line
		now := time.Now()
		for _, l := range batch {
			switch {
			case l.event().Message != "":
				left.Unreadable++
				continue
			case l.Dead != nil:
				dead = append(dead, l.Dead.letter())
				continue
			}
			event := l.Waiting.queued(now)
			waiting, lines = append(waiting, event), append(lines, linesAbout(name, event, now)...)
		}
		if len(dead) > 0 {
			return left, q.RestoreDead(dead...)
		}
		if len(waiting) == 0 {
			return left, nil
		}
		if err := q.Restore(waiting...); err != nil {
			return left, err
		}
		records.Add(lines)
		return left, nil
	}
}

// queued returns the event as a queue keeps it. Its next attempt is at most latestDue from now.
func (w Waiting) queued(now time.Time) queue.Event {
	latest := func(at time.Time) time.Time {
		if most := now.Add(latestDue); at.After(most) {
			return most
		}
		return at
	}
	return queue.Event{
		Envelope: w.envelope(), Record: w.Record, Receives: max(w.Receives, 0),
		Due: latest(w.Due), Reason: w.Reason, NotBefore: latest(w.NotBefore),
	}
}

// linesAbout returns the lines of an execution about a waiting event. There are none about an
// event that this release cannot read.
func linesAbout(name string, e queue.Event, now time.Time) []executions.Line {
	webhook, err := commerce.Parse(e.Envelope.Body)
	if err != nil {
		return nil
	}
	lines := []executions.Line{executions.AcceptedElsewhere(name, e.Envelope.Received, webhook)}
	if e.Reason != "" {
		lines = append(lines, executions.RetriedElsewhere(lines[0], now, e.Receives, e.Reason, e.Due))
	}
	return lines
}

// sendsAtOnce is how many events are sent to SQS at a time.
const sendsAtOnce = 10

// toSQS sends events to the queues of a deployed store. Their attempts begin again, because
// only SQS counts receives.
func toSQS(d *store.Deployment) target {
	return func(ctx context.Context, batch []Line) (left Left, err error) {
		t, err := tracking.ByName(batch[0].event().Tracking)
		if err != nil {
			return left, err
		}
		queues, err := d.Spool(t)
		if err != nil {
			return left, err
		}
		sending, ctx := errgroup.WithContext(ctx)
		sending.SetLimit(sendsAtOnce)
		isTooLarge := make([]bool, len(batch))
		for i, l := range batch {
			if l.event().Record != nil {
				left.Unreadable++
				continue
			}
			sending.Go(func() (err error) {
				switch {
				case l.Dead == nil:
					err = queues.Put(ctx, l.Waiting.envelope())
				case l.Dead.Message != "":
					err = queues.FailText(ctx, l.Dead.Message, relay.Failure(l.Dead.Failure))
				default:
					err = queues.Fail(ctx, l.Dead.envelope(), relay.Failure(l.Dead.Failure))
				}
				if isTooLarge[i] = errors.Is(err, relay.ErrTooLarge); isTooLarge[i] {
					return nil
				}
				return err
			})
		}
		err = sending.Wait()
		for _, is := range isTooLarge {
			if is {
				left.TooLarge++
			}
		}
		return left, err
	}
}
