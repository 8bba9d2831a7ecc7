package template

import (
	"errors"
	"math/rand/v2"
)

func defineLists() {
	define("count", "a:n", 1, func(_ *state, args []any) (any, error) {
		if args[0] == nil {
			return 0.0, nil
		}
		return float64(len(args[0].(*array).items)), nil
	})
	define("append", "xx:a", 2, func(st *state, args []any) (any, error) { return appended(st, args[0], args[1]) })
	builtins["$append"].pays = true
	defined("reverse", "a:a", 1, func(st *state, args []any) (any, error) {
		return rearranged(st, args[0].(*array), func(i, n int) int { return n - 1 - i })
	})
	defined("shuffle", "a:a", 1, func(st *state, args []any) (any, error) {
		list := args[0].(*array)
		if err := st.collect(len(list.items)); err != nil {
			return nil, err
		}
		order := rand.Perm(len(list.items))
		return rearranged(st, list, func(i, _ int) int { return order[i] })
	})
	defined("distinct", "x:x", 1, distinct)
	define("zip", "a+", 0, zip)
	defined("sort", "af?:a", 2, sortFunction)
}

// rearranged gives the elements of a list in another order.
func rearranged(st *state, list *array, from func(i, n int) int) (any, error) {
	n := len(list.items)
	if n <= 1 {
		return list, nil
	}
	if err := st.collect(n); err != nil {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		items[i] = list.items[from(i, n)]
	}
	return newList(items), nil
}

func distinct(st *state, args []any) (any, error) {
	list, ok := args[0].(*array)
	if !ok || len(list.items) <= 1 {
		return args[0], nil
	}
	if err := st.collect(4 * len(list.items)); err != nil {
		return nil, err
	}
	result := &array{sequence: list.sequence}
	seen := map[uint64][]any{}
	for _, item := range list.items {
		hash, err := hashOf(st, item, 0)
		if err != nil {
			return nil, err
		}
		known, err := anyEqual(st, seen[hash], item)
		if err != nil {
			return nil, err
		}
		if !known {
			seen[hash] = append(seen[hash], item)
			result.items = append(result.items, item)
		}
	}
	return result, nil
}

func anyEqual(st *state, list []any, v any) (bool, error) {
	for _, item := range list {
		if yes, err := equal(st, v, item); yes || err != nil {
			return yes, err
		}
		if err := st.spend(1); err != nil {
			return false, err
		}
	}
	return false, nil
}

// zip makes lists of the first elements, the second elements, and so on.
func zip(st *state, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("$zip needs lists")
	}
	shortest := -1
	for _, arg := range args {
		list, ok := arg.(*array)
		if !ok {
			shortest = 0
			continue
		}
		if n := len(list.items); shortest < 0 || n < shortest {
			shortest = n
		}
	}
	if err := st.collect(shortest * (len(args) + 3)); err != nil {
		return nil, err
	}
	rows := make([]any, shortest)
	for i := range rows {
		row := make([]any, len(args))
		for j, arg := range args {
			row[j] = arg.(*array).items[i]
		}
		rows[i] = newList(row)
	}
	return newList(rows), nil
}

func sortFunction(st *state, args []any) (any, error) {
	list := args[0].(*array)
	if len(list.items) <= 1 {
		return list, nil
	}
	swap := func(a, b any) (bool, error) { return lessThan(st, b, a) }
	if fn, ok := args[1].(function); ok {
		swap = func(a, b any) (bool, error) {
			v, err := invoke(st, fn, []any{a, b}, null)
			if err != nil {
				return false, err
			}
			return javascriptTruth(v), nil
		}
	} else if !allNumbers(list.items) && !allStrings(list.items) {
		return nil, errors.New("$sort sorts numbers or strings; for anything else give it a function, as in $sort(items, function($a, $b){ $a.price > $b.price })")
	}
	sorted, err := mergeSort(st, list.items, swap)
	if err != nil {
		return nil, err
	}
	return newList(sorted), nil
}

// javascriptTruth is what JavaScript makes of the result of a $sort comparison: in
// contrast to JSONata, every list and every object is true.
func javascriptTruth(v any) bool {
	switch v := v.(type) {
	case nil, nullValue:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0
	}
	return true
}

func allStrings(items []any) bool {
	for _, item := range items {
		if _, ok := item.(string); !ok {
			return false
		}
	}
	return true
}
