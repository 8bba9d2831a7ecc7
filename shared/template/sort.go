package template

import "errors"

// sorting is the step ^(a, >b).
type sorting struct {
	keys       []*part
	descending []bool
}

func (c *compiler) sorting(n *node, vars []string) (*sorting, error) {
	s := &sorting{}
	return s, c.withoutBinding(func() error {
		for _, term := range n.terms {
			key, err := c.in(term.expr, vars)
			if err != nil {
				return err
			}
			s.keys, s.descending = append(s.keys, key), append(s.descending, term.descending)
		}
		return nil
	})
}

// sortItem is an element with the values of those terms that were asked for.
type sortItem struct {
	value any
	keys  []any
	known []bool
}

func (s *sorting) run(st *state, f frame, list *array) (*array, error) {
	if len(list.items) <= 1 {
		return list, nil
	}
	if err := st.collect(len(list.items) * (4 + len(s.keys))); err != nil {
		return nil, err
	}
	items := make([]any, len(list.items))
	for i, v := range list.items {
		items[i] = &sortItem{value: v, keys: make([]any, len(s.keys)), known: make([]bool, len(s.keys))}
	}
	sorted, err := mergeSort(st, items, func(a, b any) (bool, error) {
		return s.swap(st, f, a.(*sortItem), b.(*sortItem))
	})
	if err != nil {
		return nil, err
	}
	for i, item := range sorted {
		sorted[i] = item.(*sortItem).value
	}
	return &array{items: sorted, tuples: list.tuples}, nil
}

// swap tells whether b comes before a.
func (s *sorting) swap(st *state, f frame, a, b *sortItem) (bool, error) {
	for term, descending := range s.descending {
		x, err := s.key(st, f, a, term)
		if err != nil {
			return false, err
		}
		y, err := s.key(st, f, b, term)
		if err != nil {
			return false, err
		}
		order, err := compareKeys(st, x, y)
		if err != nil {
			return false, err
		}
		if order != 0 {
			return (order > 0) != (descending && x != nil && y != nil), nil
		}
	}
	return false, nil
}

func (s *sorting) key(st *state, f frame, item *sortItem, term int) (any, error) {
	if item.known[term] {
		return item.keys[term], nil
	}
	v, err := s.keys[term].enter(st, f, item.value)
	item.keys[term], item.known[term] = v, true
	return v, err
}

// compareKeys orders two values of a sort term; undefined comes last.
func compareKeys(st *state, x, y any) (int, error) {
	switch {
	case x == nil && y == nil:
		return 0, nil
	case x == nil:
		return 1, nil
	case y == nil:
		return -1, nil
	}
	if !comparable(x) || !comparable(y) {
		return 0, errors.New("the values to sort by must be numbers or strings, in all elements")
	}
	if yes, err := same(st, x, y); yes || err != nil {
		return 0, err
	}
	less, err := lessThan(st, x, y)
	if errors.Is(err, errMixed) {
		return 0, errors.New("the values to sort by are numbers in some elements and strings in others: use $string(…) or $number(…)")
	}
	if less {
		return -1, err
	}
	return 1, err
}

// mergeSort sorts stably. swap tells whether its second argument comes first.
func mergeSort(st *state, items []any, swap func(a, b any) (bool, error)) ([]any, error) {
	if len(items) <= 1 {
		return items, nil
	}
	if err := st.collect(len(items)); err != nil {
		return nil, err
	}
	middle := len(items) / 2
	left, err := mergeSort(st, items[:middle], swap)
	if err != nil {
		return nil, err
	}
	right, err := mergeSort(st, items[middle:], swap)
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
