package template

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"commerce-segment/shared/money"
)

// WithCurrencies is the template with the decimals that the store's currencies have by
// its settings. For a currency that is not there, $money goes by the prices of what the
// template is applied to, and else by ISO 4217.
func (t *Template) WithCurrencies(setting money.Decimals) *Template {
	knowing := *t
	knowing.currencies = setting
	return &knowing
}

func defineMoney() {
	define("money", "x-s?:n", 2, moneyFunction)
	textFunction("sha256", "s-:s", 1, func(st *state, s string, _ []any) (any, error) {
		if err := st.allocate(len(s)); err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	})
}

// moneyFunction is $money(price), with price {amount, currency}, or
// $money(amount, currency): an amount in minor units as a number in major units.
func moneyFunction(st *state, args []any) (any, error) {
	amount, currency := args[0], args[1]
	if price, ok := amount.(*object); ok {
		amount, currency = price.get("amount"), price.get("currency")
	} else if amount != nil && currency == nil {
		return nil, errors.New("$money needs a price, as in $money(meta.display_price.with_tax), or an amount and a currency")
	}
	if amount == nil {
		return nil, nil
	}
	minor, ok := number(amount)
	if !ok {
		return nil, fmt.Errorf("the amount for $money must be a number of minor units, not %s", describe(amount))
	}
	code, ok := currency.(string)
	if !ok {
		return nil, fmt.Errorf("the currency for $money must be a code such as \"EUR\", not %s", describe(currency))
	}
	return money.Major(minor, money.Choose(st.currencies, st.prices, code)), nil
}

// prices are what the input's prices show. They are looked at once, where they are asked
// for.
func (st *state) prices() money.Prices {
	if st.shown == nil {
		st.shown = money.Prices{}
		addPrices(st.shown, st.input)
	}
	return st.shown
}

// addPrices adds the prices in a value: objects with an amount, its currency, and both
// formatted for people.
func addPrices(prices money.Prices, v any) {
	switch v := v.(type) {
	case *array:
		for _, item := range v.items {
			addPrices(prices, item)
		}
	case *object:
		amount, isAmount := number(v.get("amount"))
		currency, isCode := v.get("currency").(string)
		formatted, isText := v.get("formatted").(string)
		if isAmount && isCode && isText {
			prices.Add(currency, amount, formatted)
		}
		for _, field := range v.fields {
			addPrices(prices, field)
		}
	}
}

// PricesOf are the prices in a webhook's body. It takes the body over, as Apply does.
func PricesOf(body map[string]any) (money.Prices, error) {
	input, err := fromGo(body, 0)
	if err != nil {
		return nil, err
	}
	prices := money.Prices{}
	addPrices(prices, input)
	return prices, nil
}
