package evaluate

import (
	"math"
	"slices"

	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// filter is a predicate [...]: a constant index, a list of constant indexes and ranges, or
// an expression.
type filter struct {
	known  bool
	index  float64
	ranges []indexRange
	part   *part
	// constant means that the value of the expression is the same for every element.
	constant bool
}

// indexRange is a range of indexes from..to, or one index that is both.
type indexRange struct{ from, to float64 }

type filters []filter

// filters compiles predicates. They can use the variables of the tuples named in vars.
func (c *compiler) filters(stages []*syntax.Stage, vars []string) filters {
	var list filters
	for _, s := range stages {
		list = append(list, c.filter(s.Filter, vars))
	}
	return list
}

func (c *compiler) filter(n *syntax.Node, vars []string) filter {
	if n.Kind == syntax.KindNumber {
		return filter{known: true, index: n.Number}
	}
	if ranges := literalRanges(n); ranges != nil {
		return filter{ranges: ranges}
	}
	return filter{part: c.in(n, vars), constant: ofVariables(n, vars)}
}

// literalRanges returns the indexes in a literal list of whole numbers and ranges of them.
// It returns nil for any other expression.
func literalRanges(n *syntax.Node) []indexRange {
	if n.Kind != syntax.KindArray || n.HasAttachments() {
		return nil
	}
	var ranges []indexRange
	for _, item := range n.List {
		from, to := item, item
		if item.Kind == syntax.KindBinary && item.Text == ".." && !item.HasAttachments() {
			from, to = item.Left, item.Right
		}
		if !isWhole(from) || !isWhole(to) || to.Number-from.Number >= maxRange {
			return nil
		}
		ranges = append(ranges, indexRange{from.Number, to.Number})
	}
	return ranges
}

func isWhole(n *syntax.Node) bool {
	return n.Kind == syntax.KindNumber && n.Number == math.Trunc(n.Number) && !n.HasAttachments()
}

// ofVariables reports whether an expression consists only of literals and variables, so
// that its value is the same for every element. The context and the carried variables are
// not the same for every element.
func ofVariables(n *syntax.Node, carried []string) bool {
	if n.HasAttachments() {
		return false
	}
	switch n.Kind {
	case syntax.KindNumber, syntax.KindString, syntax.KindLiteral:
		return true
	case syntax.KindArray:
		return !slices.ContainsFunc(n.List, func(item *syntax.Node) bool { return !ofVariables(item, carried) })
	case syntax.KindVariable:
		return n.Text != "" && !slices.Contains(carried, n.Text)
	case syntax.KindNegate:
		return ofVariables(n.Left, carried)
	case syntax.KindBinary:
		return ofVariables(n.Left, carried) && ofVariables(n.Right, carried)
	}
	return false
}

func (fs filters) apply(st *value.State, f frame, v any) (any, error) {
	for _, filter := range fs {
		var err error
		if v, err = filter.apply(st, f, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (p filter) apply(st *value.State, f frame, v any) (any, error) {
	list, ok := v.(*value.Array)
	if !ok {
		list = value.NewSequence(v)
	}
	if p.known {
		return p.pick(list), nil
	}
	if p.ranges != nil {
		return p.chooseByRanges(st, list)
	}
	return p.choose(st, f, list)
}

// element returns the element at the constant index of a predicate. It returns nil if the
// predicate has no constant index, or the list has no such element.
func (p filter) element(list *value.Array) any {
	if i, ok := place(p.index, len(list.Items)); ok && p.known {
		return list.Items[i]
	}
	return nil
}

// pick returns the element at a constant index. If the element is a list, that list is the
// whole result.
func (p filter) pick(list *value.Array) any {
	one := p.element(list)
	if inner, ok := one.(*value.Array); ok {
		return inner
	}
	result := &value.Array{Sequence: true, Tuples: list.Tuples}
	if one != nil {
		result.Items = []any{one}
	}
	return result
}

// place converts a number to an index of a list, and reports whether the list has that
// index. It rounds a fraction down. A negative number counts from the end.
func place(n float64, size int) (i int, ok bool) {
	f := math.Floor(n)
	if f < 0 {
		f += float64(size)
	}
	if f < 0 || f >= float64(size) {
		return 0, false
	}
	return int(f), true
}

// choose returns the elements for which the predicate is true or equals their index.
func (p filter) choose(st *value.State, f frame, list *value.Array) (any, error) {
	if p.constant && len(list.Items) > 0 {
		return p.chooseByConstant(st, f, list)
	}
	result := &value.Array{Sequence: true, Tuples: list.Tuples}
	for i, item := range list.Items {
		verdict, err := p.part.enter(st, f, item)
		if err != nil {
			return nil, err
		}
		times, err := matches(st, verdict, i, len(list.Items))
		if err != nil {
			return nil, err
		}
		if err := st.AllocateItems(times); err != nil {
			return nil, err
		}
		for range times {
			result.Items = append(result.Items, item)
		}
	}
	return result, nil
}

// chooseByConstant is choose for a predicate with the same value for every element.
func (p filter) chooseByConstant(st *value.State, f frame, list *value.Array) (any, error) {
	verdict, err := p.part.enter(st, f, list.Items[0])
	if err != nil {
		return nil, err
	}
	indexes, ok := verdict.(*value.Array)
	if _, isNumber := value.Number(verdict); isNumber {
		indexes = value.NewSequence(verdict)
	} else if !ok || !value.AllNumbers(indexes.Items) {
		yes, err := value.ToBoolean(st, verdict)
		if !yes || err != nil {
			return &value.Array{Sequence: true, Tuples: list.Tuples}, err
		}
		return &value.Array{Items: list.Items, Sequence: true, Tuples: list.Tuples}, nil
	}
	if err := st.AllocateItems(len(indexes.Items)); err != nil {
		return nil, err
	}
	places := make([]int, 0, len(indexes.Items))
	for _, index := range indexes.Items {
		n, _ := value.Number(index)
		if i, ok := place(n, len(list.Items)); ok {
			places = append(places, i)
		}
	}
	return elementsAt(st, list, places)
}

// chooseByRanges returns the elements at constant indexes.
func (p filter) chooseByRanges(st *value.State, list *value.Array) (any, error) {
	var places []int
	size := float64(len(list.Items))
	for _, r := range p.ranges {
		from, to := max(r.from, -size), min(r.to, size-1)
		if from > to {
			continue
		}
		if err := st.AllocateItems(int(to-from) + 1); err != nil {
			return nil, err
		}
		places = slices.Grow(places, int(to-from)+1)
		for n := from; n <= to; n++ {
			if i, ok := place(n, len(list.Items)); ok {
				places = append(places, i)
			}
		}
	}
	return elementsAt(st, list, places)
}

// elementsAt returns the elements at the given indexes, in the order of the list.
func elementsAt(st *value.State, list *value.Array, places []int) (any, error) {
	if err := st.AllocateItems(len(places)); err != nil {
		return nil, err
	}
	slices.Sort(places)
	chosen := make([]any, len(places))
	for i, place := range places {
		chosen[i] = list.Items[place]
	}
	return &value.Array{Items: chosen, Sequence: true, Tuples: list.Tuples}, nil
}

// matches returns how often a predicate selects the element at i. If the predicate is a
// number or a list of numbers, that is how many of them equal the index. Otherwise it is
// once if the predicate is true.
func matches(st *value.State, verdict any, i, size int) (int, error) {
	if n, ok := value.Number(verdict); ok {
		chosen, ok := place(n, size)
		return value.BoolToInt(ok && chosen == i), nil
	}
	list, ok := verdict.(*value.Array)
	if !ok || !value.AllNumbers(list.Items) {
		yes, err := value.ToBoolean(st, verdict)
		return value.BoolToInt(yes), err
	}
	times := 0
	for _, item := range list.Items {
		n, _ := value.Number(item)
		chosen, ok := place(n, size)
		times += value.BoolToInt(ok && chosen == i)
	}
	return times, st.Spend(len(list.Items))
}
