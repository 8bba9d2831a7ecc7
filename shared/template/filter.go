package template

import (
	"math"
	"slices"
)

// filter is a predicate [...]: a number that is known, or an expression.
type filter struct {
	known bool
	index float64
	part  *part
	// same: the expression gives the same for every element.
	same bool
}

type filters []filter

// filters compiles predicates, which get these variables of the tuples.
func (c *compiler) filters(stages []*stage, vars []string) (filters, error) {
	var list filters
	for _, s := range stages {
		f, err := c.filter(s.filter, vars)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func (c *compiler) filter(n *node, vars []string) (filter, error) {
	if f, ok := number(n.value); ok && n.kind == kindNumber {
		return filter{known: true, index: f}, nil
	}
	part, err := c.in(n, vars)
	return filter{part: part, same: ofVariables(n, vars)}, err
}

// ofVariables tells whether an expression is made of numbers and variables only, other
// than the context and those that go with each element.
func ofVariables(n *node, carried []string) bool {
	if n.unfinished() {
		return false
	}
	switch n.kind {
	case kindNumber:
		return true
	case kindVariable:
		return n.text != "" && !slices.Contains(carried, n.text)
	case kindNegate:
		return ofVariables(n.left, carried)
	case kindBinary:
		return ofVariables(n.left, carried) && ofVariables(n.right, carried)
	}
	return false
}

func (fs filters) apply(st *state, f frame, v any) (any, error) {
	for _, filter := range fs {
		var err error
		if v, err = filter.apply(st, f, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (p filter) apply(st *state, f frame, v any) (any, error) {
	list, ok := v.(*array)
	if !ok {
		list = newSequence(v)
	}
	if p.known {
		return p.pick(list), nil
	}
	return p.choose(st, f, list)
}

// pick takes the element at a known index. One that is a list is the result itself.
func (p filter) pick(list *array) any {
	result := &array{sequence: true, tuples: list.tuples}
	i := place(p.index, len(list.items))
	if i < 0 || i >= float64(len(list.items)) || list.items[int(i)] == nil {
		return result
	}
	if inner, ok := list.items[int(i)].(*array); ok {
		return inner
	}
	result.items = []any{list.items[int(i)]}
	return result
}

// place makes an index of a number: rounded down, from the end if negative.
func place(n float64, size int) float64 {
	i := math.Floor(n)
	if i < 0 {
		i += float64(size)
	}
	return i
}

// choose keeps the elements for which the predicate is true, or gives their index.
func (p filter) choose(st *state, f frame, list *array) (any, error) {
	result := &array{sequence: true, tuples: list.tuples}
	if p.same && len(list.items) > 0 {
		verdict, err := p.part.enter(st, f, list.items[0])
		if n, ok := number(verdict); ok && err == nil {
			if i := place(n, len(list.items)); i >= 0 && i < float64(len(list.items)) {
				result.items = []any{list.items[int(i)]}
			}
			return result, st.collect(1)
		}
		if err != nil {
			return nil, err
		}
	}
	for i, item := range list.items {
		verdict, err := p.part.enter(st, f, item)
		if err != nil {
			return nil, err
		}
		times, err := matches(st, verdict, i, len(list.items))
		if err != nil {
			return nil, err
		}
		if err := st.collect(times); err != nil {
			return nil, err
		}
		for range times {
			result.items = append(result.items, item)
		}
	}
	return result, nil
}

// matches tells how often a predicate chooses the element at i: as often as the
// numbers it gave say so, else once if it is true.
func matches(st *state, verdict any, i, size int) (int, error) {
	if n, ok := number(verdict); ok {
		return count(place(n, size) == float64(i)), nil
	}
	list, ok := verdict.(*array)
	if !ok || !allNumbers(list.items) {
		yes, err := truth(st, verdict)
		return count(yes), err
	}
	times := 0
	for _, item := range list.items {
		n, _ := number(item)
		times += count(place(n, size) == float64(i))
	}
	return times, st.spend(len(list.items))
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func allNumbers(items []any) bool {
	for _, item := range items {
		if _, ok := number(item); !ok {
			return false
		}
	}
	return true
}
