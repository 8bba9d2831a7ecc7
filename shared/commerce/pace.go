package commerce

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The rate of requests of one client. Commerce rejects more than 25 requests a second to a
// development store and 100 to any other (its guide on rate limits). The pages of the shop
// share this limit. A client may make ten requests at once and then ten a second, so at
// most 20 in any second.
const (
	paceInterval = time.Second / 10
	paceBurst    = time.Second
)

// The attempts of a call: at most five, after waits of 0.5, 1, 2 and 4 s. A wait is longer
// if Commerce asks for it, up to maxWait. If Commerce asks for more, the call fails.
const (
	maxAttempts = 5
	firstWait   = 500 * time.Millisecond
	maxWait     = time.Minute
)

// pace limits the rate of requests of one client.
type pace struct {
	mu   sync.Mutex
	next time.Time // when the next request may be sent, without the burst
}

// wait waits until a request may be sent. It returns the context's error if the context
// ends first.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	p.next = later(p.next, now.Add(-paceBurst)).Add(paceInterval)
	due := p.next
	p.mu.Unlock()
	return sleep(ctx, due.Sub(now))
}

// hold stops all requests for a time, because they share the rate limit.
func (p *pace) hold(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = later(p.next, time.Now().Add(wait))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sleep waits. It returns the context's error if the context ends first.
func sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// backoff returns how long to wait after this number of attempts. It doubles with each
// attempt, varies by up to a fifth, and is at least as long as Commerce asked for.
func backoff(attempts int, retryAfter time.Duration) time.Duration {
	wait := firstWait << (attempts - 1)
	wait += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(wait))
	return max(wait, retryAfter)
}

// retryAfter returns the wait in a Retry-After header, which has seconds or an HTTP date,
// at most an hour. It returns 0 for any other text, and for a date in the past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(seconds, 0), int(time.Hour/time.Second))) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), time.Hour)
}
