package templates_test

import (
	"encoding/json"
	"strings"
	"testing"

	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Each of these lines replaces the only line of a sample, whose order is in USD.
func TestWhatBecomesOfALine(t *testing.T) {
	tests := []struct {
		name, line string
		has        []string
		hasNot     string
	}{
		{"a product goes by its id",
			`{"id": "line", "product_id": "P", "sku": "S", "subscription_offering_id": "O", "name": "N"}`, []string{`"product_id":"P"`}, ""},
		{"a custom item goes by its sku",
			`{"id": "line", "product_id": "", "sku": "S", "name": "N"}`, []string{`"product_id":"S"`}, ""},
		{"a subscription without a product goes by its offering",
			`{"id": "line", "subscription_offering_id": "O", "name": "N"}`, []string{`"product_id":"O"`}, `"sku"`},
		{"a subscription with empty ids goes by its offering",
			`{"id": "line", "product_id": null, "sku": "", "subscription_offering_id": "O", "name": "N"}`, []string{`"product_id":"O"`}, `"sku"`},
		{"a custom item without a sku goes by its name, which is the same in every order",
			`{"id": "line", "product_id": "", "sku": "", "name": "Gift wrap"}`, []string{`"product_id":"Gift wrap"`}, `"sku"`},
		{"a line that has nothing else goes by its own id",
			`{"id": "line"}`, []string{`"product_id":"line"`}, ""},
		{"a price in the order's currency is sent",
			`{"id": "line", "unit_price": {"amount": 2020, "currency": "USD"}}`, []string{`"price":20.2`}, ""},
		{"a price without a currency is in the order's",
			`{"id": "line", "unit_price": {"amount": 2020}}`, []string{`"price":20.2`}, ""},
		{"a price whose currency is empty is in the order's",
			`{"id": "line", "unit_price": {"amount": 2020, "currency": ""}}`, []string{`"price":20.2`}, ""},
		{"a price in another currency is left out, and nothing else is",
			`{"id": "line", "name": "N", "quantity": 3, "unit_price": {"amount": 2020, "currency": "EUR"}}`,
			[]string{`"name":"N","position":1,"product_id":"N","quantity":3`, `"currency":"USD"`, `65.15`}, `"price"`},
		{"a price with tax in it in another currency is left out",
			`{"id": "line", "unit_price": {"amount": 2424, "currency": "EUR", "includes_tax": true}, "meta": {"display_price": {"without_tax": {"unit": {"amount": 2020, "currency": "EUR"}}}}}`,
			[]string{`"product_id":"line"`}, `"price"`},
		{"what is taken off in another currency is no product, and not in the discount",
			`{"id": "line", "unit_price": {"amount": -500, "currency": "EUR"}, "value": {"amount": -500, "currency": "EUR"}}`,
			[]string{`"products":[]`, `"discount":0`}, ""},
	}
	sample := sampleNamed(t, "order-completed/float-noise")
	for _, tracked := range tracking.All() {
		if tracked.Resource() != "order" {
			continue
		}
		compiled, err := template.Compile(tracked.Name, templates.Default(tracked.Name))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			t.Run(tracked.Name+"/"+test.name, func(t *testing.T) {
				body := readWebhook(t, sample).Document()
				var line any
				decode(t, []byte(test.line), &line)
				change{to: line}.at(body, strings.Split("payload.included.items.0", "."))
				written, err := compiled.Apply(t.Context(), inputOf(t, body))
				if err != nil {
					t.Fatal(err)
				}
				encoded, err := json.Marshal(written)
				if err != nil {
					t.Fatal(err)
				}
				for _, has := range test.has {
					if !strings.Contains(string(encoded), has) {
						t.Errorf("%s does not have %s", encoded, has)
					}
				}
				if test.hasNot != "" && strings.Contains(string(encoded), test.hasNot) {
					t.Errorf("%s has %s", encoded, test.hasNot)
				}
			})
		}
	}
}
