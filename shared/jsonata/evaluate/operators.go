package evaluate

import (
	"errors"
	"fmt"
	"math"

	"commerce-segment/shared/jsonata/value"
)

// binary has the operators that always evaluate both sides.
var binary map[string]func(st *value.State, args []any) (any, error)

func init() {
	binary = map[string]func(st *value.State, args []any) (any, error){
		"+": arithmetic("+", func(a, b float64) float64 { return a + b }),
		"-": arithmetic("-", func(a, b float64) float64 { return a - b }),
		"*": arithmetic("*", func(a, b float64) float64 { return a * b }),
		"/": arithmetic("/", func(a, b float64) float64 { return a / b }),
		"%": arithmetic("%", math.Mod),
		"=": func(st *value.State, args []any) (any, error) {
			if args[0] == nil || args[1] == nil {
				return false, nil
			}
			return value.Equal(st, args[0], args[1])
		},
		"!=": func(st *value.State, args []any) (any, error) {
			if args[0] == nil || args[1] == nil {
				return false, nil
			}
			yes, err := value.Equal(st, args[0], args[1])
			return !yes, err
		},
		"<":  comparison("<", func(a, b float64) bool { return a < b }, value.Less),
		">":  comparison(">", func(a, b float64) bool { return a > b }, func(st *value.State, a, b any) (bool, error) { return value.Less(st, b, a) }),
		"<=": comparison("<=", func(a, b float64) bool { return a <= b }, notLess(true)),
		">=": comparison(">=", func(a, b float64) bool { return a >= b }, notLess(false)),
		"&":  concatenate,
		"..": numberRange,
		"in": contained,
	}
}

func arithmetic(symbol string, compute func(a, b float64) float64) func(st *value.State, args []any) (any, error) {
	return func(_ *value.State, args []any) (any, error) {
		a, aOK := value.Number(args[0])
		b, bOK := value.Number(args[1])
		if !aOK && args[0] != nil {
			return nil, fmt.Errorf("the left side of %s must be a number, not %s", symbol, value.Describe(args[0]))
		}
		if !bOK && args[1] != nil {
			return nil, fmt.Errorf("the right side of %s must be a number, not %s", symbol, value.Describe(args[1]))
		}
		if !aOK || !bOK {
			return nil, nil
		}
		return value.Finite(compute(a, b), symbol)
	}
}

func negate(_ *value.State, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	f, ok := value.Number(args[0])
	if !ok {
		return nil, fmt.Errorf("- must be followed by a number, not %s", value.Describe(args[0]))
	}
	return -f, nil
}

// comparison returns an operator that compares two numbers with numbers, and other values
// with holds.
func comparison(symbol string, numbers func(a, b float64) bool, holds func(st *value.State, a, b any) (bool, error)) func(st *value.State, args []any) (any, error) {
	return func(st *value.State, args []any) (any, error) {
		a, aOK := args[0].(float64)
		b, bOK := args[1].(float64)
		if aOK && bOK {
			return numbers(a, b), nil
		}
		for _, arg := range args {
			if arg != nil && !value.Comparable(arg) {
				return nil, fmt.Errorf("%s compares numbers or strings, not %s", symbol, value.Describe(arg))
			}
		}
		if args[0] == nil || args[1] == nil {
			return nil, nil
		}
		yes, err := holds(st, args[0], args[1])
		if errors.Is(err, value.ErrMixedTypes) {
			return nil, fmt.Errorf("%s cannot compare %s with %s", symbol, value.Describe(args[0]), value.Describe(args[1]))
		}
		return yes, err
	}
}

// notLess returns the comparison <= if flipped is true, otherwise >=.
func notLess(flipped bool) func(st *value.State, a, b any) (bool, error) {
	return func(st *value.State, a, b any) (bool, error) {
		if flipped {
			a, b = b, a
		}
		less, err := value.Less(st, a, b)
		return !less, err
	}
}

func concatenate(st *value.State, args []any) (any, error) {
	left, err := textOf(st, args[0])
	if err != nil {
		return nil, err
	}
	right, err := textOf(st, args[1])
	if err != nil {
		return nil, err
	}
	return st.ConcatText(left, right)
}

// textOf is $string for the operator &, to which undefined is an empty string.
func textOf(st *value.State, v any) (string, error) {
	if v == nil {
		return "", nil
	}
	return value.Stringify(st, v, false)
}

// maxRange is the limit of the reference implementation. The limit on data is lower.
const maxRange = 10_000_000

func numberRange(st *value.State, args []any) (any, error) {
	from, fromOK := value.Number(args[0])
	to, toOK := value.Number(args[1])
	for i, side := range []string{"left", "right"} {
		f, ok := value.Number(args[i])
		if args[i] != nil && (!ok || f != math.Trunc(f)) {
			return nil, fmt.Errorf("the %s side of .. must be a whole number, not %s", side, value.Describe(args[i]))
		}
	}
	if !fromOK || !toOK || from > to {
		return nil, nil
	}
	size := to - from + 1
	if size > maxRange {
		return nil, fmt.Errorf("the range has more than %d numbers", maxRange)
	}
	if err := st.AllocateItems(int(size)); err != nil {
		return nil, err
	}
	items := make([]any, int(size))
	for i := range items {
		items[i] = from + float64(i)
	}
	return value.Collapse(value.NewSequence(items...)), nil
}

// contained is the operator in. It compares lists and objects by identity, not by content.
func contained(st *value.State, args []any) (any, error) {
	if args[0] == nil || args[1] == nil {
		return false, nil
	}
	list, ok := args[1].(*value.Array)
	if !ok {
		return value.EqualScalars(st, args[0], args[1])
	}
	const many = 64
	if key := memberKey(args[0]); key != nil && len(list.Items) >= many {
		members, err := membersOf(st, list)
		return members[key], err
	}
	if err := st.Spend(len(list.Items)); err != nil {
		return nil, err
	}
	for _, item := range list.Items {
		if yes, err := value.EqualScalars(st, args[0], item); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

// memberKey returns the key of a simple value in a set of members. It returns nil for a
// value that the set cannot hold: that one must be compared with each element.
func memberKey(v any) any {
	switch v.(type) {
	case string, bool, value.NullValue, float64:
		return v
	}
	return nil
}

// membersOf returns the set of the simple elements of a list. The set is cached, so a loop
// that searches the same list many times reads it once.
func membersOf(st *value.State, list *value.Array) (map[any]bool, error) {
	if members, ok := st.Cached(list).(map[any]bool); ok {
		return members, nil
	}
	if err := st.AllocateItems(2 * len(list.Items)); err != nil {
		return nil, err
	}
	members := make(map[any]bool, len(list.Items))
	for _, item := range list.Items {
		switch known := item.(type) {
		case string:
			if err := st.Spend(len(known) / 64); err != nil {
				return nil, err
			}
		case value.LargeInteger:
			item = known.Approx
		}
		if key := memberKey(item); key != nil {
			members[key] = true
		}
	}
	st.Cache(list, members)
	return members, nil
}

// makeArray is the constructor [...]. A part that is a list adds its elements, unless the
// part was itself written as [...]: then it adds one element, the list.
func makeArray(st *value.State, parts []any, whole []bool, built bool) (any, error) {
	size := 0
	for i, part := range parts {
		if whole[i] || part == nil {
			size++
		} else {
			size += len(value.Elements(part))
		}
	}
	if err := st.AllocateItems(size); err != nil {
		return nil, err
	}
	items := make([]any, 0, size)
	for i, part := range parts {
		switch {
		case part == nil:
		case whole[i]:
			items = append(items, part)
		default:
			items = append(items, value.Elements(part)...)
		}
	}
	return &value.Array{Items: items, Constructed: built}, nil
}

// applyFunction is a ~> f: a call if a is a value, otherwise the composition of both
// functions.
func applyFunction(st *value.State, left, right any) (any, error) {
	second, ok := right.(value.Function)
	if !ok {
		return nil, fmt.Errorf("the right side of ~> must be a function, not %s", value.Describe(right))
	}
	if first, ok := left.(value.Function); ok {
		return &value.Composition{First: first, Second: second}, nil
	}
	return value.Invoke(st, second, []any{left}, value.Null)
}

// notFunction returns the error of a call of a value that is not a function.
func notFunction(name string, isBuiltin bool, v any) error {
	switch {
	case name == "":
		return fmt.Errorf("what is called is not a function but %s", value.Describe(v))
	case isBuiltin:
		return fmt.Errorf("%s is not a function: write $%s", name, name)
	case v == nil:
		return fmt.Errorf("there is no function %s", name)
	}
	return fmt.Errorf("%s is not a function but %s", name, value.Describe(v))
}
