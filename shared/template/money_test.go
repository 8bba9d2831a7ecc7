package template_test

import (
	"testing"

	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/money"
	"commerce-segment/shared/template"
)

// order has prices whose decimals are not those of ISO 4217: forints without and yen
// with two decimals, and a code that is not in ISO.
const order = `{"payload": {
	"data": {"total": {"amount": 34484, "currency": "HUF", "formatted": "34,484 Ft"}, "discount": {"amount": 0, "currency": "HUF", "formatted": "0 Ft"}},
	"included": {"items": [
		{"price": {"amount": 1999e0, "currency": "JPY", "formatted": "¥19.99"}},
		{"price": {"amount": 5, "currency": "YEN", "formatted": "5"}},
		{"price": {"amount": 1999, "currency": "GBP"}},
		{"price": {"amount": "1999", "currency": "EUR", "formatted": "1999"}},
		{"price": {"amount": 1999, "currency": null, "formatted": "1999"}},
		{"price": {"amount": 1999, "currency": "USD", "formatted": 1999}}
	]}
}}`

func TestMoneyKnowsTheDecimalsOfTheStore(t *testing.T) {
	for _, test := range []struct {
		name, source string
		setting      money.Decimals
		want         string
	}{
		{"by how the prices of the webhook are written", `[$money(payload.data.total), $money(199900, "jpy"), $money(120, "YEN")]`, nil, `[34484,1999,120]`},
		{"by ISO 4217 where no price shows it", `[$money(1999, "GBP"), $money(1999, "EUR"), $money(1999, "USD"), $money(1999, "KWD")]`, nil, `[19.99,19.99,19.99,1.999]`},
		{"by the setting before either", `[$money(payload.data.total), $money(1999, "GBP"), $money(1999, "JPY")]`, money.Decimals{"HUF": 2, "GBP": 0}, `[344.84,1999,19.99]`},
		{"in every context", `payload.included.items[0].price.$money($)`, nil, `19.99`},
		{"not by prices that the template makes", `($p := {"amount": 1999, "currency": "GBP", "formatted": "1999"}; $money($p))`, nil, `19.99`},
	} {
		t.Run(test.name, func(t *testing.T) {
			compiled, err := template.Compile("money", test.source)
			if err != nil {
				t.Fatal(err)
			}
			got, err := compiled.WithCurrencies(test.setting).Eval(t.Context(), []byte(order), nil)
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestTheDecimalsOfAWebhookAreNotUsedForTheNext(t *testing.T) {
	compiled, err := template.Compile("money", `$money(1999, "HUF")`)
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]string{order: "1999", `{}`: "19.99", `{"amount": 5, "currency": "HUF", "formatted": "0,005"}`: "1.999"} {
		if got, err := compiled.Eval(t.Context(), []byte(input), nil); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", input, got, err, want)
		}
	}
}

func TestPricesOfABody(t *testing.T) {
	input, err := value.FromJSON([]byte(order))
	if err != nil {
		t.Fatal(err)
	}
	prices := template.PricesOf(input)
	for currency, want := range map[string]int{"HUF": 0, "JPY": 2, "YEN": 0} {
		if got, known := prices.Of(currency); !known || got != want {
			t.Errorf("%s: got %d, %v, want %d", currency, got, known, want)
		}
	}
	if got, known := prices.Of("EUR"); known {
		t.Errorf("EUR, which has no complete price: got %d", got)
	}
}
