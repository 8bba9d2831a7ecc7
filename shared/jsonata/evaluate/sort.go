package evaluate

import (
	"errors"

	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// sorting is the step ^(a, >b).
type sorting struct {
	keys       []*part
	descending []bool
}

func (c *compiler) sorting(n *syntax.Node, vars []string) *sorting {
	s := &sorting{}
	c.withoutAssignment(func() {
		for _, term := range n.Terms {
			s.keys, s.descending = append(s.keys, c.in(term.Expr, vars)), append(s.descending, term.Descending)
		}
	})
	return s
}

// sortItem is an element with the values of the sort terms that were needed so far.
type sortItem struct {
	value any
	keys  []any
	known []bool
}

func (s *sorting) run(st *value.State, f frame, list *value.Array) (*value.Array, error) {
	if len(list.Items) <= 1 {
		return list, nil
	}
	if err := st.AllocateItems(len(list.Items) * (4 + len(s.keys))); err != nil {
		return nil, err
	}
	items := make([]any, len(list.Items))
	for i, v := range list.Items {
		items[i] = &sortItem{value: v, keys: make([]any, len(s.keys)), known: make([]bool, len(s.keys))}
	}
	sorted, err := value.MergeSort(st, items, func(a, b any) (bool, error) {
		return s.swap(st, f, a.(*sortItem), b.(*sortItem))
	})
	if err != nil {
		return nil, err
	}
	for i, item := range sorted {
		sorted[i] = item.(*sortItem).value
	}
	return &value.Array{Items: sorted, Tuples: list.Tuples}, nil
}

// swap reports whether b comes before a.
func (s *sorting) swap(st *value.State, f frame, a, b *sortItem) (bool, error) {
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

func (s *sorting) key(st *value.State, f frame, item *sortItem, term int) (any, error) {
	if item.known[term] {
		return item.keys[term], nil
	}
	v, err := s.keys[term].enter(st, f, item.value)
	item.keys[term], item.known[term] = v, true
	return v, err
}

// compareKeys orders two values of a sort term; undefined comes last.
func compareKeys(st *value.State, x, y any) (int, error) {
	switch {
	case x == nil && y == nil:
		return 0, nil
	case x == nil:
		return 1, nil
	case y == nil:
		return -1, nil
	}
	if !value.Comparable(x) || !value.Comparable(y) {
		return 0, errors.New("the values to sort by must be numbers or strings, in all elements")
	}
	if yes, err := value.EqualScalars(st, x, y); yes || err != nil {
		return 0, err
	}
	less, err := value.Less(st, x, y)
	if errors.Is(err, value.ErrMixedTypes) {
		return 0, errors.New("the values to sort by are numbers in some elements and strings in others: use $string(…) or $number(…)")
	}
	if less {
		return -1, err
	}
	return 1, err
}
