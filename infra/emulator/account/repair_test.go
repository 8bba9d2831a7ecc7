package account_test

import (
	"testing"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// A repair of Segment, of a template or of the write key reaches 25 waiting events within half
// a minute, if the outage was at most half an hour, and after a longer one within a hundredth
// of it.
func TestWaitingEventsAreDeliveredSoonAfterARepair(t *testing.T) {
	template := settings.Template(tracking.OrderCompleted)
	for name, broken := range map[string]func(*store) (repair func()){
		"Segment": func(s *store) func() {
			s.segment.answers(status(100*time.Millisecond, 500, ""))
			return func() {}
		},
		"a template": func(s *store) func() {
			s.set(template, `{"event": `)
			return func() { s.set(template, "") }
		},
		"the write key": func(s *store) func() {
			s.set(settings.SegmentWriteKey, "")
			return func() { s.set(settings.SegmentWriteKey, writeKey) }
		},
	} {
		for outage, within := range map[time.Duration]time.Duration{
			10 * time.Minute: 30 * time.Second,
			30 * time.Minute: 30 * time.Second,
			10 * time.Hour:   6 * time.Minute,
		} {
			t.Run(name+" after "+outage.String(), func(t *testing.T) {
				run(t, small, func(t *testing.T, s *store) {
					repair := broken(s)
					time.Sleep(2 * time.Minute) // longer than settings are in effect
					for range 25 {
						s.post(tracking.OrderCompleted.Name)
						time.Sleep(time.Second)
					}
					time.Sleep(outage)
					repair()
					s.segment.answers(nil)
					took := s.drains(t, time.Hour)
					t.Logf("all are delivered %.0f s after the repair", took.Seconds())
					s.lostNothing(t, 0)
					if took > within {
						t.Errorf("the last of 25 events was delivered %v after the repair, more than %v", took, within)
					}
				})
			})
		}
	}
}
