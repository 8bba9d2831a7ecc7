package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"commerce-segment/shared/loggable"
)

// settle does what a parcel's outcome asks for, and logs it. It says whether the
// item is done with; if not, it must stay on the spool.
func (r *Relay) settle(ctx context.Context, p *parcel) (done bool) {
	switch p.outcome.fate {
	case retrying:
		p.retryIn, p.unsettled = r.retry(ctx, p)
	case failed:
		p.unsettled = r.fail(ctx, p)
		done = p.unsettled == nil
	default:
		done = true
	}
	r.logDelivery(ctx, p)
	return done
}

// postpone hides an item until its next attempt is due. Where that fails, the
// item comes back when the queue's own visibility timeout ends.
func (r *Relay) retry(ctx context.Context, p *parcel) (time.Duration, error) {
	if r.Spool == nil {
		return 0, errNoSpool
	}
	delay := r.delay(p.item.Receives, p.outcome.retryAfter)
	if err := r.Spool.Retry(ctx, p.item, delay); err != nil {
		return 0, err
	}
	return delay, nil
}

// bury puts the event among the dead letters. Where that fails the item stays
// on its queue, whose redrive policy puts it there in the end.
func (r *Relay) fail(ctx context.Context, p *parcel) error {
	if r.Spool == nil {
		return errors.New("there is no dead-letter queue to bury it in: it stays where it is until its queue gives it up")
	}
	return r.Spool.Fail(ctx, p.item.Envelope, Failure{
		Tracking: r.Tracking.Name,
		Reason:   p.outcome.reason,
		Detail:   p.outcome.detail,
		Resource: loggable.ID(p.webhook.ResourceID),
		Receives: p.item.Receives,
	})
}

// The schedule of attempts: 30 s doubling to an hour. With the queue's 36
// receives that is about 30 hours.
const (
	defaultBackoff = 30 * time.Second
	maxBackoffs    = 120
	jitter         = 0.2
)

// delay is how long an item waits after that many receives: the larger of the
// schedule and what Segment asked for, ±20 % so that events which failed together
// do not come back together, and never earlier than Segment asked for.
func (r *Relay) delay(receives int, retryAfter time.Duration) time.Duration {
	base := r.Backoff
	if base <= 0 {
		base = defaultBackoff
	}
	due := max(scheduled(base, receives), retryAfter)
	earliest := max(time.Duration(float64(due)*(1-jitter)), retryAfter)
	latest := time.Duration(float64(due) * (1 + jitter))
	return earliest + rand.N(latest-earliest+1)
}

// scheduled is the base delay doubled for every receive after the first, up to
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
