package commerce

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// How fast one client is. Commerce refuses more than 25 requests a second to a
// development store and 100 to another (its guide on rate limits), and the
// shop's own pages draw on the same: a client may make ten at once, then ten a
// second, so 20 in any second.
const (
	paceInterval = time.Second / 10
	paceBurst    = time.Second
)

// How a call is repeated: five times at most, after 0.5, 1, 2 and 4 s. It waits
// longer where Commerce asks for it, up to maxWait; beyond that the caller is
// told.
const (
	maxAttempts = 5
	firstWait   = 500 * time.Millisecond
	maxWait     = time.Minute
)

// pace spreads the requests of one client.
type pace struct {
	mu   sync.Mutex
	next time.Time // when the next request may go out, were there no burst
}

// wait waits until a request may go out. It is the context's error where that
// ends first.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	p.next = later(p.next, now.Add(-paceBurst)).Add(paceInterval)
	due := p.next
	p.mu.Unlock()
	return sleep(ctx, due.Sub(now))
}

// hold lets no request out for a time: the rate limit is everybody's.
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

// sleep waits; its error is the context's, where that ends first.
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

// backoff is how long to wait after so many attempts: doubling, give or take a
// fifth, and never less than Commerce asked for.
func backoff(attempts int, retryAfter time.Duration) time.Duration {
	wait := firstWait << (attempts - 1)
	wait += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(wait))
	return max(wait, retryAfter)
}

// retryAfter reads a Retry-After header: seconds, or an HTTP date. It is 0 for
// what is neither, or lies in the past.
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
