package relay

import (
	"encoding/json"
	"strconv"

	"commerce-segment/shared/loggable"
)

// sale is what Segment receives as the revenue of an event. It is logged, so that the revenue
// in Commerce can be compared with what was sent.
type sale struct {
	revenue  json.Number // as in the message; empty if there is none
	currency string
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
