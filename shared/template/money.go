package template

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
)

func defineMoney() {
	define("money", "x-s?:n", 2, money)
	textFunction("sha256", "s-:s", 1, func(st *state, s string, _ []any) (any, error) {
		if err := st.allocate(len(s)); err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	})
}

// exponents are the currencies whose minor unit is not a hundredth.
// Source: ISO 4217, list one.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
	"UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// money is $money(price), with price {amount, currency}, or $money(amount, currency):
// an amount in minor units as a number in major units.
func money(_ *state, args []any) (any, error) {
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
	return Major(minor, code), nil
}

// Major is what $money gives: an amount of a currency's minor units in major units,
// 19.99 for 1999 EUR. It divides by a power of ten. Both are exact in a float64, so
// the quotient is the nearest to the true one: the float64 that is written 19.99.
func Major(minor float64, currency string) float64 {
	exponent, ok := exponents[strings.ToUpper(currency)]
	if !ok {
		exponent = 2
	}
	return minor / math.Pow10(exponent)
}
