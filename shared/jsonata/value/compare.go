package value

import "errors"

// Equal is the operator =, which compares by content.
func Equal(st *State, a, b any) (bool, error) { return equalAt(st, a, b, 0) }

func equalAt(st *State, a, b any, level int) (bool, error) {
	switch a := a.(type) {
	case *Array:
		b, ok := b.(*Array)
		if !ok || len(a.Items) != len(b.Items) {
			return false, nil
		}
		if a == b {
			return true, nil
		}
		return equalItems(st, a.Items, b.Items, level)
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() {
			return false, nil
		}
		if a == b {
			return true, nil
		}
		return equalFields(st, a, b, level)
	}
	return EqualScalars(st, a, b)
}

func equalItems(st *State, a, b []any, level int) (bool, error) {
	if err := st.Descend(level, len(a)); err != nil {
		return false, err
	}
	for i := range a {
		if yes, err := equalAt(st, a[i], b[i], level+1); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

func equalFields(st *State, a, b *Object, level int) (bool, error) {
	if err := st.Descend(level, a.Len()); err != nil {
		return false, err
	}
	for _, f := range a.fields {
		i := b.place(f.Key)
		if i < 0 {
			return false, nil
		}
		if yes, err := equalAt(st, f.Value, b.fields[i].Value, level+1); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

// EqualScalars compares two values that are not both lists and not both objects. It
// compares simple values by content, and others by identity.
func EqualScalars(st *State, a, b any) (bool, error) {
	s, sOK := a.(string)
	t, tOK := b.(string)
	if sOK && tOK {
		if len(s) != len(t) {
			return false, nil
		}
		if err := st.Spend(len(s) / 64); err != nil {
			return false, err
		}
		return s == t, nil
	}
	x, xOK := a.(LargeInteger)
	y, yOK := b.(LargeInteger)
	if xOK && yOK {
		return x.digits == y.digits, nil
	}
	m, mOK := Number(a)
	n, nOK := Number(b)
	if mOK || nOK {
		return mOK && nOK && m == n, nil
	}
	return a == b, nil
}

// lessString reports whether a comes before b in the order of UTF-16 code units, which
// JavaScript uses. The order of the bytes is the same, except for characters above U+FFFF:
// their surrogates come before U+E000 to U+FFFF.
func lessString(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) {
		return len(a) < len(b)
	}
	x, y := a[i], b[i]
	if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
		return x >= 0xF0
	}
	return x < y
}

// Less reports whether a comes before b. Both must be numbers or both strings.
func Less(st *State, a, b any) (bool, error) {
	x, xOK := Number(a)
	y, yOK := Number(b)
	if xOK && yOK {
		return x < y, nil
	}
	s, sOK := a.(string)
	t, tOK := b.(string)
	if !sOK || !tOK {
		return false, ErrMixedTypes
	}
	if err := st.Spend(min(len(s), len(t)) / 64); err != nil {
		return false, err
	}
	return lessString(s, t), nil
}

// Comparable reports whether Less accepts the value.
func Comparable(v any) bool {
	_, isNumber := Number(v)
	_, isString := v.(string)
	return isNumber || isString
}

// ErrMixedTypes is the error of Less if one value is a number and the other a string.
var ErrMixedTypes = errors.New("a number and a string")

// MergeSort sorts stably. swap reports whether its second argument comes first.
func MergeSort(st *State, items []any, swap func(a, b any) (bool, error)) ([]any, error) {
	if len(items) <= 1 {
		return items, nil
	}
	if err := st.AllocateItems(len(items)); err != nil {
		return nil, err
	}
	middle := len(items) / 2
	left, err := MergeSort(st, items[:middle], swap)
	if err != nil {
		return nil, err
	}
	right, err := MergeSort(st, items[middle:], swap)
	if err != nil {
		return nil, err
	}
	merged := make([]any, 0, len(items))
	for len(left) > 0 && len(right) > 0 {
		second, err := swap(left[0], right[0])
		if err != nil {
			return nil, err
		}
		if second {
			merged, right = append(merged, right[0]), right[1:]
		} else {
			merged, left = append(merged, left[0]), left[1:]
		}
	}
	return append(append(merged, left...), right...), nil
}

// AllStrings reports whether all elements are strings.
func AllStrings(items []any) bool {
	for _, item := range items {
		if _, ok := item.(string); !ok {
			return false
		}
	}
	return true
}

// AllNumbers reports whether all elements are numbers.
func AllNumbers(items []any) bool {
	for _, item := range items {
		if _, ok := Number(item); !ok {
			return false
		}
	}
	return true
}

// ToBoolean is $boolean; it returns false for undefined.
func ToBoolean(st *State, v any) (bool, error) { return toBooleanAt(st, v, 0) }

func toBooleanAt(st *State, v any, level int) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		return v != "", nil
	case float64:
		return v != 0, nil
	case LargeInteger:
		return true, nil
	case *Object:
		return v.Len() > 0, nil
	case *Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return false, err
		}
		for _, item := range v.Items {
			if yes, err := toBooleanAt(st, item, level+1); yes || err != nil {
				return yes, err
			}
		}
	}
	return false, nil
}
