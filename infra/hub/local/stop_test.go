package local

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Work that hangs does not keep the hub from stopping before a service manager kills it.
func TestAwaitReturnsAtTheTimeout(t *testing.T) {
	for name, work := range map[string]time.Duration{"it hangs": time.Hour, "it ends": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), stopTimeout)
				defer cancel()
				began := time.Now()
				await(ctx, func() { time.Sleep(work) })
				if took := time.Since(began); took != min(work, stopTimeout) {
					t.Errorf("it waited for %v", took)
				}
				time.Sleep(work) // no goroutine may outlive the bubble
			})
		})
	}
}
