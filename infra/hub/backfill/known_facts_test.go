package backfill

import (
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/tracking"
)

// Segment counts an event twice that it received more than a day before.
func TestABackfillLeavesOutWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := openShop(t), &arrivalLog{}
		var ids []string
		for n := range 4 {
			ids = append(ids, s.addOrder(n, day.Add(time.Duration(n)*time.Hour), "complete", "paid"))
		}
		log.arrive(tracking.OrderCompleted, ids[0], Delivered)
		log.arrive(tracking.OrderCompleted, ids[1], DeadLettered)
		if err := s.journal().add([]entry{{key: key("checkout-started", ids[2])}}); err != nil {
			t.Fatal(err)
		}
		known, err := ReadKnownFacts(t.Context(), log, day, s.journal())
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.sender().Plan(t.Context(), Orders, day, day.AddDate(0, 1, 0), known, func(int) {})
		if err != nil || plan.Sent != 2 || plan.Total() != 6 {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		position := NewPosition(s.file("position"), Orders, day, day.AddDate(0, 1, 0), plan.Total())
		if err := s.sender().Backfill(t.Context(), position, known, s.journal(), func(Position) {}); err != nil {
			t.Fatal(err)
		}
		if position.Sent != 6 || s.segment.events != 6 {
			t.Errorf("it sent %d events, and Segment received %d", position.Sent, s.segment.events)
		}
		for _, message := range s.segment.last {
			fields := fieldsOf(message)
			properties := fields["properties"].(map[string]any)
			if about := properties["order_id"]; fields["event"] == "Order Completed" && about == ids[0] || fields["event"] == "Checkout Started" && about == ids[2] {
				t.Errorf("it sent %s of %s again", fields["event"], about)
			}
		}
		again, err := ReadKnownFacts(t.Context(), log, day, s.journal())
		if err != nil {
			t.Fatal(err)
		}
		if plan, err := s.sender().Plan(t.Context(), Orders, day, day.AddDate(0, 1, 0), again, func(int) {}); err != nil || plan.Sent != 8 || plan.Total() != 0 {
			t.Errorf("the next plan is %+v, %v", plan, err)
		}
	})
}
