package chart

import (
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
)

func TestTheChartShowsEveryWebhook(t *testing.T) {
	now := time.Date(2026, 11, 24, 14, 30, 0, 0, time.Local)
	var all []executions.Execution
	came := func(n int, ago time.Duration, outcome executions.Outcome, delay executions.Milliseconds) {
		for range n {
			e := executions.Execution{Received: now.Add(-ago), Outcome: outcome}
			if outcome == executions.Delivered {
				e.Delay = &delay
			}
			all = append(all, e)
		}
	}
	came(5000, time.Minute, executions.Delivered, 2000)
	came(1, time.Minute, executions.Failed, 0)
	came(2, 3*time.Hour, executions.Accepted, 0)
	came(2500, 5*time.Hour, executions.Delivered, 7_200_000) // an outage
	c := Draw(executions.Summarize(all, now.Add(-24*time.Hour), now))

	bars := map[string]rect{}
	for _, bar := range c.Bars {
		bars[bar.Title+" "+bar.Class] = bar
		if bar.X < chartLeft || bar.X+bar.Width > chartRight || bar.Y < 0 || bar.Y+bar.Height > chartHeight || bar.Height < leastHigh {
			t.Errorf("the bar %+v is not inside the chart, or too small to see", bar)
		}
	}
	for _, want := range []string{
		"2026-11-24 14:00: 5000 Delivered delivered", "2026-11-24 14:00: 1 Dead letters failed", "2026-11-24 11:00: 2 Retrying retrying",
		"2026-11-24 14:00: median delay 2.0 s, p95 2.0 s p50", "2026-11-24 09:00: median delay 2 h, p95 2 h p95",
	} {
		if _, ok := bars[want]; !ok {
			t.Errorf("the chart has no bar %q", want)
		}
	}
	if whole, half := bars["2026-11-24 14:00: 5000 Delivered delivered"], bars["2026-11-24 09:00: 2500 Delivered delivered"]; whole.Height/half.Height < 1.99 || whole.Height/half.Height > 2.01 {
		t.Errorf("the bar of 5000 is %.1f high, and that of 2500 is %.1f", whole.Height, half.Height)
	}
	// Two seconds must be visible next to two hours.
	if short := bars["2026-11-24 14:00: median delay 2.0 s, p95 2.0 s p50"]; short.Height < delaysHigh/10 {
		t.Errorf("the bar of two seconds is %.1f high", short.Height)
	}
}

func TestAChartWithoutWebhooksIsEmpty(t *testing.T) {
	now := time.Now()
	if c := Draw(executions.Summarize(nil, now.Add(-time.Hour), now)); !c.Empty || len(c.Bars) != 0 {
		t.Errorf("got %+v", c)
	}
}
