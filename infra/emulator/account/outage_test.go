package account_test

import (
	"context"
	"flag"
	"net/http"
	"testing"
	"time"

	"commerce-segment/shared/serve"
)

// scale is for the tests AtScale.
var scale = flag.Int("scale", 1, "multiply the length of the outages in tests AtScale; above a day's, the webhooks a second")

// small is a new AWS account: it runs ten executions at the same time.
var small = size{concurrency: 10, deliveries: serve.Deliveries, window: serve.GatherFor}

// A new AWS account accepts nearly all webhooks of a busy store while Segment does not work, from
// the first second of the outage until everything is delivered. The webhooks come at random, so
// one may meet ten executions that are running: the test allows two, and ten of 8,700 while
// Segment is slow. An outage takes three minutes; with scale 20, an hour.
func TestAtScaleASmallAccountAcceptsWebhooksDuringAnOutage(t *testing.T) {
	const aSecond = 20
	for name, outage := range map[string]struct {
		answer  func(context.Context) *http.Response
		refused int // webhooks at most
	}{
		"hangs":       {answer: hangs, refused: 2},
		"answers 500": {answer: status(100*time.Millisecond, 500, ""), refused: 2},
		"answers 429": {answer: status(100*time.Millisecond, 429, "30"), refused: 2},
		// Each tracking always delivers, one batch after the other: seven of ten executions.
		"is slow": {answer: status(3500*time.Millisecond, 200, ""), refused: 10 * *scale},
	} {
		t.Run("Segment "+name, func(t *testing.T) {
			run(t, small, func(t *testing.T, s *store) {
				s.receives(aSecond/4, time.Minute)
				s.receives(aSecond, time.Minute)
				s.segment.answers(outage.answer)
				s.receives(aSecond, 3*time.Minute*time.Duration(*scale))
				s.segment.answers(nil)
				s.receives(aSecond, 3*time.Minute)
				s.drains(t, time.Hour)
				s.report(t)
				s.lostNothing(t, outage.refused)
				if n := s.segment.peak; n > mostAtOnce {
					t.Errorf("after the repair Segment had %d requests at the same time, more than %d", n, mostAtOnce)
				}
			})
		})
	}
}

// mostAtOnce is the most requests at the same time that a small account makes after a repair.
const mostAtOnce = 30

// A store whose queue is paused, or that has no event at all, costs only the polling of its
// queues and the rules.
func TestAStoreAtRestCostsTwoDollarsAMonth(t *testing.T) {
	run(t, small, func(t *testing.T, s *store) {
		time.Sleep(24 * time.Hour)
		month := s.account.Usage().Times(30)
		t.Logf("a month: %v", month)
		if cost := month.Bill().Total(); cost > 2.50 {
			t.Errorf("a month costs %.2f dollars", cost)
		}
	})
}
