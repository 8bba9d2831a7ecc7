package executions

import (
	"fmt"
	"log/slog"
	"testing"
)

// A hub runs for weeks, and Commerce may post a thousand webhooks a second to it.
func TestAMemoryKeepsTheNewestLines(t *testing.T) {
	m := &Memory{keeps: 1000}
	log := slog.New(m.Handler())
	for i := range 100 {
		log.Info("accept", "tracking", "order-completed", "outcome", "accepted", "resource", fmt.Sprint(i))
	}
	reading, err := m.Read(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	n := len(reading.Lines)
	if !reading.Cut || n < 5 || n > 10 || reading.Lines[n-1].Resource != "99" {
		t.Errorf("it keeps %d lines, cut %v, the last %+v", n, reading.Cut, reading.Lines[max(n-1, 0)])
	}
}
