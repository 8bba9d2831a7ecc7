package hubtest

import (
	"fmt"
	"testing"
	"time"
)

// Patience is how long a test waits for what should take milliseconds.
const Patience = 20 * time.Second

// Eventually waits for a condition. The other values are shown if it never holds.
func Eventually(t *testing.T, what string, holds func() bool, besides ...fmt.Stringer) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, shown := range besides {
				t.Logf("%s", shown)
			}
			t.Fatalf("still not so after %v: %s", Patience, what)
		}
	}
}
