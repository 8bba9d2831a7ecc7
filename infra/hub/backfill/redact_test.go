package backfill

import "testing"

func TestASampleShowsProductsAndNoPerson(t *testing.T) {
	got := string(redact([]byte(`{"type": "track", "event": "Order Completed", "userId": "ada@example.com",
		"context": {"traits": {"name": "Ada", "products": [{"name": "Ada"}]}},
		"properties": {"name": "Ada", "total": 5, "note": "for Ada",
			"products": [{"name": "Enamel mug", "sku": "MUG-BLUE", "brand": "Ridge", "price": 12.5, "engraving": "Ada"}]}}`)))
	want := `{"context":{"traits":{"name":"[redacted]","products":[{"name":"[redacted]"}]}},"event":"Order Completed",` +
		`"properties":{"name":"[redacted]","note":"[redacted]",` +
		`"products":[{"brand":"Ridge","engraving":"[redacted]","name":"Enamel mug","price":12.5,"sku":"MUG-BLUE"}],"total":5},` +
		`"type":"track","userId":"[redacted]"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
