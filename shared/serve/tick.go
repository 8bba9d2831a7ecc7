package serve

import (
	"cmp"
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
	// maxHops limits the ticks that follow each other without a pause to the time until the
	// next one is due. Lambda stops a function that calls itself about 16 times.
	maxHops = 2
	// maxBatches is how many batches a tick delivers at the same time.
	maxBatches = 4
	// roundWithin is how much time must be left for another round.
	roundWithin = 3 * time.Second
	// deleteWithin is reserved for deleting the delivered events, and for the next tick.
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
	for i := range ticksInMinute {
		if err := f.queues.SendTick(ctx, 0, f.offset()+time.Duration(i)*betweenTicks); err != nil {
			return err
		}
	}
	return nil
}

// offset is the delay of the first tick. Each tracking has another, so that their first
// requests to Segment do not come at the same time.
func (f *Function) offset() time.Duration {
	all := tracking.All()
	place := slices.IndexFunc(all, func(t tracking.Tracking) bool { return t.Name == f.Relay.Tracking.Name })
	return time.Duration(max(place, 0)) * betweenTicks / time.Duration(len(all))
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
	hop := slices.MinFunc(ticks, func(a, b spool.Tick) int { return cmp.Compare(a.Hop, b.Hop) }).Hop
	_, _ = f.Relay.Configuration.Reload(ctx) // so that a fixed setting is in effect at once; the cache logs the error
	if f.attemptWaiting(ctx) && hop < maxHops {
		f.warn(ctx, f.queues.SendTick(ctx, hop+1, 0))
	}
}

// attemptWaiting attempts the events of the waiting queue that are visible, in rounds: one
// batch, and twice as many at a time while all are delivered, up to maxBatches. It stops after
// a round without a success. It reports whether there may be more and the time is over.
func (f *Function) attemptWaiting(ctx context.Context) (more bool) {
	for width := 1; ; {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < roundWithin {
			return true
		}
		batches := f.receiveWaiting(ctx, width)
		if len(batches) == 0 {
			return false
		}
		r := f.round(ctx, batches)
		switch {
		case !r.succeeded:
			return false
		case r.kept > 0:
			width = max(width/2, 1)
		default:
			width = min(2*width, maxBatches)
		}
	}
}

// receiveWaiting receives batches of the waiting queue, until the queue is empty or the
// batches are large.
func (f *Function) receiveWaiting(ctx context.Context, limit int) (batches [][]types.Message) {
	for size := 0; len(batches) < limit && size < spool.BatchBytes; {
		messages, err := f.queues.ReceiveWaiting(ctx)
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
	kept      int  // how many events are retried
	succeeded bool // whether an event was delivered or skipped
}

// round delivers batches at the same time.
func (f *Function) round(ctx context.Context, batches [][]types.Message) (total roundResult) {
	var mu sync.Mutex
	var delivering sync.WaitGroup
	for _, batch := range batches {
		delivering.Go(func() {
			r := f.deliverWaiting(ctx, batch)
			mu.Lock()
			defer mu.Unlock()
			total.kept, total.succeeded = total.kept+r.kept, total.succeeded || r.succeeded
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
			r = roundResult{kept: len(batch)}
		}
	}()
	delivering, cancel := ctx, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		delivering, cancel = context.WithDeadline(ctx, deadline.Add(-deleteWithin))
	}
	defer cancel()
	keep, succeeded := f.deliver(delivering, len(batch), func(i int) relay.Item { return spool.OpenWaiting(batch[i]) })
	var done []string
	for _, m := range batch {
		if handle := aws.ToString(m.ReceiptHandle); !slices.Contains(keep, handle) {
			done = append(done, handle)
		}
	}
	f.warn(ctx, f.queues.DeleteWaiting(ctx, done))
	return roundResult{kept: len(keep), succeeded: succeeded}
}

// warn logs an error, unless it is nil. What failed is done again later.
func (f *Function) warn(ctx context.Context, err error) {
	if err != nil {
		f.Relay.Log.WarnContext(ctx, "attempting the events that are retried", "tracking", f.Relay.Tracking.Name, "detail", err.Error())
	}
}
