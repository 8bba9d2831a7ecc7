package relay

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"commerce-segment/shared/segment"
)

const (
	// breakerFailures is how many requests to Segment must fail, one after the other, before
	// fresh events are retried without a request.
	breakerFailures = 2
	// breakerPause is the time until the next request for fresh events. If Segment asks for
	// a longer pause, that is in effect.
	breakerPause = 20 * time.Second
	// freshWithin limits a request for fresh events. While requests hang, a function is busy
	// that could accept webhooks: the account may run only ten at a time. A new connection to
	// Segment takes up to a second. An event whose request is cut off is retried, with the same
	// messageId and a longer limit.
	freshWithin = 2 * time.Second
)

// breaker knows whether Segment works, from the last requests of this process. While it is
// open, fresh events are retried without a request, so that a Segment that hangs does not
// occupy the functions. The zero breaker is closed.
type breaker struct {
	mu       sync.Mutex
	failures int       // since the last success
	until    time.Time // when the next request may be made
	last     outcome   // of the last request, if it failed
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
		b.until = now.Add(breakerPause)
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
// reasons that pass, is it a failure. After a Retry-After one is enough.
func (b *breaker) observe(answers []segment.Outcome, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(answers, func(o segment.Outcome) bool { return o.Verdict != segment.Retry || o.Operator }) {
		b.failures, b.until = 0, time.Time{}
		return
	}
	b.failures++
	b.last = worst(answers)
	if b.failures >= breakerFailures || b.last.retryAfter > 0 {
		b.until = now.Add(max(breakerPause, b.last.retryAfter))
	}
}
