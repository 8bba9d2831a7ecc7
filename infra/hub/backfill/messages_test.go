package backfill

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// messages returns the messageIds of a day, and the facts that are rejected.
func (s *shop) messages(t *testing.T, read func(int)) (ids []string, rejected []Rejection, err error) {
	t.Helper()
	reject := func(r Rejection) { rejected = append(rejected, r) }
	for message, err := range s.sender().Messages(t.Context(), day, day.AddDate(0, 0, 1), read, reject) {
		if err != nil {
			return ids, rejected, err
		}
		ids = append(ids, fieldsOf(message)["messageId"].(string))
	}
	slices.Sort(ids)
	return ids, rejected, nil
}

func TestTheMessagesOfAPeriodAreThoseOfItsFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.options.Kinds = []Kind{Orders, Customers}
		var want []string
		for n := range 2*batchLength + 1 {
			want = append(want, messageID(tracking.CheckoutStarted, s.addOrder(n, day.Add(time.Minute), "complete", "unpaid")))
		}
		week := day.AddDate(0, 0, -7)
		late := s.addOrder(1000, week, "complete", "authorized")
		payment := s.commerce.AddTransaction(late, commercetest.Object{
			"transaction_type": "purchase", "status": "complete", "amount": 1200, "refunded_amount": 0, "currency": "GBP", "meta": timestamps(week, week),
		})
		s.commerce.Refund(late, payment, 1200, day.Add(time.Hour))
		s.addOrder(1001, week, "complete", "paid")                   // with facts before the day alone
		s.addOrder(1002, day.AddDate(0, 0, 1), "complete", "unpaid") // after it
		customer := s.commerce.AddCustomer(commercetest.Object{"name": "Ada", "email": "ada@example.com", "meta": timestamps(day, day)})
		s.commerce.AddCustomer(commercetest.Object{"name": "Bo", "email": "bo@example.com", "meta": timestamps(day.AddDate(0, 0, -1), day)})
		want = append(want, "order-refunded:"+late+":all:0-track:"+saltOfKeyOne, messageID(tracking.CustomerCreated, customer))
		slices.Sort(want)

		counted := 0
		got, rejected, err := s.messages(t, func(n int) { counted = n })
		if err != nil || len(rejected) > 0 || !slices.Equal(got, want) || counted != 2*batchLength+4 {
			t.Errorf("of %d resources it returns %d messages, want %d: %v, %v\n%v", counted, len(got), len(want), rejected, err, got[max(0, len(got)-3):])
		}
		if s.segment.events > 0 {
			t.Errorf("it sent %d messages", s.segment.events)
		}
	})
}

func TestAMessageThatSegmentWouldDropIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.configure(tracking.CheckoutStarted, func(c *relay.Config) { c.Template = `{"event": "Checkout Started", "userId": 7}` })
		order := s.addOrder(1, day, "complete", "unpaid")
		got, rejected, err := s.messages(t, func(int) {})
		if err != nil || len(got) > 0 || len(rejected) != 1 || !strings.Contains(fmt.Sprint(rejected[0]), order) {
			t.Errorf("it returns %v, %v, %v", got, rejected, err)
		}
	})
}

func TestAnErrorOfCommerceEndsTheMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.addOrder(1, day, "complete", "paid")
		s.commerce.Fail(commercetest.Fault{Path: "/v2/orders", Status: http.StatusForbidden})
		if got, _, err := s.messages(t, func(int) {}); err == nil || len(got) > 0 {
			t.Errorf("it returns %v, %v", got, err)
		}
	})
}
