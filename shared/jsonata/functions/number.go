package functions

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"

	"commerce-segment/shared/jsonata/picture"
	"commerce-segment/shared/jsonata/value"
)

func (l Library) addNumbers() {
	l.defineStrict("number", "(nsb)-:n", 1, toNumber)
	l.defineNumeric("abs", func(f float64) (any, error) { return math.Abs(f), nil })
	l.defineNumeric("floor", func(f float64) (any, error) { return math.Floor(f), nil })
	l.defineNumeric("ceil", func(f float64) (any, error) { return math.Ceil(f), nil })
	l.defineNumeric("sqrt", func(f float64) (any, error) {
		if f < 0 {
			return nil, errors.New("$sqrt cannot be taken of a negative number")
		}
		return math.Sqrt(f), nil
	})
	l.defineStrict("round", "n-n?:n", 2, func(_ *value.State, args []any) (any, error) {
		f, _ := value.Number(args[0])
		precision, _ := value.Number(args[1])
		return value.RoundTo(f, precision)
	})
	l.defineStrict("power", "n-n:n", 2, func(_ *value.State, args []any) (any, error) {
		base, _ := value.Number(args[0])
		exponent, ok := value.Number(args[1])
		if !ok {
			return nil, errors.New("$power needs an exponent")
		}
		if math.Abs(base) == 1 && math.IsInf(exponent, 0) {
			return nil, errors.New("the result of $power is no finite number")
		}
		return value.Finite(math.Pow(base, exponent), "$power")
	})
	l.Define("random", ":n", 0, func(*value.State, []any) (any, error) { return rand.Float64(), nil })
	l.defineStrict("formatNumber", "n-so?:s", 3, formatNumber)
	l.defineStrict("formatBase", "n-n?:s", 2, formatBase)
	l.defineStrict("formatInteger", "n-s:s", 2, formatInteger)
	l.defineStrict("parseInteger", "s-s:n", 2, parseInteger)
	l.defineAggregate("sum", func(fs []float64) (any, error) { return value.Finite(value.Sum(fs), "$sum") })
	l.defineAggregate("average", func(fs []float64) (any, error) {
		if len(fs) == 0 {
			return nil, nil
		}
		return value.Finite(value.Sum(fs)/float64(len(fs)), "$average")
	})
	l.defineAggregate("max", extreme(math.Max))
	l.defineAggregate("min", extreme(math.Min))
}

func (l Library) defineNumeric(name string, run func(f float64) (any, error)) {
	l.defineStrict(name, "n-:n", 1, func(_ *value.State, args []any) (any, error) {
		f, _ := value.Number(args[0])
		return run(f)
	})
}

// defineAggregate defines a function of a list of numbers.
func (l Library) defineAggregate(name string, run func(fs []float64) (any, error)) {
	l.defineStrict(name, "a<n>:n", 1, func(st *value.State, args []any) (any, error) {
		items := args[0].(*value.Array).Items
		if err := st.Spend(len(items)); err != nil {
			return nil, err
		}
		if err := st.Allocate(8 * len(items)); err != nil {
			return nil, err
		}
		fs := make([]float64, len(items))
		for i, item := range items {
			f, ok := value.Number(item)
			if !ok {
				return nil, fmt.Errorf("$%s needs numbers only, not %s", name, value.Describe(item))
			}
			fs[i] = f
		}
		return run(fs)
	})
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

// maxDigits is the largest size of a text that is parsed as a number, in bytes.
const maxDigits = 1000

func toNumber(st *value.State, args []any) (any, error) {
	switch v := args[0].(type) {
	case float64, value.LargeInteger:
		return v, nil
	case bool:
		return float64(value.BoolToInt(v)), nil
	case string:
		if err := st.Spend(min(len(v), maxDigits)); err != nil {
			return nil, err
		}
		if len(v) > maxDigits {
			return nil, errNotNumber
		}
		if isDecimal(v) {
			if f, err := value.ParseNumber(withoutZeros(v)); err == nil {
				return f, nil
			}
		}
		if len(v) > 2 && v[0] == '0' && strings.IndexByte("xXoObB", v[1]) >= 0 && !strings.Contains(v, "_") {
			if n, ok := new(big.Int).SetString(v, 0); ok {
				f, _ := new(big.Float).SetInt(n).Float64()
				return value.Finite(f, "$number")
			}
		}
		return nil, errNotNumber
	}
	return nil, fmt.Errorf("$number cannot make a number of %s", value.Describe(args[0]))
}

var errNotNumber = errors.New("$number was given a text that is not a number")

// isDecimal reports whether a text is a JSON number, possibly with leading zeros.
func isDecimal(text string) bool {
	rest, ok := afterDigits(strings.TrimPrefix(text, "-"))
	if fraction, found := strings.CutPrefix(rest, "."); ok && found {
		rest, ok = afterDigits(fraction)
	}
	if ok && rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		rest, ok = afterDigits(rest)
	}
	return ok && rest == ""
}

// afterDigits returns the rest of a text after the digits at its beginning, and reports
// whether there are any digits.
func afterDigits(text string) (rest string, ok bool) {
	rest = strings.TrimLeft(text, "0123456789")
	return rest, len(rest) < len(text)
}

// withoutZeros removes the leading zeros of a number, which JSON does not allow.
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

func formatBase(st *value.State, args []any) (any, error) {
	if err := st.Allocate(64); err != nil { // a whole number below 2^53 has at most 53 digits and a sign
		return nil, err
	}
	f, _ := value.Number(args[0])
	radix := 10.0
	if r, ok := value.Number(args[1]); ok {
		radix = math.RoundToEven(r)
	}
	if radix < 2 || radix > 36 {
		return nil, errors.New("the base of $formatBase must be between 2 and 36")
	}
	f = math.RoundToEven(f)
	if math.Abs(f) >= 1<<53 {
		if radix == 10 {
			return value.FormatFloat(f), nil
		}
		return nil, errors.New("$formatBase works on whole numbers below 2^53 only")
	}
	return strconv.FormatInt(int64(f), int(radix)), nil
}

func formatNumber(st *value.State, args []any) (any, error) {
	f, _ := value.Number(args[0])
	source, ok := args[1].(string)
	if !ok {
		return nil, errors.New("$formatNumber needs a picture, such as \"#,##0.00\"")
	}
	return picture.FormatNumber(st, f, source, args[2])
}

func formatInteger(st *value.State, args []any) (any, error) {
	f, _ := value.Number(args[0])
	source, ok := args[1].(string)
	if !ok {
		return nil, errors.New("$formatInteger needs a picture, such as \"0\" or \"w\"")
	}
	return picture.FormatInteger(st, math.Floor(f), source)
}

func parseInteger(st *value.State, args []any) (any, error) {
	source, ok := args[1].(string)
	if !ok {
		return nil, errors.New("$parseInteger needs a picture, such as \"0\" or \"w\"")
	}
	return picture.ParseInteger(st, args[0].(string), source)
}
