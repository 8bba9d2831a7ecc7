package commerce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Transaction is a payment of an order, as it is by now (cartsorders.yaml). A refund is
// no transaction of its own: it raises the payment's RefundedAmount and makes its Type
// "refund".
type Transaction struct {
	ID        string `json:"id"`
	Type      string `json:"transaction_type"` // purchase, capture, authorize or refund
	Status    string `json:"status"`           // the gateway's: complete, failed, …
	Gateway   string `json:"gateway"`
	Reference string `json:"reference"`
	// Amount and RefundedAmount are in the currency's minor unit. RefundedAmount is the
	// sum of all refunds so far.
	Amount         float64 `json:"amount"`
	RefundedAmount float64 `json:"refunded_amount"`
	Currency       string  `json:"currency"`
	Meta           struct {
		Timestamps struct {
			CreatedAt string `json:"created_at"`
			UpdatedAt string `json:"updated_at"`
		} `json:"timestamps"`
	} `json:"meta"`
}

// UnmarshalJSON implements json.Unmarshaler. Commerce writes transaction_type, and the
// description of its API transaction-type. A field of another type than documented is
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

// unmarshal reads JSON, and leaves out what is of another type than the target.
func unmarshal(data []byte, target any) error {
	err := json.Unmarshal(data, target)
	if mismatch := new(json.UnmarshalTypeError); errors.As(err, &mismatch) {
		return nil
	}
	return err
}

// TransactionsPath is where the API has the transactions of an order.
func TransactionsPath(orderID string) string { return orderPath(orderID) + "/transactions" }

// Transactions lists the payments of an order.
func (c *Client) Transactions(ctx context.Context, orderID string) ([]Transaction, error) {
	var transactions []Transaction
	err := c.read(ctx, TransactionsPath(orderID), &transactions)
	return transactions, err
}

// MayHavePartRefunded says that by an order's payment a part of it may have been refunded:
// it is paid, and not all of it was refunded. Commerce has no payment status for a part.
func MayHavePartRefunded(payment string) bool {
	return !slices.Contains([]string{"unpaid", "authorized", "partially_authorized", "refunded"}, payment)
}

// Refund is what was refunded of an order so far, by all refunds together.
type Refund struct {
	Amount float64   // in the currency's minor unit; 0 for nothing
	At     time.Time // when the last of it was; zero where Commerce does not say
}

// When is when the last of it was, in RFC 3339; empty where Commerce does not say.
func (r Refund) When() string {
	if r.At.IsZero() {
		return ""
	}
	return r.At.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// RefundOf adds up what was refunded by the payments of an order.
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

// ReadRefund reads what was refunded of an answer of the API at TransactionsPath, which
// is nil where nothing is there. A field of another type than documented is left out.
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
