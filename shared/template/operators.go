package template

import (
	"errors"
	"fmt"
	"math"
)

// binary has the operators that always evaluate both sides.
var binary map[string]func(st *state, args []any) (any, error)

func init() {
	binary = map[string]func(st *state, args []any) (any, error){
		"+": arithmetic("+", func(a, b float64) float64 { return a + b }),
		"-": arithmetic("-", func(a, b float64) float64 { return a - b }),
		"*": arithmetic("*", func(a, b float64) float64 { return a * b }),
		"/": arithmetic("/", func(a, b float64) float64 { return a / b }),
		"%": arithmetic("%", math.Mod),
		"=": func(st *state, args []any) (any, error) {
			if args[0] == nil || args[1] == nil {
				return false, nil
			}
			return equal(st, args[0], args[1])
		},
		"!=": func(st *state, args []any) (any, error) {
			if args[0] == nil || args[1] == nil {
				return false, nil
			}
			yes, err := equal(st, args[0], args[1])
			return !yes, err
		},
		"<":  comparison("<", lessThan),
		">":  comparison(">", func(st *state, a, b any) (bool, error) { return lessThan(st, b, a) }),
		"<=": comparison("<=", notLess(true)),
		">=": comparison(">=", notLess(false)),
		"&":  concatenate,
		"..": numberRange,
		"in": contained,
	}
}

func arithmetic(symbol string, compute func(a, b float64) float64) func(st *state, args []any) (any, error) {
	return func(_ *state, args []any) (any, error) {
		a, aOK := number(args[0])
		b, bOK := number(args[1])
		if !aOK && args[0] != nil {
			return nil, fmt.Errorf("the left side of %s must be a number, not %s", symbol, describe(args[0]))
		}
		if !bOK && args[1] != nil {
			return nil, fmt.Errorf("the right side of %s must be a number, not %s", symbol, describe(args[1]))
		}
		if !aOK || !bOK {
			return nil, nil
		}
		return finite(compute(a, b), symbol)
	}
}

// finite refuses what JSON cannot hold.
func finite(f float64, what string) (any, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("the result of %s is no finite number (a division by zero, or too large)", what)
	}
	return f, nil
}

func negate(_ *state, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	f, ok := number(args[0])
	if !ok {
		return nil, fmt.Errorf("- must be followed by a number, not %s", describe(args[0]))
	}
	return -f, nil
}

func comparable(v any) bool {
	_, isNumber := number(v)
	_, isString := v.(string)
	return isNumber || isString
}

func comparison(symbol string, holds func(st *state, a, b any) (bool, error)) func(st *state, args []any) (any, error) {
	return func(st *state, args []any) (any, error) {
		for _, arg := range args {
			if arg != nil && !comparable(arg) {
				return nil, fmt.Errorf("%s compares numbers or strings, not %s", symbol, describe(arg))
			}
		}
		if args[0] == nil || args[1] == nil {
			return nil, nil
		}
		yes, err := holds(st, args[0], args[1])
		if errors.Is(err, errMixed) {
			return nil, fmt.Errorf("%s cannot compare %s with %s", symbol, describe(args[0]), describe(args[1]))
		}
		return yes, err
	}
}

var errMixed = errors.New("a number and a string")

// lessThan compares two numbers or two strings.
func lessThan(st *state, a, b any) (bool, error) {
	x, xOK := number(a)
	y, yOK := number(b)
	if xOK && yOK {
		return x < y, nil
	}
	s, sOK := a.(string)
	t, tOK := b.(string)
	if !sOK || !tOK {
		return false, errMixed
	}
	return lessString(s, t), st.spend(min(len(s), len(t)) / 64)
}

// notLess is <= if flipped, else >=.
func notLess(flipped bool) func(st *state, a, b any) (bool, error) {
	return func(st *state, a, b any) (bool, error) {
		if flipped {
			a, b = b, a
		}
		less, err := lessThan(st, a, b)
		return !less, err
	}
}

func concatenate(st *state, args []any) (any, error) {
	left, err := textOf(st, args[0])
	if err != nil {
		return nil, err
	}
	right, err := textOf(st, args[1])
	if err != nil {
		return nil, err
	}
	return st.joinedText(left, right)
}

// textOf is $string for the operator &, to which undefined is empty.
func textOf(st *state, v any) (string, error) {
	if v == nil {
		return "", nil
	}
	return stringOf(st, v, false)
}

// maxRange is the reference's limit. The limit on data is lower.
const maxRange = 10_000_000

func numberRange(st *state, args []any) (any, error) {
	from, fromOK := number(args[0])
	to, toOK := number(args[1])
	for i, side := range []string{"left", "right"} {
		f, ok := number(args[i])
		if args[i] != nil && (!ok || f != math.Trunc(f)) {
			return nil, fmt.Errorf("the %s side of .. must be a whole number, not %s", side, describe(args[i]))
		}
	}
	if !fromOK || !toOK || from > to {
		return nil, nil
	}
	size := to - from + 1
	if size > maxRange {
		return nil, fmt.Errorf("the range has more than %d numbers", maxRange)
	}
	if err := st.collect(int(size)); err != nil {
		return nil, err
	}
	items := make([]any, int(size))
	for i := range items {
		items[i] = from + float64(i)
	}
	return settle(newSequence(items...)), nil
}

// contained is the operator in. Lists and objects are found by identity only.
func contained(st *state, args []any) (any, error) {
	if args[0] == nil || args[1] == nil {
		return false, nil
	}
	list, ok := args[1].(*array)
	if !ok {
		return same(st, args[0], args[1])
	}
	const many = 64
	if key := memberKey(args[0]); key != nil && len(list.items) >= many {
		members, err := st.membersOf(list)
		return members[key], err
	}
	if err := st.spend(len(list.items)); err != nil {
		return nil, err
	}
	for _, item := range list.items {
		if yes, err := same(st, args[0], item); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

// memberKey gives what a simple value is known by in a set; nil if in must compare it.
func memberKey(v any) any {
	switch v.(type) {
	case string, bool, nullValue, float64:
		return v
	}
	return nil
}

// membersOf gives the simple elements of a list. They are kept, so that a list is gone
// through once however many values are looked for in it.
func (st *state) membersOf(list *array) (map[any]bool, error) {
	if members := st.members[list]; members != nil {
		return members, nil
	}
	if err := st.collect(2 * len(list.items)); err != nil {
		return nil, err
	}
	members := make(map[any]bool, len(list.items))
	for _, item := range list.items {
		switch known := item.(type) {
		case string:
			if err := st.spend(len(known) / 64); err != nil {
				return nil, err
			}
		case whole:
			item = known.approx
		}
		if key := memberKey(item); key != nil {
			members[key] = true
		}
	}
	if st.members == nil {
		st.members = map[*array]map[any]bool{}
	}
	st.members[list] = members
	return members, nil
}

// makeArray is [...]: the elements of lists are taken over, except of those that
// are written as lists in it.
func makeArray(st *state, parts []any, whole []bool, built bool) (any, error) {
	size := 0
	for i, part := range parts {
		if whole[i] || part == nil {
			size++
		} else {
			size += len(elements(part))
		}
	}
	if err := st.collect(size); err != nil {
		return nil, err
	}
	items := make([]any, 0, size)
	for i, part := range parts {
		switch {
		case part == nil:
		case whole[i]:
			items = append(items, part)
		default:
			items = append(items, elements(part)...)
		}
	}
	return &array{items: items, built: built}, nil
}

// applyFunction is a ~> f: a call if a is a value, else a function that calls both.
func applyFunction(st *state, left, right any) (any, error) {
	second, ok := right.(function)
	if !ok {
		return nil, fmt.Errorf("the right side of ~> must be a function, not %s", describe(right))
	}
	if first, ok := left.(function); ok {
		return &chain{first: first, second: second}, nil
	}
	return invoke(st, second, []any{left}, null)
}

// notFunction explains a call of something else.
func notFunction(name string, v any) error {
	switch {
	case name == "":
		return fmt.Errorf("what is called is not a function but %s", describe(v))
	case name[0] != '$' && builtins["$"+name] != nil:
		return fmt.Errorf("%s is not a function: write $%s", name, name)
	case v == nil:
		return fmt.Errorf("there is no function %s", name)
	}
	return fmt.Errorf("%s is not a function but %s", name, describe(v))
}
