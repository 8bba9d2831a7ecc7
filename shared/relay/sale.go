package relay

import (
	"encoding/json"
	"strconv"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/money"
)

// sale is what Segment receives as the revenue of an event. It is logged, so that the revenue
// in Commerce can be compared with what was sent.
type sale struct {
	revenue  json.Number // as in the message; empty if there is none
	currency string
}

// totalOf returns the total of an order with its currency, such as "1310.00 EUR"; empty if the
// webhook does not have it.
func totalOf(w commerce.Webhook, currencies money.Decimals) string {
	total := w.Total()
	decimals := money.Choose(currencies, func() money.Prices {
		prices := money.Prices{}
		minor, _ := strconv.ParseFloat(total.Amount, 64) // ParseMinor checks it
		prices.Add(total.Currency, minor, total.Formatted)
		return prices
	}, total.Currency)
	amount, err := money.ParseMinor(total.Amount, decimals)
	if code := loggable.Currency(total.Currency); err == nil && code != "" {
		return amount.String() + " " + code
	}
	return ""
}

// saleOf returns the sale of the first message with a number as its revenue.
func saleOf(written []map[string]any) sale {
	for _, message := range written {
		properties, _ := message["properties"].(map[string]any)
		if revenue, ok := properties["revenue"].(float64); ok {
			currency, _ := properties["currency"].(string)
			return sale{json.Number(strconv.FormatFloat(revenue, 'f', -1, 64)), loggable.Currency(currency)}
		}
	}
	return sale{}
}
