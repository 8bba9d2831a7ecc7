package value

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// RoundTo rounds a number to precision decimal places, half to even. A negative precision
// rounds to tens or hundreds. RoundTo moves the decimal point in the text of the number,
// because a multiplication by a power of ten is not exact.
func RoundTo(f, precision float64) (float64, error) {
	if precision != math.Trunc(precision) || math.Abs(precision) > 400 {
		return 0, errors.New("the precision of $round must be a whole number of places")
	}
	places := int(precision)
	if hasPlaces(f, places) {
		return f + 0, nil
	}
	shifted, err := shift(f, places)
	if err != nil {
		return 0, err
	}
	back, err := shift(math.RoundToEven(shifted), -places)
	return back + 0, err
}

// hasPlaces reports whether a number certainly has at most the given number of decimal
// places, so that it needs no rounding. It can do so only for numbers of up to 15 digits,
// and returns false for others.
func hasPlaces(f float64, places int) bool {
	if places < 0 || places > exactDigits || math.Abs(f) >= 1e15 {
		return false
	}
	if f == math.Trunc(f) {
		return true
	}
	var room [32]byte
	text := strconv.AppendFloat(room[:0], f, 'f', -1, 64)
	return len(text) <= exactDigits && len(text)-bytes.IndexByte(text, '.')-1 <= places
}

func shift(f float64, places int) (float64, error) {
	if places == 0 {
		return f, nil
	}
	var room [64]byte
	text := strconv.AppendFloat(room[:0], f, 'e', -1, 64)
	mantissa, exponent, _ := bytes.Cut(text, []byte("e"))
	e, err := strconv.Atoi(string(exponent))
	if err != nil {
		return 0, err
	}
	text = strconv.AppendInt(text[:len(mantissa)+1], int64(e+places), 10)
	shifted, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, errors.New("the precision of $round is too large for the number")
	}
	return shifted, nil
}

// Sum returns the sum of numbers.
func Sum(fs []float64) float64 {
	sum := 0.0
	for _, f := range fs {
		sum += f
	}
	return sum
}

// Finite returns f, or an error if JSON cannot represent it.
func Finite(f float64, what string) (any, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("the result of %s is no finite number (a division by zero, or too large)", what)
	}
	return f, nil
}

// BoolToInt returns 1 for true and 0 for false.
func BoolToInt(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// RoundTo15Digits rounds a fraction to 15 significant digits, as $string does to hide
// the inexactness of binary fractions. Whole numbers keep their digits.
func RoundTo15Digits(f float64) float64 {
	if f == math.Trunc(f) {
		return f
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 14, 64), 64)
	if err != nil {
		return f
	}
	return rounded
}

// formatRounded formats a number with at most 15 significant digits. It does not round a
// number that has no more digits than that, which saves most of the time.
func formatRounded(f float64) string {
	text := FormatFloat(f)
	if len(text) <= 15 {
		return text
	}
	return FormatFloat(RoundTo15Digits(f))
}

// Number returns the value of a number, and reports whether v is a number.
func Number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case LargeInteger:
		return v.Approx, true
	}
	return 0, false
}
