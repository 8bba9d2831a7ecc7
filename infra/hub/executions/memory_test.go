package executions

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// A hub runs for weeks, and Commerce may post a thousand webhooks a second to it.
func TestAMemoryKeepsTheNewestLines(t *testing.T) {
	m := &Memory{genuine: ring{keeps: 1000}, others: ring{keeps: 1000}}
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

// Who reads has the lines that were there, whatever comes meanwhile.
func TestAMemoryIsReadWhileItIsWritten(t *testing.T) {
	m := &Memory{genuine: ring{keeps: 1000}, others: ring{keeps: 1000}}
	log := slog.New(m.Handler())
	write := func() { log.Info("accept", "tracking", "order-completed", "outcome", "accepted") }
	write()
	texts, _ := m.Texts()
	for range 100 {
		write()
	}
	if len(texts) != 1 || len(texts[0]) == 0 {
		t.Errorf("what was read has become %q", texts)
	}
}

// Anybody can post webhooks with a wrong key.
func TestForgedWebhooksDisplaceNoGenuineOnes(t *testing.T) {
	m := &Memory{genuine: ring{keeps: 1000}, others: ring{keeps: 1000}}
	log := slog.New(m.Handler())
	log.Info("accept", "tracking", "order-completed", "outcome", "accepted", "resource", "genuine")
	for range 100 {
		log.Warn("accept", "tracking", "order-completed", "outcome", "forged")
		log.Warn("more webhooks with a wrong key", "count", 5)
	}
	reading, err := m.Read(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	genuine := slices.IndexFunc(reading.Lines, func(l Line) bool { return l.Resource == "genuine" })
	if n := len(reading.Lines); genuine < 0 || reading.Cut || n < 2 || n > 10 {
		t.Errorf("it keeps %d lines, cut %v, the genuine one at %d", n, reading.Cut, genuine)
	}
}
