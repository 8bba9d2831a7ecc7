package money

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Amount is an exact amount of a currency in major units, such as 19.99. The zero Amount is 0.
type Amount struct {
	value  *big.Rat // nil is 0
	places int      // the decimals with which it is written, or more if it has more
}

// maxAmount is the length of the longest number that is parsed as an amount.
const maxAmount = 40

// ParseAmount parses a decimal number, as JSON has it without an exponent.
func ParseAmount(text string) (Amount, error) {
	digits := strings.TrimPrefix(text, "-")
	if len(text) > maxAmount || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return Amount{}, fmt.Errorf("it is no amount: write a number of up to %d digits, such as 19.99", maxAmount)
	}
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		return Amount{}, errors.New("it is no amount: write a number, such as 19.99")
	}
	return Amount{value: value}, nil
}

// ParseMinor parses an amount in minor units, as Commerce writes it: 1999 is 19.99 with two
// decimals.
func ParseMinor(text string, decimals int) (Amount, error) {
	a, err := ParseAmount(text)
	if err != nil {
		return Amount{}, err
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	return Amount{a.rat().Quo(a.rat(), new(big.Rat).SetInt(unit)), decimals}, nil
}

// rat returns the value, which the caller may change.
func (a Amount) rat() *big.Rat {
	if a.value == nil {
		return new(big.Rat)
	}
	return new(big.Rat).Set(a.value)
}

// Add returns a + b.
func (a Amount) Add(b Amount) Amount {
	return Amount{a.rat().Add(a.rat(), b.rat()), max(a.places, b.places)}
}

// Sub returns a - b.
func (a Amount) Sub(b Amount) Amount { return a.Add(b.Neg()) }

// Neg returns -a.
func (a Amount) Neg() Amount { return Amount{a.rat().Neg(a.rat()), a.places} }

// Sign returns -1, 0 or 1, as the amount is less than, equal to or greater than 0.
func (a Amount) Sign() int { return a.rat().Sign() }

// Equal reports whether the amounts are the same.
func (a Amount) Equal(b Amount) bool { return a.rat().Cmp(b.rat()) == 0 }

// String returns the amount with all its decimals, as in 1310.00.
func (a Amount) String() string {
	exact, _ := a.rat().FloatPrec() // a sum of decimal numbers has an end
	return a.rat().FloatString(max(exact, a.places))
}

// MarshalJSON writes the amount as a number.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// Abs returns the amount without its sign.
func (a Amount) Abs() Amount { return Amount{a.rat().Abs(a.rat()), a.places} }

// Compare returns -1, 0 or 1, as a is less than, equal to or greater than b.
func (a Amount) Compare(b Amount) int { return a.rat().Cmp(b.rat()) }

// WithDecimals returns the amount, to be written with at least so many decimals.
func (a Amount) WithDecimals(n int) Amount { return Amount{a.value, max(a.places, n)} }
