package console

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Commerce may take seconds to answer. Meanwhile nobody must wait who asks for something
// else, and nobody ask it again for the same.
func TestWhoAsksSlowlyHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l cache[string]
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
				if got := l.get("orders", time.Minute, slow); got != "slow" {
					t.Errorf("it is %s", got)
				}
			})
		}
		synctest.Wait()
		if got := l.get("customers", time.Minute, func() string { return "quick" }); got != "quick" || !time.Now().Equal(began) {
			t.Errorf("it is %s, after %v", got, time.Since(began))
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("it asked %d times", asked.Load())
		}
	})
}

func TestWhatIsKnownCountsForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l cache[int]
		asked := 0
		ask := func() int { asked++; return asked }
		for i, c := range []struct {
			later, maxAge time.Duration
			want          int
		}{{0, time.Minute, 1}, {59 * time.Second, time.Minute, 1}, {time.Second, time.Minute, 2}, {0, 0, 3}, {0, time.Minute, 3}} {
			time.Sleep(c.later)
			if got := l.get("x", c.maxAge, ask); got != c.want {
				t.Errorf("%d: it is %d, want %d", i, got, c.want)
			}
		}
	})
}
