package functions

import (
	"errors"
	"math/rand/v2"

	"commerce-segment/shared/jsonata/value"
)

func (l Library) addLists() {
	l.Define("count", "a:n", 1, func(_ *value.State, args []any) (any, error) {
		if args[0] == nil {
			return 0.0, nil
		}
		return float64(len(args[0].(*value.Array).Items)), nil
	})
	l.Define("append", "xx:a", 2, func(st *value.State, args []any) (any, error) { return value.Append(st, args[0], args[1]) })
	l.defineStrict("reverse", "a:a", 1, func(st *value.State, args []any) (any, error) {
		return rearranged(st, args[0].(*value.Array), func(i, n int) int { return n - 1 - i })
	})
	l.defineStrict("shuffle", "a:a", 1, func(st *value.State, args []any) (any, error) {
		list := args[0].(*value.Array)
		if err := st.AllocateItems(len(list.Items)); err != nil {
			return nil, err
		}
		order := rand.Perm(len(list.Items))
		return rearranged(st, list, func(i, _ int) int { return order[i] })
	})
	l.defineStrict("distinct", "x:x", 1, distinct)
	l.Define("zip", "a+", 0, zip)
	l.defineStrict("sort", "af?:a", 2, sortItems)
}

// rearranged returns the elements of a list in another order.
func rearranged(st *value.State, list *value.Array, from func(i, n int) int) (any, error) {
	n := len(list.Items)
	if n <= 1 {
		return list, nil
	}
	if err := st.AllocateItems(n); err != nil {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		items[i] = list.Items[from(i, n)]
	}
	return value.NewList(items), nil
}

func distinct(st *value.State, args []any) (any, error) {
	list, ok := args[0].(*value.Array)
	if !ok || len(list.Items) <= 1 {
		return args[0], nil
	}
	if err := st.AllocateItems(4 * len(list.Items)); err != nil {
		return nil, err
	}
	result := &value.Array{Sequence: list.Sequence}
	seen := map[uint64][]any{}
	for _, item := range list.Items {
		hash, err := value.Hash(st, item)
		if err != nil {
			return nil, err
		}
		known, err := anyEqual(st, seen[hash], item)
		if err != nil {
			return nil, err
		}
		if !known {
			seen[hash] = append(seen[hash], item)
			result.Items = append(result.Items, item)
		}
	}
	return result, nil
}

func anyEqual(st *value.State, list []any, v any) (bool, error) {
	for _, item := range list {
		if yes, err := value.Equal(st, v, item); yes || err != nil {
			return yes, err
		}
		if err := st.Spend(1); err != nil {
			return false, err
		}
	}
	return false, nil
}

// zip returns a list of lists: first that of the first elements, then that of the second
// elements, and so on.
func zip(st *value.State, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("$zip needs lists")
	}
	shortest := -1
	for _, arg := range args {
		list, ok := arg.(*value.Array)
		if !ok {
			shortest = 0
			continue
		}
		if n := len(list.Items); shortest < 0 || n < shortest {
			shortest = n
		}
	}
	if err := st.AllocateItems(shortest * (len(args) + 3)); err != nil {
		return nil, err
	}
	rows := make([]any, shortest)
	for i := range rows {
		row := make([]any, len(args))
		for j, arg := range args {
			row[j] = arg.(*value.Array).Items[i]
		}
		rows[i] = value.NewList(row)
	}
	return value.NewList(rows), nil
}

func sortItems(st *value.State, args []any) (any, error) {
	list := args[0].(*value.Array)
	if len(list.Items) <= 1 {
		return list, nil
	}
	swap := func(a, b any) (bool, error) { return value.Less(st, b, a) }
	if fn, ok := args[1].(value.Function); ok {
		swap = func(a, b any) (bool, error) {
			v, err := value.Invoke(st, fn, []any{a, b}, value.Null)
			if err != nil {
				return false, err
			}
			return javascriptTruth(v), nil
		}
	} else if !value.AllNumbers(list.Items) && !value.AllStrings(list.Items) {
		return nil, errors.New("$sort sorts numbers or strings; for anything else give it a function, as in $sort(items, function($a, $b){ $a.price > $b.price })")
	}
	sorted, err := value.MergeSort(st, list.Items, swap)
	if err != nil {
		return nil, err
	}
	return value.NewList(sorted), nil
}

// javascriptTruth converts the result of a $sort comparison as JavaScript does: in
// contrast to JSONata, every list and every object is true.
func javascriptTruth(v any) bool {
	switch v := v.(type) {
	case nil, value.NullValue:
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
