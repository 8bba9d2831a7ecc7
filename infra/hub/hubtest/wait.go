package hubtest

import (
	"fmt"
	"testing"
	"time"
)

// Patience is how long a test waits for something that should take milliseconds.
const Patience = 20 * time.Second

// Eventually waits until a condition holds. If it does not hold within Patience, the test
// fails and prints the logs.
func Eventually(t *testing.T, condition string, holds func() bool, logs ...fmt.Stringer) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, log := range logs {
				t.Logf("%s", log)
			}
			t.Fatalf("not true after %v: %s", Patience, condition)
		}
	}
}
