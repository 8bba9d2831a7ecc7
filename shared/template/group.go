package template

import (
	"fmt"
	"slices"
)

// grouping is an object constructor {key: value, ...}. It collects the elements of
// its input under the keys that they give, then evaluates the values, each on the
// elements of its key. An object that stands alone groups its context.
type grouping struct {
	// known has the keys if all are literals, the ordinary case. Then a single
	// lambda gives all values. Otherwise each pair has two, for key and value.
	known []string
	pairs int
	vars  []string
}

// values is what the lambda of a grouping with known keys gives.
type values []any

func (e *emitter) grouping(n *node, vars []string) (*grouping, []*emitted, error) {
	g := &grouping{pairs: len(n.pairs), vars: vars}
	if keys, err := knownKeys(n); err != nil {
		return nil, nil, err
	} else if keys != nil {
		g.known = keys
		lambda, err := e.valuesLambda(n, vars)
		return g, []*emitted{lambda}, err
	}
	var lambdas []*emitted
	for _, pair := range n.pairs {
		for _, part := range pair {
			lambda, err := e.in(part, vars...)
			if err != nil {
				return nil, nil, err
			}
			lambdas = append(lambdas, lambda)
		}
	}
	return g, lambdas, nil
}

// knownKeys gives the keys if all are literals, else nil.
func knownKeys(n *node) ([]string, error) {
	keys := make([]string, len(n.pairs))
	seen := map[string]bool{}
	for i, pair := range n.pairs {
		if pair[0].kind != kindString || pair[0].unfinished() {
			return nil, nil
		}
		keys[i] = pair[0].text
		if seen[keys[i]] {
			return nil, faultf(pair[0].line, "the key %q stands twice in one object: remove one", keys[i])
		}
		seen[keys[i]] = true
	}
	return keys, nil
}

func (e *emitter) valuesLambda(n *node, vars []string) (*emitted, error) {
	return e.part(vars, func() (*emitted, error) {
		codes := make([]*emitted, len(n.pairs))
		for i, pair := range n.pairs {
			code, err := e.expression(pair[1])
			if err != nil {
				return nil, err
			}
			codes[i] = code
		}
		return callOf(n.line, func(_ *state, args []any) (any, error) { return values(slices.Clone(args)), nil }, codes...), nil
	})
}

func (g *grouping) apply(st *state, input any, lambdas []any) (any, error) {
	items, tuples := elements(input), false
	if list, ok := input.(*array); ok {
		tuples = list.tuples
	}
	if len(items) == 0 && !tuples {
		items = []any{nil}
	}
	if g.known != nil {
		return g.fixed(st, items, lambdas[0])
	}
	return g.collect(st, items, lambdas)
}

// fixed makes an object whose keys are known: every element belongs to each.
func (g *grouping) fixed(st *state, items []any, lambda any) (any, error) {
	if err := st.build(len(g.known)); err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return newObject(0), nil
	}
	args, err := g.arguments(st, items)
	if err != nil {
		return nil, err
	}
	v, err := enter(st, lambda, args...)
	if err != nil {
		return nil, err
	}
	result := newObject(len(g.known))
	for i, value := range v.(values) {
		if value != nil {
			result.set(g.known[i], value)
		}
	}
	return result, nil
}

// arguments gives a value's lambda its context and variables: those of the
// elements, joined.
func (g *grouping) arguments(st *state, items []any) ([]any, error) {
	if _, ok := items[0].(*tuple); !ok {
		joined, err := join(st, items)
		return []any{joined}, err
	}
	if err := st.collect(len(items)); err != nil {
		return nil, err
	}
	args := make([]any, 1+len(g.vars))
	part := make([]any, len(items))
	for i := range args {
		if err := st.spend(len(items)); err != nil {
			return nil, err
		}
		for j, item := range items {
			if t := item.(*tuple); i == 0 {
				part[j] = t.value
			} else {
				part[j] = settle(t.vars[g.vars[i-1]])
			}
		}
		var err error
		if args[i], err = join(st, part); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// join appends values to one another: undefined adds nothing, a list its elements,
// and one value alone stays itself.
func join(st *state, items []any) (any, error) {
	var only any
	some, size := 0, 0
	for _, item := range items {
		if item != nil {
			only, some, size = item, some+1, size+len(elements(item))
		}
	}
	if some <= 1 {
		return only, nil
	}
	if err := st.collect(size); err != nil {
		return nil, err
	}
	all := make([]any, 0, size)
	for _, item := range items {
		if item != nil {
			all = append(all, elements(item)...)
		}
	}
	return newList(all), nil
}

// bucket is what a grouping has collected under one key.
type bucket struct {
	pair  int
	items []any
}

func (g *grouping) collect(st *state, items []any, lambdas []any) (any, error) {
	if err := st.build(0); err != nil {
		return nil, err
	}
	groups := newObject(0)
	for _, item := range items {
		if err := g.sort(st, groups, item, lambdas); err != nil {
			return nil, err
		}
	}
	result := newObject(len(groups.fields))
	for _, key := range groups.keys() {
		group := groups.get(key).(*bucket)
		args, err := g.arguments(st, group.items)
		if err != nil {
			return nil, err
		}
		v, err := enter(st, lambdas[2*group.pair+1], args...)
		if err != nil {
			return nil, err
		}
		if v != nil {
			result.set(key, v)
		}
	}
	return result, nil
}

// sort puts an element under the keys that it gives.
func (g *grouping) sort(st *state, groups *object, item any, lambdas []any) error {
	args := []any{item}
	if t, ok := item.(*tuple); ok {
		args = t.arguments(g.vars)
	}
	for pair := range g.pairs {
		k, err := enter(st, lambdas[2*pair], args...)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		key, ok := k.(string)
		if !ok {
			return fmt.Errorf("the key of an object must be a string, not %s: use $string(…)", describe(k))
		}
		if len(key) > maxKey {
			return fmt.Errorf("the key of an object has more than %d bytes: use $sha256(…)", maxKey)
		}
		if err := st.collect(2); err != nil {
			return err
		}
		group, ok := groups.get(key).(*bucket)
		if !ok {
			if err := st.collect(6); err != nil {
				return err
			}
			group = &bucket{pair: pair}
			groups.set(key, group)
		}
		if group.pair != pair {
			return fmt.Errorf("two keys of one object have the same value")
		}
		group.items = append(group.items, item)
	}
	return nil
}
