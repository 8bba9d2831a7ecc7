package apicall

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999": time.Hour,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got := RetryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestTheRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := &RateLimiter{Interval: 10 * time.Millisecond}
		began := time.Now()
		for range 3 {
			if err := limiter.Wait(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("300 events at 100 a second took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		if err := limiter.Wait(ctx, 100); err == nil || time.Since(began) != 3*time.Second {
			t.Errorf("without time for 100 events: %v after %v", err, time.Since(began))
		}
		limiter.Pause(time.Minute)
		if err := limiter.Wait(t.Context(), 1); err != nil || time.Since(began) < time.Minute {
			t.Errorf("a pause of a minute: %v after %v", err, time.Since(began))
		}
	})
}
