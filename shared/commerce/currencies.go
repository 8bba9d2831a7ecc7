package commerce

import (
	"context"
	"iter"
)

// Currency is one of the store's currencies, enabled or not (currencies.yaml).
type Currency struct {
	Code string `json:"code"`
	// DecimalPlaces is the number of decimals of an amount; nil if Commerce does not return it.
	DecimalPlaces *int `json:"decimal_places"`
}

// Currencies iterates over the store's currencies.
func (c *Client) Currencies(ctx context.Context) iter.Seq2[Currency, error] {
	return list[Currency](ctx, c, "/v2/currencies")
}
