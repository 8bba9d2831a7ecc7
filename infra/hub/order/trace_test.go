package order

import (
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/executions"
)

func TestAnOrderIsTracedByItsNumber(t *testing.T) {
	s := openShop(t)
	numbered := func(field, number string) string {
		id := s.addOrder("paid", 0)
		s.commerce.UpdateOrder(id, commercetest.Object{field: number}, time.Now())
		return id
	}
	came := numbered("order_number", "1042")
	missed := numbered("order_number", "1043")
	withSign := numbered("order_number", "#1045")
	byReference := numbered("external_ref", "erp-7")
	for range 2 {
		numbered("order_number", "twice-1")
	}
	received := time.Now().Add(-time.Minute)
	log := executions.Memory{List: executions.Of([]executions.Line{
		{Time: received, Kind: "accept", Tracking: "order-completed", Event: "order.paid", Received: received, Resource: came, Number: "1042", Outcome: "accepted"},
		{Time: received, Kind: "deliver", Tracking: "order-completed", Event: "order.paid", Received: received, Resource: came, Number: "1042", Outcome: "delivered", Receives: 1, Revenue: "12", Currency: "GBP"},
		{Time: received, Kind: "accept", Tracking: "checkout-started", Event: "order.created", Received: received.Add(-time.Second), Resource: came, Outcome: "accepted"}, // before it had its number
	})}
	trace := func(text string) string {
		t.Helper()
		story, err := Trace(t.Context(), s.store, "http://127.0.0.1:1", log, executions.Search{Resource: text, Since: time.Hour, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(append(append([]string{story.Says}, story.Commerce...), story.Candidates...), "\n")
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"1042", []string{"Received 2 webhooks about order 1042 (" + came + ")", "Segment received Order Completed", "There is no difference."}},
		{"#1042", []string{"Received 2 webhooks"}},
		{came, []string{"Received 2 webhooks about " + came}},
		{"1043", []string{"No webhooks about order 1043 (" + missed + ") were received", "In Commerce the order is complete, paid"}},
		{"1045", []string{"order 1045 (" + withSign + ")"}},
		{"#1045", []string{"order #1045 (" + withSign + ")"}},
		{"erp-7", []string{"order erp-7 (" + byReference + ")"}},
		{"twice-1", []string{"2 orders have the number twice-1. Choose one of them:"}},
		{"1044", []string{"No webhooks about 1044", "Commerce has no order with this number or id."}},
		{"Mara Lind", []string{"No webhooks about Mara Lind"}},
	} {
		says := trace(c.text)
		for _, want := range c.want {
			if !strings.Contains(says, want) {
				t.Errorf("%s: it does not say %q:\n%s", c.text, want, says)
			}
		}
	}
}
