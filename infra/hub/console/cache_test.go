package console

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Commerce may take seconds to answer. Requests for another key must not wait, and requests for
// the same key must share the answer.
func TestASlowRequestIsSharedAndDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache[string]
		var asked atomic.Int32
		slow := func() string {
			asked.Add(1)
			time.Sleep(time.Hour)
			return "slow"
		}
		began := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if got := c.get("orders", time.Minute, slow); got != "slow" {
					t.Errorf("got %s", got)
				}
			})
		}
		synctest.Wait()
		if got := c.get("customers", time.Minute, func() string { return "quick" }); got != "quick" || !time.Now().Equal(began) {
			t.Errorf("got %s after %v", got, time.Since(began))
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("ask was called %d times", asked.Load())
		}
	})
}

func TestACachedAnswerIsUsedUntilItsMaximumAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache[int]
		asked := 0
		ask := func() int { asked++; return asked }
		for i, call := range []struct {
			later, maxAge time.Duration
			want          int
		}{{0, time.Minute, 1}, {59 * time.Second, time.Minute, 1}, {time.Second, time.Minute, 2}, {0, 0, 3}, {0, time.Minute, 3}} {
			time.Sleep(call.later)
			if got := c.get("x", call.maxAge, ask); got != call.want {
				t.Errorf("%d: got %d, want %d", i, got, call.want)
			}
		}
	})
}
