package serve

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

const (
	// ticksInMinute is how many ticks a scheduled event sends.
	ticksInMinute = 3
	betweenTicks  = time.Minute / ticksInMinute
	// freshFirst is the number of accepted events on the queue above which no ticks are sent:
	// those events are delivered first, or the delivery is paused.
	freshFirst = 20
	// maxBatches is how many batches a tick delivers at the same time.
	maxBatches = 8
	// maxOwnFaults is how many rounds of events that fail because of themselves a tick makes: after
	// a bad template thousands may wait, and must not keep others from being attempted.
	maxOwnFaults = 10
	// roundWithin is how much time must be left for another round.
	roundWithin = 4 * time.Second
	// receivedWithin is reserved for the events of a round: they are received before.
	receivedWithin = 2500 * time.Millisecond
	// briefRound is the time for the first round of a brief tick: about two seconds for Segment,
	// and the rest for what follows.
	briefRound = 4 * time.Second
	// longRound is the time for any other round. The time limit of the function is shorter.
	longRound = time.Minute
	// deleteWithin is reserved for deleting the delivered events.
	deleteWithin = 700 * time.Millisecond
)

// schedule sends ticks if events are retried. It is called every minute, with the time for
// which the call was planned. A call that comes late has no effect.
func (f *Function) schedule(ctx context.Context, planned time.Time) error {
	if f.queues == nil || (spool.Tick{Due: planned}).IsOver(time.Now()) {
		return nil
	}
	waiting, err := f.queues.CountWaiting(ctx)
	if err != nil || waiting == 0 {
		return err
	}
	fresh, err := f.queues.CountFresh(ctx)
	if err != nil || fresh > freshFirst {
		return err
	}
	for i, at := range ticksAfter(planned, f.place()) {
		tick := spool.Tick{Brief: i != f.place()%ticksInMinute}
		if err := f.queues.SendTick(ctx, tick, time.Until(at)); err != nil {
			return err
		}
	}
	return nil
}

// place returns the place of the tracking in the catalogue.
func (f *Function) place() int {
	return max(0, slices.IndexFunc(tracking.All(), func(t tracking.Tracking) bool { return t.Name == f.Relay.Tracking.Name }))
}

// ticksAfter returns when the ticks of a minute are due. Each tracking has other seconds by
// the clock, whenever its minute begins, so that their first requests to Segment do not come at
// the same time. One tick of each tracking is not brief, and those are also in other seconds:
// while Segment hangs, each of them occupies one of the executions of the account.
func ticksAfter(planned time.Time, place int) (due [ticksInMinute]time.Time) {
	slot := time.Duration(place) * betweenTicks / time.Duration(len(tracking.All()))
	first := planned.Truncate(betweenTicks).Add(slot)
	if first.Before(planned) {
		first = first.Add(betweenTicks)
	}
	for i := range due {
		due[i] = first.Add(time.Duration(i) * betweenTicks)
	}
	return due
}

// runTicks does the work of ticks, as that of one, unless they are too old. It never fails:
// other ticks come within a minute.
func (f *Function) runTicks(ctx context.Context, ticks []spool.Tick) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value) // its events are visible again when their timeout ends
		}
	}()
	ticks = slices.DeleteFunc(ticks, func(t spool.Tick) bool { return t.IsOver(time.Now()) })
	if f.queues == nil || len(ticks) == 0 {
		return
	}
	isBrief := !slices.ContainsFunc(ticks, func(t spool.Tick) bool { return !t.Brief })
	_, _ = f.Relay.Configuration.Reload(ctx) // so that a fixed setting is in effect at once; the cache logs the error
	f.attemptWaiting(ctx, isBrief)
}

// attemptWaiting attempts the events of the waiting queue that are visible, in rounds: one
// batch, and twice as many at a time while all are delivered, up to maxBatches. It stops after
// a round without a success, unless each of its events failed because of itself. If it is to be
// brief, the first round is: after a success there is time for a Segment that is slow. What is
// left is for the next tick: if each tick were followed by another at once, the trackings would
// occupy a small account after an outage.
func (f *Function) attemptWaiting(ctx context.Context, isBrief bool) {
	limit := longRound
	if isBrief {
		limit = briefRound
	}
	width, ownFaults := 1, 0
	for {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < roundWithin {
			return
		}
		batches := f.receiveWaiting(ctx, width)
		if len(batches) == 0 {
			return
		}
		r := f.round(ctx, batches, limit)
		if r.outlook == relay.OwnFaults {
			ownFaults++
		}
		switch {
		case r.outlook == relay.Outage, ownFaults == maxOwnFaults:
			return
		case r.kept > 0:
			width = max(width/2, 1)
		case r.outlook == relay.Success:
			width = min(2*width, maxBatches)
		}
		limit = longRound
	}
}

// receiveWaiting receives batches of the waiting queue, until the queue is empty, the batches
// are large or the time is needed to deliver them.
func (f *Function) receiveWaiting(ctx context.Context, limit int) (batches [][]types.Message) {
	receiving, cancel := relay.WithoutLast(ctx, receivedWithin)
	defer cancel()
	for size := 0; len(batches) < limit && size < spool.BatchBytes; {
		messages, err := f.queues.ReceiveWaiting(receiving)
		f.warn(ctx, err)
		if len(messages) == 0 {
			return batches
		}
		batches = append(batches, messages)
		for _, m := range messages {
			size += len(aws.ToString(m.Body))
		}
	}
	return batches
}

// roundResult is how a round ended.
type roundResult struct {
	kept    int // how many events are retried
	outlook relay.Outlook
}

// round delivers batches at the same time, within a limit.
func (f *Function) round(ctx context.Context, batches [][]types.Message, limit time.Duration) (total roundResult) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var mu sync.Mutex
	var delivering sync.WaitGroup
	for _, batch := range batches {
		delivering.Go(func() {
			r := f.deliverWaiting(ctx, batch)
			mu.Lock()
			defer mu.Unlock()
			total.kept, total.outlook = total.kept+r.kept, max(total.outlook, r.outlook)
		})
	}
	delivering.Wait()
	return total
}

// deliverWaiting delivers a batch of the waiting queue, and deletes what is done.
func (f *Function) deliverWaiting(ctx context.Context, batch []types.Message) (r roundResult) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value)
			r = roundResult{kept: len(batch), outlook: relay.Outage}
		}
	}()
	delivering, cancel := relay.WithoutLast(ctx, deleteWithin)
	defer cancel()
	keep, outlook := f.deliver(delivering, len(batch), func(i int) relay.Item { return spool.OpenWaiting(batch[i]) })
	var done []string
	for _, m := range batch {
		if handle := aws.ToString(m.ReceiptHandle); !slices.Contains(keep, handle) {
			done = append(done, handle)
		}
	}
	f.warn(ctx, f.queues.DeleteWaiting(ctx, done))
	return roundResult{kept: len(keep), outlook: outlook}
}

// warn logs an error, unless it is nil. What failed is done again later.
func (f *Function) warn(ctx context.Context, err error) {
	if err != nil {
		f.Relay.Log.WarnContext(ctx, "attempting the events that are retried", "tracking", f.Relay.Tracking.Name, "detail", err.Error())
	}
}
