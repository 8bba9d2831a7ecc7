package templates_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"commerce-segment/shared/template"
	"commerce-segment/templates"
)

// The README's recipes, each made as it says and tried on a sample. A recipe
// that no longer fits the templates would fail in a merchant's hands.
func TestRecipesOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const properties, traits, products = `"properties": {`, `$traits   := {`, `"quantity": $figure($line.quantity),`
	tests := []struct {
		name, sample   string
		before, recipe string // the recipe goes behind this, or instead of it
		instead        bool
		want           string
	}{
		{
			name: "another property", sample: "order-completed/registered-customer",
			before: properties, recipe: `"order_number": $order.order_number,`, want: `"order_number":"KP-10482"`,
		},
		{
			name: "a custom field as a trait, with all of its digits", sample: "order-completed/custom-fields",
			before: traits, recipe: `"loyaltyNumber": $order.loyalty_number,`, want: `"loyaltyNumber":90071992547409931`,
		},
		{
			name: "a custom field of a customer", sample: "customer-created/custom-fields",
			before: `"traits": {`, recipe: `"loyaltyNumber": payload.data.loyalty_number,`, want: `"loyaltyNumber":90071992547409931`,
		},
		{
			name: "a name with a hyphen", sample: "order-completed/custom-fields",
			before: properties, recipe: "\"delivery_slot\": $order.`delivery-slot`,", want: `"delivery_slot":"2026-11-25 08-12"`,
		},
		{
			name: "a line's custom field", sample: "order-completed/custom-fields",
			before: products, recipe: `"engraving": $line.engraving,`, want: `"engraving":"Für Anna"`,
		},
		{
			name: "guests by their anonymous id alone", sample: "order-completed/anonymous-id",
			before:  `"userId": $known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id,`,
			instead: true, recipe: `"userId": $known($order.relationships.customer.data.id) ?: $known($order.customer.id),`,
			want: `"total":12.5}}]`, // and no userId behind it
		},
		{
			name: "the account of a B2B order", sample: "order-completed/account-contact",
			before: `$context  := {`, recipe: `"groupId": $order.relationships.account.data.id,`,
			want: `"groupId":"`,
		},
		{
			name: "a hashed e-mail", sample: "order-completed/registered-customer",
			before: traits, recipe: `"email_sha256": $sha256($lowercase($trim($known($person.customer.email)))),`,
			want: `"email_sha256":"1ee3de42`,
		},
		{
			name: "a custom field of the customer who ordered", sample: "order-refunded/partial",
			before: properties, recipe: `"loyalty_number": ($id := $order.relationships.customer.data.id; $id ? $commerce("/v2/customers/" & $id).data.loyalty_number),`,
			want: `"loyalty_number":"K-208"`,
		},
		{
			name: "shipping sold as a custom item", sample: "order-completed/custom-items",
			before: `$shipping := $minor($price.shipping);`, instead: true, recipe: `$shipping := $items[sku = "ENGRAVE"].value.amount;`,
			want: `"shipping":15,`,
		},
		{
			name: "which is no product then", sample: "order-completed/custom-items",
			before: `$items[$not($isOff($))]`, instead: true, recipe: `$items[$not($isOff($) or sku = "ENGRAVE")]`,
			want: `"name":"Camp stove","position":1,"price":59.5,`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if recipe := strings.ReplaceAll(test.recipe, "ENGRAVE", "SHIP"); !strings.Contains(string(readme), recipe) {
				t.Errorf("the README does not say %s", recipe)
			}
			sample := sampleNamed(t, test.sample)
			source := templates.Default(sample.Tracking)
			recipe := test.before + "\n" + test.recipe
			if test.instead {
				recipe = test.recipe
			}
			changed := strings.Replace(source, test.before, recipe, 1)
			if changed == source {
				t.Fatalf("%s has no %s", sample.Tracking, test.before)
			}
			compiled, err := template.Compile("recipe", changed)
			if err != nil {
				t.Fatal(err)
			}
			written, err := compiled.WithCommerce(sample.Commerce).Apply(t.Context(), inputOf(t, readWebhook(t, sample).Document()))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(written)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(got), test.want) {
				t.Errorf("got %s, want it to have %s", got, test.want)
			}
		})
	}
}
