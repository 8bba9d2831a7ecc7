package commercetest

import (
	"maps"
	"time"
)

// Refund refunds so much of a payment of an order, in minor units, as Commerce does, and
// gives the order's events that Commerce posts then. A refund is no transaction of its own:
// it raises the payment's refunded_amount. The order's payment status changes only once all
// payments are refunded, and only then there is an order.refunded.
func (s *Server) Refund(orderID, transactionID string, amount int, at time.Time) (events []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	order, payments := s.orders[find(s.orders, orderID)], s.transactions[orderID]
	payment := payments[find(payments, transactionID)]
	payment["transaction_type"] = "refund"
	payment["refunded_amount"] = amountOf(payment["refunded_amount"]) + float64(amount)
	touch(payment, at)
	touch(order, at)
	events = []string{"order.updated"}
	for _, p := range payments {
		if amountOf(p["refunded_amount"]) < amountOf(p["amount"]) {
			return events
		}
	}
	order["payment"] = "refunded"
	return append(events, "order.refunded")
}

// UpdateOrder changes fields of an order at that moment.
func (s *Server) UpdateOrder(orderID string, fields Object, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := s.orders[find(s.orders, orderID)]
	maps.Copy(order, copied(fields))
	touch(order, at)
}

// amountOf is an amount of a resource; 0 where there is none.
func amountOf(value any) float64 {
	n, _ := value.(float64)
	return n
}

// touch changes when a resource was last updated.
func touch(resource Object, updated time.Time) {
	at(resource, "meta", "timestamps").(Object)["updated_at"] = stamp(updated)
}
