package account_test

import (
	"testing"
	"time"

	"commerce-segment/shared/serve"
)

// Segment is away for hours. However many events wait, few are in flight, of which SQS allows
// 120,000. After the repair new events are delivered at once, while the others are delivered.
// The outage takes two hours, with one webhook a second; with scale 12 a day, and with scale
// 1200 a day with 100 webhooks a second.
func TestAtScaleABacklogStaysFarBelowTheQuota(t *testing.T) {
	const day = 12
	large := size{concurrency: 1000, deliveries: serve.Deliveries, window: serve.GatherFor}
	outage := 2 * time.Hour * time.Duration(min(*scale, day))
	aSecond := max(1, float64(*scale)/day)
	run(t, large, func(t *testing.T, s *store) {
		s.receives(aSecond, 5*time.Minute)
		s.segment.answers(status(100*time.Millisecond, 503, ""))
		s.receives(aSecond, outage)
		waiting := s.segment.missing()
		s.segment.answers(nil)
		s.receives(aSecond, 20*time.Minute)
		s.drains(t, 24*time.Hour)
		t.Logf("%d events waited", waiting)
		s.report(t)
		s.lostNothing(t, 0)
		if most := s.peakInFlight(); most > mostInFlight {
			t.Errorf("%d events were in flight on one queue, more than %d, while %d waited", most, mostInFlight, waiting)
		}
		if s.segment.slowest > time.Minute {
			t.Errorf("an event that came after the repair was delivered after %v", s.segment.slowest)
		}
	})
}

// mostInFlight is how many events of a tracking are received until each of them is visible
// again: ten every 20 seconds for at most 15 minutes, and those that are delivered.
const mostInFlight = 600
