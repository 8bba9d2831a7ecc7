package local

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What the hub waits for when it stops may hang: it ends all the same, before it is killed.
func TestTheHubWaitsForNothingLongerThanItMay(t *testing.T) {
	for name, work := range map[string]time.Duration{"it hangs": time.Hour, "it ends": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), stopWithin)
				defer cancel()
				began := time.Now()
				await(ctx, func() { time.Sleep(work) })
				if took := time.Since(began); took != min(work, stopWithin) {
					t.Errorf("it waited for %v", took)
				}
				time.Sleep(work) // no goroutine may outlive the bubble
			})
		})
	}
}
