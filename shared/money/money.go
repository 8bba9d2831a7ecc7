// Package money finds how many decimals the amounts of a currency have. Commerce returns
// an amount as a whole number of the currency's smallest unit. How many of these make a
// major unit is a setting of the store's currency: a store may have forints with two
// decimals or with none, and a currency with a code of its own.
package money

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// MaxDecimals is the largest number of decimals of a currency. Ten to that power is
// exact in a float64.
const MaxDecimals = 18

// Decimals maps the codes of a store's currencies, in upper case, to their decimals.
type Decimals map[string]int

// Parse parses the form that String returns, with optional white space.
func Parse(text string) (Decimals, error) {
	decimals := Decimals{}
	for pair := range strings.SplitSeq(text, ",") {
		code, number, found := strings.Cut(pair, "=")
		code = strings.ToUpper(strings.TrimSpace(code))
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 8)
		switch {
		case !found || !isCode(code):
			return nil, fmt.Errorf("%q is no currency with its decimals: write them as in EUR=2,HUF=0", pair)
		case err != nil || n > MaxDecimals:
			return nil, fmt.Errorf("%s has no number of decimals: write one from 0 to %d, as in %s=2", code, MaxDecimals, code)
		}
		if _, twice := decimals[code]; twice {
			return nil, fmt.Errorf("%s is there twice: write it once", code)
		}
		decimals[code] = int(n)
	}
	return decimals, nil
}

// isCode also accepts codes that are not in ISO 4217, because a store can define its
// own.
func isCode(code string) bool {
	return code != "" && !strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Add adds a currency as Commerce returns it.
func (d Decimals) Add(code string, decimals int) error {
	switch code = strings.ToUpper(code); {
	case !isCode(code):
		return errors.New("a currency has no code of letters and digits")
	case decimals < 0 || decimals > MaxDecimals:
		return fmt.Errorf("%s has %d decimals, and only 0 to %d are supported", code, decimals, MaxDecimals)
	}
	d[code] = decimals
	return nil
}

// String returns the currencies in alphabetical order, as in EUR=2,HUF=0.
func (d Decimals) String() string {
	pairs := make([]string, 0, len(d))
	for _, code := range slices.Sorted(maps.Keys(d)) {
		pairs = append(pairs, code+"="+strconv.Itoa(d[code]))
	}
	return strings.Join(pairs, ",")
}

// Of returns the decimals of a currency, if it is one of these.
func (d Decimals) Of(currency string) (decimals int, known bool) {
	decimals, known = d[strings.ToUpper(currency)]
	return decimals, known
}

// iso has the currencies that do not have two decimals. Source: ISO 4217, list one.
var iso = Decimals{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
	"UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// ISO returns the decimals of a currency in ISO 4217, and 2 for a code that it does not
// have.
func ISO(currency string) int {
	if decimals, known := iso.Of(currency); known {
		return decimals
	}
	return 2
}

// Major converts an amount to major units, 1999 with two decimals to 19.99. It divides
// by a power of ten. Both numbers are exact in a float64, so the quotient is the
// nearest float64 to the result, which is written 19.99.
func Major(amount float64, decimals int) float64 { return amount / math.Pow10(decimals) }
