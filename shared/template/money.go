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
	if err := st.Allocate(len(s)); err != nil {
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
		return nil, fmt.Errorf("the currency for $money has more than %d bytes: it must be a code such as \"EUR\"", maxCode)
	}
	var err error
	decimals := money.Choose(e.template.currencies, func() (prices money.Prices) {
		prices, err = e.prices(st)
		return prices
	}, code)
	return money.Major(minor, decimals), err
}

// prices returns the decimals that the prices of the input show. They are read at the
// first call.
func (e *event) prices(st *value.State) (money.Prices, error) {
	if e.shown == nil {
		r := readPrices(e.input)
		e.shown = r.prices
		return e.shown, st.Spend(r.values/8 + r.bytes/4)
	}
	return e.shown, nil
}

// maxCode bounds the code of a currency, which is made upper case several times.
const maxCode = 64

// priceReader finds prices: objects with an amount, its currency, and both as a formatted
// text.
type priceReader struct {
	prices money.Prices
	values int // that it went through
	bytes  int // of the texts that it read
}

func (r *priceReader) value(v any) {
	r.values++
	switch v := v.(type) {
	case *value.Array:
		for _, item := range v.Items {
			r.value(item)
		}
	case *value.Object:
		r.object(v)
	}
}

// object adds what an object is a price of, and the prices in its fields.
func (r *priceReader) object(o *value.Object) {
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
			r.value(f.Value)
		}
	}
	n, isAmount := value.Number(amount)
	code, isCode := currency.(string)
	text, isText := formatted.(string)
	if isAmount && isCode && isText && len(code) <= maxCode {
		r.bytes += len(code) + len(text)
		r.prices.Add(code, n, text)
	}
}

// PricesOf returns what the prices in a template's input show.
func PricesOf(input any) money.Prices {
	return readPrices(input).prices
}

func readPrices(input any) *priceReader {
	r := &priceReader{prices: money.Prices{}}
	r.value(input)
	return r
}
