package template

import "errors"

// sorting is the step ^(a, >b).
type sorting struct {
	descending []bool
	vars       []string
}

func (e *emitter) sortStep(n *node, s *step) ([]*emitted, error) {
	s.kind, s.sort = stepSort, &sorting{vars: s.vars}
	var lambdas []*emitted
	for _, term := range n.terms {
		lambda, err := e.in(term.expr, s.vars...)
		if err != nil {
			return nil, err
		}
		s.sort.descending = append(s.sort.descending, term.descending)
		lambdas = append(lambdas, lambda)
	}
	return lambdas, nil
}

func (s *step) takeSort(st *state, input *array, lambdas []any) (any, []any, error) {
	n := len(s.sort.descending)
	sorted, err := s.sort.run(st, input, lambdas[:n])
	if err != nil {
		return nil, nil, err
	}
	return s.filterPlain(st, sorted, lambdas[n:])
}

// sortItem is an element with the values of those terms that were asked for.
type sortItem struct {
	value any
	keys  []any
	known []bool
}

func (s *sorting) run(st *state, list *array, lambdas []any) (*array, error) {
	if len(list.items) <= 1 {
		return list, nil
	}
	if err := st.collect(len(list.items) * (4 + len(lambdas))); err != nil {
		return nil, err
	}
	items := make([]any, len(list.items))
	for i, v := range list.items {
		items[i] = &sortItem{value: v, keys: make([]any, len(lambdas)), known: make([]bool, len(lambdas))}
	}
	sorted, err := mergeSort(st, items, func(a, b any) (bool, error) {
		return s.swap(st, a.(*sortItem), b.(*sortItem), lambdas)
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
func (s *sorting) swap(st *state, a, b *sortItem, lambdas []any) (bool, error) {
	for term, descending := range s.descending {
		x, err := s.key(st, a, term, lambdas)
		if err != nil {
			return false, err
		}
		y, err := s.key(st, b, term, lambdas)
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

func (s *sorting) key(st *state, item *sortItem, term int, lambdas []any) (any, error) {
	if item.known[term] {
		return item.keys[term], nil
	}
	args := []any{item.value}
	if t, ok := item.value.(*tuple); ok {
		args = t.arguments(s.vars)
	}
	v, err := enter(st, lambdas[term], args...)
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
