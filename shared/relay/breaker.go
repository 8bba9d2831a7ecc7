package relay

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"commerce-segment/shared/segment"
)

const (
	// breakerPause is about how long fresh events are retried without a request, after one that
	// failed. It varies by a third: all instances of the functions notice in the same second
	// that Segment hangs, and should not all ask again in the same second. If Segment asks for a
	// longer pause, that is in effect.
	breakerPause = time.Minute
	// freshWithin limits a request for fresh events. While requests hang, functions are busy
	// that could accept webhooks: a small account runs only ten at a time. An event whose
	// request is cut off is retried, with the same messageId and a longer limit.
	freshWithin = 500 * time.Millisecond
	// connectWithin is freshWithin for a request that may need a new connection, which takes up
	// to a second.
	connectWithin = 1500 * time.Millisecond
)

// breaker knows whether Segment works, from the last requests of this process. While it is
// open, fresh events are retried without a request, so that a Segment that hangs does not
// occupy the functions. The zero breaker is closed.
type breaker struct {
	mu     sync.Mutex
	worked time.Time // when a request last succeeded
	until  time.Time // when the next request may be made; zero after a success
	last   outcome   // of the last request, if it failed
}

// within returns the time limit of a request for fresh events.
func (b *breaker) within(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.worked) < segment.ConnectedFor {
		return freshWithin
	}
	return connectWithin
}

// open returns the outcome of fresh events if there is to be no request for them. If the
// pause is over, it begins the next one, so that one request shows whether Segment works.
func (b *breaker) open(now time.Time) (o outcome, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return outcome{}, false
	}
	if !now.Before(b.until) {
		b.until = now.Add(pause())
		return outcome{}, false
	}
	o = b.last
	if o.retryAfter > 0 {
		o.retryAfter = b.until.Sub(now)
	}
	o.detail = bounded("there was no request, because the last ones failed: " + cmp.Or(o.detail, o.reason))
	return o, true
}

// observe notes how a delivery ended. Only if Segment accepted none of its messages, and for
// reasons that pass, is it a failure.
func (b *breaker) observe(answers []segment.Outcome, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(answers, func(o segment.Outcome) bool { return o.Verdict != segment.Retry || o.Operator }) {
		b.worked, b.until = now, time.Time{}
		return
	}
	b.last = worst(answers)
	b.until = now.Add(max(pause(), b.last.retryAfter))
}

// pause returns a random time around breakerPause.
func pause() time.Duration { return breakerPause*2/3 + rand.N(breakerPause*2/3) }
