package backfill

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
)

// shownTexts lists the fields of a message whose texts are not personal in the default
// templates. All other texts may be personal.
var shownTexts = []string{
	"type", "event", "messageId", "timestamp", "currency", "order_id", "checkout_id", "product_id",
	"sku", "coupon", "status", "payment_status", "shipping_status",
}

// shownOfProducts lists the fields of a product whose texts are shown in addition: they are from
// the catalogue, and the same for all customers.
var shownOfProducts = []string{"name", "brand", "category", "variant", "url", "image_url"}

// commerceID matches the ids that Commerce generates.
var commerceID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

const redacted = "[redacted]"

// redact returns a message without personal data: its fields, its numbers, and the texts
// that are known not to be personal.
func redact(message json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(message))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return []byte(`"` + redacted + `"`)
	}
	for name, value := range fields {
		personal := name == "traits" || name == "context"
		fields[name] = redactValue(name, value, shownTexts, personal)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return []byte(`"` + redacted + `"`)
	}
	return text
}

// redactValue returns the redacted value of a field. It keeps the texts of the fields in shown.
// If the field is personal, it redacts all texts and numbers in it.
func redactValue(name string, value any, shown []string, personal bool) any {
	if name == "products" {
		shown = slices.Concat(shownTexts, shownOfProducts)
	}
	switch value := value.(type) {
	case map[string]any:
		for name, below := range value {
			value[name] = redactValue(name, below, shown, personal)
		}
	case []any:
		for i, below := range value {
			value[i] = redactValue(name, below, shown, personal)
		}
	case string:
		if personal || !slices.Contains(shown, name) && !commerceID.MatchString(value) {
			return redacted
		}
	case json.Number:
		if personal {
			return redacted
		}
	}
	return value
}
