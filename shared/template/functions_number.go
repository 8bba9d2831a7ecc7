package template

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
)

func defineNumbers() {
	defined("number", "(nsb)-:n", 1, toNumber)
	numberFunction("abs", func(f float64) (any, error) { return math.Abs(f), nil })
	numberFunction("floor", func(f float64) (any, error) { return math.Floor(f), nil })
	numberFunction("ceil", func(f float64) (any, error) { return math.Ceil(f), nil })
	numberFunction("sqrt", func(f float64) (any, error) {
		if f < 0 {
			return nil, errors.New("$sqrt cannot be taken of a negative number")
		}
		return math.Sqrt(f), nil
	})
	defined("round", "n-n?:n", 2, func(_ *state, args []any) (any, error) {
		f, _ := number(args[0])
		precision, _ := number(args[1])
		return roundTo(f, precision)
	})
	defined("power", "n-n:n", 2, func(_ *state, args []any) (any, error) {
		base, _ := number(args[0])
		exponent, ok := number(args[1])
		if !ok {
			return nil, errors.New("$power needs an exponent")
		}
		if math.Abs(base) == 1 && math.IsInf(exponent, 0) {
			return nil, errors.New("the result of $power is no finite number")
		}
		return finite(math.Pow(base, exponent), "$power")
	})
	define("random", ":n", 0, func(*state, []any) (any, error) { return rand.Float64(), nil })
	defined("formatNumber", "n-so?:s", 3, formatPicture)
	defined("formatBase", "n-n?:s", 2, formatBase)
	defined("formatInteger", "n-s:s", 2, formatIntegerFunction)
	defined("parseInteger", "s-s:n", 2, parseIntegerFunction)
	aggregate("sum", func(fs []float64) (any, error) { return finite(total(fs), "$sum") })
	aggregate("average", func(fs []float64) (any, error) {
		if len(fs) == 0 {
			return nil, nil
		}
		return finite(total(fs)/float64(len(fs)), "$average")
	})
	aggregate("max", extreme(math.Max))
	aggregate("min", extreme(math.Min))
}

func numberFunction(name string, run func(f float64) (any, error)) {
	defined(name, "n-:n", 1, func(_ *state, args []any) (any, error) {
		f, _ := number(args[0])
		return run(f)
	})
}

// aggregate defines a function of a list of numbers.
func aggregate(name string, run func(fs []float64) (any, error)) {
	defined(name, "a<n>:n", 1, func(st *state, args []any) (any, error) {
		items := args[0].(*array).items
		if err := st.spend(len(items)); err != nil {
			return nil, err
		}
		if err := st.allocate(8 * len(items)); err != nil {
			return nil, err
		}
		fs := make([]float64, len(items))
		for i, item := range items {
			f, ok := number(item)
			if !ok {
				return nil, fmt.Errorf("$%s needs numbers only, not %s", name, describe(item))
			}
			fs[i] = f
		}
		return run(fs)
	})
}

func total(fs []float64) float64 {
	sum := 0.0
	for _, f := range fs {
		sum += f
	}
	return sum
}

func extreme(pick func(a, b float64) float64) func(fs []float64) (any, error) {
	return func(fs []float64) (any, error) {
		if len(fs) == 0 {
			return nil, nil
		}
		best := fs[0]
		for _, f := range fs[1:] {
			best = pick(best, f)
		}
		return best, nil
	}
}

var (
	decimalText = lazily(`^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$`)
	radixText   = lazily(`^0([xX][0-9A-Fa-f]+|[oO][0-7]+|[bB][01]+)$`)
)

// maxDigits bounds a text that is read as a number: a double has fewer.
const maxDigits = 1000

func toNumber(st *state, args []any) (any, error) {
	switch v := args[0].(type) {
	case float64, whole:
		return v, nil
	case bool:
		return float64(count(v)), nil
	case string:
		if err := st.spend(min(len(v), maxDigits)); err != nil {
			return nil, err
		}
		if len(v) > maxDigits {
			return nil, errNotNumber
		}
		if decimalText().MatchString(v) {
			if f, err := fromNumber(withoutZeros(v)); err == nil {
				return f, nil
			}
		}
		if radixText().MatchString(v) {
			if n, ok := new(big.Int).SetString(v, 0); ok {
				f, _ := new(big.Float).SetInt(n).Float64()
				return finite(f, "$number")
			}
		}
		return nil, errNotNumber
	}
	return nil, fmt.Errorf("$number cannot make a number of %s", describe(args[0]))
}

var errNotNumber = errors.New("$number was given a text that is not a number")

// withoutZeros leaves out the zeros in front of a number, which JSON does not allow.
func withoutZeros(text string) string {
	digits, negative := strings.CutPrefix(text, "-")
	for len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		digits = digits[1:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// roundTo rounds half to even, at a decimal place; a negative precision rounds tens
// or hundreds. The place is moved in the decimal text, because multiplying by a
// power of ten would add noise.
func roundTo(f, precision float64) (any, error) {
	if precision != math.Trunc(precision) || math.Abs(precision) > 400 {
		return nil, errors.New("the precision of $round must be a whole number of places")
	}
	shifted, err := shift(f, int(precision))
	if err != nil {
		return nil, err
	}
	back, err := shift(math.RoundToEven(shifted), -int(precision))
	return back + 0, err
}

func shift(f float64, places int) (float64, error) {
	if places == 0 {
		return f, nil
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	e, err := strconv.Atoi(exponent)
	if err != nil {
		return 0, err
	}
	shifted, err := strconv.ParseFloat(mantissa+"e"+strconv.Itoa(e+places), 64)
	if err != nil {
		return 0, errors.New("the precision of $round is too large for the number")
	}
	return shifted, nil
}

func formatBase(_ *state, args []any) (any, error) {
	f, _ := number(args[0])
	radix := 10.0
	if r, ok := number(args[1]); ok {
		radix = math.RoundToEven(r)
	}
	if radix < 2 || radix > 36 {
		return nil, errors.New("the base of $formatBase must be between 2 and 36")
	}
	f = math.RoundToEven(f)
	if math.Abs(f) >= 1<<53 {
		if radix == 10 {
			return formatFloat(f), nil
		}
		return nil, errors.New("$formatBase works on whole numbers below 2^53 only")
	}
	return strconv.FormatInt(int64(f), int(radix)), nil
}
