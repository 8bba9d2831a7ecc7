package commercetest

import (
	"maps"
	"time"
)

// Refund refunds an amount of a payment of an order, in minor units, as Commerce does.
// It returns the events of the order that Commerce posts then. A refund is not a
// transaction: it raises the refunded_amount of the payment. The payment status of the
// order changes only when all payments are refunded, and only then there is an
// order.refunded.
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

// UpdateOrder changes fields of an order, at the time at.
func (s *Server) UpdateOrder(orderID string, fields Object, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := s.orders[find(s.orders, orderID)]
	maps.Copy(order, copied(fields))
	touch(order, at)
}

// amountOf returns an amount of a resource, or 0.
func amountOf(value any) float64 {
	n, _ := value.(float64)
	return n
}

// touch sets the time of the last update of a resource.
func touch(resource Object, updated time.Time) {
	at(resource, "meta", "timestamps").(Object)["updated_at"] = stamp(updated)
}
