package template

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/money"
)

// WithCurrencies returns the template with the decimals of the store's currencies from
// its settings. For other currencies $money uses the prices of the webhook, then ISO
// 4217.
func (t *Template) WithCurrencies(setting money.Decimals) *Template {
	knowing := *t
	knowing.currencies = setting
	return &knowing
}

// sha256Function is $sha256(text), in lower-case hexadecimal digits.
func sha256Function(st *value.State, s string, _ []any) (any, error) {
	if err := st.Allocate(len(s) + hex.EncodedLen(sha256.Size)); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:]), nil
}

// moneyFunction is $money(price), with price {amount, currency}, or
// $money(amount, currency): an amount in minor units as a number in major units.
func moneyFunction(st *value.State, args []any) (any, error) {
	e := st.Host.(*event)
	amount, currency := args[0], args[1]
	if price, ok := amount.(*value.Object); ok {
		amount, currency = price.Get("amount"), price.Get("currency")
	} else if amount != nil && currency == nil {
		return nil, errors.New("$money needs a price, as in $money(meta.display_price.with_tax), or an amount and a currency")
	}
	if amount == nil {
		return nil, nil
	}
	minor, ok := value.Number(amount)
	if !ok {
		return nil, fmt.Errorf("the amount for $money must be a number of minor units, not %s", value.Describe(amount))
	}
	code, ok := currency.(string)
	if !ok {
		return nil, fmt.Errorf("the currency for $money must be a code such as \"EUR\", not %s", value.Describe(currency))
	}
	if len(code) > maxCode {
		code = "" // which no currency has either
	}
	return money.Major(minor, money.Choose(e.template.currencies, e.prices, code)), nil
}

// maxCode is the length of the longest code of a currency that is looked up. A lookup
// converts the code to upper case several times.
const maxCode = 64

// prices returns the decimals that the prices of the input show. The first call of an
// evaluation reads them. This is not charged, like the reading of the input.
func (e *event) prices() money.Prices {
	if e.shown == nil {
		e.shown = PricesOf(e.input)
	}
	return e.shown
}

// addPrices adds the prices in a value: objects with an amount, its currency, and both
// as a formatted text.
func addPrices(prices money.Prices, v any) {
	switch v := v.(type) {
	case *value.Array:
		for _, item := range v.Items {
			addPrices(prices, item)
		}
	case *value.Object:
		addPrice(prices, v)
	}
}

// addPrice adds an object if it is a price, and the prices in its fields.
func addPrice(prices money.Prices, o *value.Object) {
	var amount, currency, formatted any
	for _, f := range o.Written() {
		switch f.Key {
		case "amount":
			amount = f.Value
		case "currency":
			currency = f.Value
		case "formatted":
			formatted = f.Value
		default:
			addPrices(prices, f.Value)
		}
	}
	n, isAmount := value.Number(amount)
	code, isCode := currency.(string)
	text, isText := formatted.(string)
	if isAmount && isCode && isText && len(code) <= maxCode {
		prices.Add(code, n, text)
	}
}

// PricesOf returns what the prices in a template's input show.
func PricesOf(input any) money.Prices {
	prices := money.Prices{}
	addPrices(prices, input)
	return prices
}
