package templates_test

import (
	"encoding/json"
	"slices"
	"testing"

	"commerce-segment/shared/template"
	"commerce-segment/templates"
)

// A template that ran into its own limits over a large order would keep that order
// waiting for good. As many lines as this do not come in; a merchant's template may
// do more for each than ours. The other templates of orders do the same with each line: see
// TestOrderTemplatesDifferOnlyInTheirOwnFieldsAndComments.
func TestOrdersOfTenThousandLinesUseHalfOfTheLimitsAtMost(t *testing.T) {
	const lines = 20_000
	order := readWebhook(t, sampleNamed(t, "order-completed/many-lines")).Document()
	included := inside(order["payload"], "included").(map[string]any)
	few := included["items"].([]any)
	included["items"] = slices.Repeat(few, lines/len(few)+1)[:lines]
	whole, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := template.Compile("order-completed", templates.Default("order-completed"))
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	decode(t, whole, &body)
	written, err := compiled.Apply(t.Context(), inputOf(t, body))
	if err != nil {
		t.Fatal(err)
	}
	products := inside(written[0]["properties"], "products").([]any)
	if len(products) < lines/2 { // the others are no products
		t.Errorf("it wrote %d products of %d lines", len(products), lines)
	}
}
