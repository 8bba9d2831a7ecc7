package hubtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// WriteFile writes a file, and creates its folder.
func WriteFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Compact returns a JSON value without white space between its parts.
func Compact(t *testing.T, value []byte) []byte {
	t.Helper()
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, value); err != nil {
		t.Fatal(err)
	}
	return compacted.Bytes()
}

// Order returns a webhook about an order, in the form that Commerce sends today.
func Order(event, id string) string {
	return fmt.Sprintf(`{"id":"w-%s","triggered_by":%q,"attempt":1,"payload":{"data":{"type":"order","id":%[1]q,`+
		`"meta":{"display_price":{"with_tax":{"amount":10000,"currency":"GBP"}},`+
		`"timestamps":{"created_at":"2026-11-01T10:00:00Z","updated_at":"2026-11-02T10:00:00Z"}}},"included":{"items":[]}}}`, id, event)
}

// Simple is a template that uses only the id of an order.
const Simple = `{"event": "Order Completed", "userId": payload.data.id, "properties": {"order_id": payload.data.id}}`

// PersonalOrder is a webhook about an order with personal data.
const PersonalOrder = `{"triggered_by": "order.paid", "payload": {"data": {"type": "order", "id": "o-1",
	"customer": {"name": "Mara Lind", "email": "Mara.Lind@example.com"},
	"shipping_address": {"first_name": "Mara", "last_name": "Lind", "phone_number": "+1 (503) 555-0144", "line_1": "14 Quarry Road",
		"city": "Portland", "postcode": "97205", "region": "OR", "country": "US", "instructions": "at the back door"},
	"gift_for": {"email": "jo@example.org"},
	"meta": {"display_price": {"with_tax": {"amount": 97205000, "currency": "USD"}}, "timestamps": {"updated_at": "2026-01-02T03:04:05Z"}},
	"relationships": {"customer": {"data": {"type": "customer", "id": "c-1"}}}},
	"included": {"items": [{"name": "Two-person tent", "sku": "OR-1"}]}}}`
