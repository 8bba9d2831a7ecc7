package commerce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Transaction is the current state of a payment of an order (cartsorders.yaml). A
// refund is not a transaction: it raises the RefundedAmount of the payment and changes
// its Type to "refund".
type Transaction struct {
	Type           string  `json:"transaction_type"` // purchase, capture, authorize or refund
	Status         string  `json:"status"`           // as the gateway reports it: complete, failed, …
	RefundedAmount float64 `json:"refunded_amount"`  // the sum of all refunds, in the currency's minor unit
	Meta           struct {
		Timestamps struct {
			CreatedAt string `json:"created_at"`
			UpdatedAt string `json:"updated_at"`
		} `json:"timestamps"`
	} `json:"meta"`
}

// UnmarshalJSON implements json.Unmarshaler. Commerce writes transaction_type, while
// the description of its API has transaction-type. A field of an undocumented type is
// left out.
func (t *Transaction) UnmarshalJSON(data []byte) error {
	type plain Transaction
	either := struct {
		*plain
		Described string `json:"transaction-type"`
	}{plain: (*plain)(t)}
	err := unmarshal(data, &either)
	t.Type = cmp.Or(t.Type, either.Described)
	return err
}

// unmarshal decodes JSON, and leaves out fields of another type than those of the
// target.
func unmarshal(data []byte, target any) error {
	err := json.Unmarshal(data, target)
	if mismatch := new(json.UnmarshalTypeError); errors.As(err, &mismatch) {
		return nil
	}
	return err
}

// TransactionsPath returns the path of the transactions of an order in the API.
func TransactionsPath(orderID string) string { return orderPath(orderID) + "/transactions" }

// Transactions returns the payments of an order.
func (c *Client) Transactions(ctx context.Context, orderID string) ([]Transaction, error) {
	var transactions []Transaction
	err := c.read(ctx, TransactionsPath(orderID), &transactions)
	return transactions, err
}

// MayHavePartRefunded reports whether an order with this payment status can have a partial
// refund: it is paid, and not refunded in full. Commerce has no status for a partial
// refund.
func MayHavePartRefunded(payment string) bool {
	return !slices.Contains([]string{"unpaid", "authorized", "partially_authorized", "refunded"}, payment)
}

// Refund is the sum of all refunds of an order so far.
type Refund struct {
	Amount float64   // in the currency's minor unit; 0 if nothing was refunded
	At     time.Time // of the last refund; zero if Commerce does not return it
}

// When returns the time of the last refund in RFC 3339, or "" if Commerce does not
// return it.
func (r Refund) When() string {
	if r.At.IsZero() {
		return ""
	}
	return r.At.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// RefundOf returns the sum of the refunds of an order's payments.
func RefundOf(transactions []Transaction) Refund {
	var sum Refund
	for _, t := range transactions {
		if t.RefundedAmount <= 0 {
			continue
		}
		sum.Amount += t.RefundedAmount
		if at, err := time.Parse(time.RFC3339, t.Meta.Timestamps.UpdatedAt); err == nil && at.After(sum.At) {
			sum.At = at
		}
	}
	return sum
}

// ReadRefund returns the refunds in an answer of the API at TransactionsPath. The
// answer is nil if there is none. A field of an undocumented type is left out.
func ReadRefund(answer []byte) (Refund, error) {
	if answer == nil {
		return Refund{}, nil
	}
	var body struct {
		Data []Transaction `json:"data"`
	}
	err := unmarshal(answer, &body)
	return RefundOf(body.Data), err
}
