package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"commerce-segment/shared/loggable"
)

// settle puts the outcome of a delivery into effect, and logs it. It reports whether the
// item is done. If not, the item must stay on the spool.
func (r *Relay) settle(ctx context.Context, d *delivery) (done bool) {
	if d.outcome.kind == retrying && d.item.Last && !errors.Is(d.item.Err, ErrVersion) {
		d.outcome = d.outcome.ofLast()
	}
	switch d.outcome.kind {
	case retrying:
		d.retryIn, d.settleErr = r.scheduleRetry(ctx, d)
		done = d.item.Fresh && d.settleErr == nil
	case failed:
		d.settleErr = r.putDeadLetter(ctx, d)
		done = d.settleErr == nil
	default:
		done = true
	}
	r.logDelivery(ctx, d)
	return done
}

// scheduleRetry sets the time of the item's next attempt, and returns the delay until
// then. If it fails, the next attempt is when the visibility timeout of the queue ends.
func (r *Relay) scheduleRetry(ctx context.Context, d *delivery) (time.Duration, error) {
	if r.Spool == nil {
		return 0, errNoSpool
	}
	next := Next{In: r.retryDelay(d.item, d.outcome.retryAfter), NotBefore: d.outcome.retryAfter, Reason: d.outcome.reason}
	if err := r.Spool.Retry(ctx, d.item, next); err != nil {
		return 0, err
	}
	return next.In, nil
}

// putDeadLetter puts the event on the dead-letter queue. If it fails, the item stays on
// its queue, until the redrive policy of that queue moves it to the dead letters.
func (r *Relay) putDeadLetter(ctx context.Context, d *delivery) error {
	if r.Spool == nil {
		return errors.New("there is no dead-letter queue to move the event to: it stays on its queue")
	}
	return r.Spool.Fail(ctx, d.item.Envelope, Failure{
		Tracking: r.Tracking.Name,
		Reason:   d.outcome.reason,
		Detail:   d.outcome.detail,
		Resource: loggable.ID(d.webhook.ResourceID),
		Receives: d.item.Receives,
	})
}

// The delays of events on AWS, which are attempted when a function reads their queue: three
// times a minute. An event that is visible then is attempted, if there is time for it. So
// these delays only keep an event that fails from being attempted each time.
const (
	// firstWait is how long the first retry takes at most, unless there are many.
	firstWait = time.Minute
	// leastWait is less than the time between two reads. So a repair reaches each event with
	// the next read.
	leastWait = 15 * time.Second
	// waitShare makes the delay a share of the time for which the event has been retried: it
	// is longer than leastWait after half an hour, and is mostWait after 30 hours.
	waitShare = 120
	mostWait  = 15 * time.Minute
)

// The retry schedule of hub run: 30 s, doubling up to an hour.
const (
	defaultBackoff = 30 * time.Second
	maxBackoffs    = 120
	jitter         = 0.2
)

// retryDelay returns the delay until the next attempt of an item. It is never shorter than
// retryAfter.
func (r *Relay) retryDelay(item Item, retryAfter time.Duration) time.Duration {
	switch {
	case item.Fresh:
		return max(firstWait, retryAfter)
	case !item.WaitingSince.IsZero():
		return max(leastWait, min(time.Since(item.WaitingSince)/waitShare, mostWait), retryAfter)
	default:
		return r.backoff(item.Receives, retryAfter)
	}
}

// backoff returns the delay after a number of receives: the larger of the schedule and
// retryAfter, ±20 % so that events which failed together do not come back together.
func (r *Relay) backoff(receives int, retryAfter time.Duration) time.Duration {
	base := r.Backoff
	if base <= 0 {
		base = defaultBackoff
	}
	due := max(scheduled(base, receives), retryAfter)
	earliest := max(time.Duration(float64(due)*(1-jitter)), retryAfter)
	latest := time.Duration(float64(due) * (1 + jitter))
	return earliest + rand.N(latest-earliest+1)
}

// scheduled returns the base delay, doubled for every receive after the first, up to
// maxBackoffs times the base.
func scheduled(base time.Duration, receives int) time.Duration {
	limit := maxBackoffs * base
	for delay := base; delay < limit; delay *= 2 {
		if receives <= 1 {
			return delay
		}
		receives--
	}
	return limit
}
