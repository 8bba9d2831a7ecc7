package template

import "math"

// filter is a predicate [...]: a number that is known, or a lambda.
type filter struct {
	known bool
	index float64
	vars  []string // what the lambda gets of a tuple, after the context
}

type filters []filter

// filters emits predicates, and gives their lambdas.
func (e *emitter) filters(stages []*stage, vars []string) (filters, []*emitted, error) {
	var list filters
	var lambdas []*emitted
	for _, s := range stages {
		f, lambda, err := e.filter(s.filter, vars)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, f)
		if lambda != nil {
			lambdas = append(lambdas, lambda)
		}
	}
	return list, lambdas, nil
}

func (e *emitter) filter(n *node, vars []string) (filter, *emitted, error) {
	if f, ok := number(n.value); ok && n.kind == kindNumber {
		return filter{known: true, index: f}, nil, nil
	}
	lambda, err := e.in(n, vars...)
	return filter{vars: vars}, lambda, err
}

// apply filters a value and gives the lambdas that it did not use.
func (fs filters) apply(st *state, v any, lambdas []any) (any, []any, error) {
	for _, f := range fs {
		var err error
		if v, lambdas, err = f.apply(st, v, lambdas); err != nil {
			return nil, nil, err
		}
	}
	return v, lambdas, nil
}

func (f filter) apply(st *state, v any, lambdas []any) (any, []any, error) {
	list, ok := v.(*array)
	if !ok {
		list = newSequence(v)
	}
	if f.known {
		return f.pick(list), lambdas, nil
	}
	result, err := f.choose(st, list, lambdas[0])
	return result, lambdas[1:], err
}

// pick takes the element at a known index. One that is a list is the result itself.
func (f filter) pick(list *array) any {
	result := &array{sequence: true, tuples: list.tuples}
	i := place(f.index, len(list.items))
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

// choose keeps the elements for which the lambda is true, or gives their index.
func (f filter) choose(st *state, list *array, lambda any) (any, error) {
	result := &array{sequence: true, tuples: list.tuples}
	for i, item := range list.items {
		verdict, err := enter(st, lambda, f.arguments(item)...)
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

// arguments gives the lambda its context and its variables.
func (f filter) arguments(item any) []any {
	t, ok := item.(*tuple)
	if !ok {
		return []any{item}
	}
	return t.arguments(f.vars)
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
