package apicall

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The attempts of a call: at most five, after waits of 0.5, 1, 2 and 4 s. A wait is longer
// if the API asks for it, up to maxWait. If it asks for more, the call fails.
const (
	MaxAttempts = 5
	maxWait     = time.Minute
	firstWait   = 500 * time.Millisecond
)

// RateLimiter limits the rate of what one client sends, requests or events: one every Interval,
// and more at once after a pause, as many as there were intervals in Burst. Many goroutines can
// use it at once.
type RateLimiter struct {
	Interval, Burst time.Duration

	mu   sync.Mutex
	next time.Time // when the last request or event was due, or when a pause ends
}

// Wait waits until this number of requests or events may be sent. If the context ends first, it
// returns the error at once, and later ones do not wait for these.
func (l *RateLimiter) Wait(ctx context.Context, count int) error {
	l.mu.Lock()
	now := time.Now()
	due := later(l.next, now.Add(-l.Burst)).Add(time.Duration(count) * l.Interval)
	if !hasTime(ctx, due.Sub(now)) {
		l.mu.Unlock()
		return context.DeadlineExceeded
	}
	l.next = due
	l.mu.Unlock()
	return Sleep(ctx, due.Sub(now))
}

// Pause stops all requests for a time, because they share the rate limit.
func (l *RateLimiter) Pause(wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = later(l.next, time.Now().Add(wait))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Sleep waits. It returns the context's error if the context ends first.
func Sleep(ctx context.Context, wait time.Duration) error {
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

// hasTime reports whether a context lasts longer than the wait.
func hasTime(ctx context.Context, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return !limited || time.Until(deadline) > wait
}

// Backoff returns how long to wait after this number of attempts. It doubles with each
// attempt, varies by up to a fifth, and is at least as long as the API asked for.
func Backoff(attempts int, asked time.Duration) time.Duration {
	wait := firstWait << (attempts - 1)
	wait += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(wait))
	return max(wait, asked)
}

// RetryAfter returns the wait in a Retry-After header, which has seconds or an HTTP date,
// at most an hour. It returns 0 for any other text, and for a date in the past.
func RetryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(seconds, 0), int(time.Hour/time.Second))) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), time.Hour)
}
