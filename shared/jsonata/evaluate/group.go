package evaluate

import (
	"fmt"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// grouping is an object constructor {key: value, ...}. It collects the elements of its
// input under their keys, then evaluates each value on the elements of its key. An
// object that is not a step of a path groups its context.
type grouping struct {
	// known has the keys if all are literals, which is the usual case. Then all values
	// are evaluated on the same elements, with one binding.
	known  []string
	shared binding
	codes  []evaluation
	// pairs is used if a key is not a literal: each pair then computes its key.
	pairs []groupPair
}

type groupPair struct{ key, value *part }

// grouping compiles {…}. Its keys and values can use the variables of the tuples named in
// vars.
func (c *compiler) grouping(n *syntax.Node, vars []string) *grouping {
	g := &grouping{known: knownKeys(n)}
	c.withoutAssignment(func() {
		if g.known != nil {
			c.within(&g.shared, vars, nil, func() {
				for _, pair := range n.Pairs {
					g.codes = append(g.codes, c.expression(pair[1]))
				}
			})
			return
		}
		for _, pair := range n.Pairs {
			g.pairs = append(g.pairs, groupPair{c.in(pair[0], vars), c.in(pair[1], vars)})
		}
	})
	return g
}

// knownKeys returns the keys if all of them are literals, otherwise nil.
func knownKeys(n *syntax.Node) []string {
	keys := make([]string, len(n.Pairs))
	seen := map[string]bool{}
	for i, pair := range n.Pairs {
		if pair[0].Kind != syntax.KindString || pair[0].HasAttachments() {
			return nil
		}
		keys[i] = pair[0].Text
		if seen[keys[i]] {
			fault.Stopf(pair[0].Line, "the key %q stands twice in one object: remove one", keys[i])
		}
		seen[keys[i]] = true
	}
	return keys
}

func (g *grouping) apply(st *value.State, f frame, input any) (any, error) {
	if err := st.Spend(1); err != nil {
		return nil, err
	}
	items, tuples := value.Elements(input), false
	if list, ok := input.(*value.Array); ok {
		tuples = list.Tuples
	}
	if len(items) == 0 && !tuples {
		items = []any{nil}
	}
	if g.known != nil {
		return g.fixed(st, f, items)
	}
	return g.collect(st, f, items)
}

// fixed returns an object with known keys. The value of each key is evaluated on all elements.
func (g *grouping) fixed(st *value.State, f frame, items []any) (any, error) {
	if err := st.AllocateObject(len(g.known)); err != nil {
		return nil, err
	}
	result := value.NewObject(len(g.known))
	if len(items) == 0 {
		return result, nil
	}
	context, err := g.shared.bindJoined(st, f, items)
	if err != nil {
		return nil, err
	}
	for i, code := range g.codes {
		value, err := code(st, f, context)
		if err != nil {
			return nil, err
		}
		if value != nil {
			result.Set(g.known[i], value)
		}
	}
	return result, nil
}

// bindJoined joins the elements and returns them as the context of a value. If the
// elements are tuples, it also binds each variable to its joined values.
func (b *binding) bindJoined(st *value.State, f frame, items []any) (any, error) {
	if _, ok := items[0].(*tuple); !ok {
		if len(b.variables) > 0 {
			b.bind(f, nil)
		}
		return value.Join(st, items)
	}
	if err := st.AllocateItems(len(items)); err != nil {
		return nil, err
	}
	context, err := joinOf(st, items, func(t *tuple) any { return t.value })
	if err != nil {
		return nil, err
	}
	for i, v := range b.variables {
		value, err := joinOf(st, items, func(t *tuple) any { return value.Collapse(t.get(b.names[i])) })
		if err != nil {
			return nil, err
		}
		v.bind(f, value)
	}
	clearLocals(f, b.locals)
	return context, nil
}

// joinOf joins what of returns for each tuple.
func joinOf(st *value.State, tuples []any, of func(t *tuple) any) (any, error) {
	if err := st.Spend(len(tuples)); err != nil {
		return nil, err
	}
	part := make([]any, len(tuples))
	for i, item := range tuples {
		part[i] = of(item.(*tuple))
	}
	return value.Join(st, part)
}

// bucket has the elements that a grouping collected under one key.
type bucket struct {
	pair  int
	items []any
}

func (g *grouping) collect(st *value.State, f frame, items []any) (any, error) {
	if err := st.AllocateObject(0); err != nil {
		return nil, err
	}
	groups := value.NewObject(0)
	for _, item := range items {
		if err := g.add(st, f, groups, item); err != nil {
			return nil, err
		}
	}
	if err := st.AllocateObject(groups.Len()); err != nil {
		return nil, err
	}
	result := value.NewObject(groups.Len())
	fields, err := groups.Fields(st)
	if err != nil {
		return nil, err
	}
	for _, field := range fields {
		group := field.Value.(*bucket)
		value := g.pairs[group.pair].value
		context, err := value.bindJoined(st, f, group.items)
		if err != nil {
			return nil, err
		}
		v, err := value.body(st, f, context)
		if err != nil {
			return nil, err
		}
		if v != nil {
			result.Set(field.Key, v)
		}
	}
	return result, nil
}

// add adds an element to the buckets of its keys.
func (g *grouping) add(st *value.State, f frame, groups *value.Object, item any) error {
	for pair := range g.pairs {
		k, err := g.pairs[pair].key.enter(st, f, item)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		key, ok := k.(string)
		if !ok {
			return fmt.Errorf("the key of an object must be a string, not %s: use $string(…)", value.Describe(k))
		}
		if len(key) > value.MaxKey {
			return fmt.Errorf("the key of an object has more than %d bytes: use $sha256(…)", value.MaxKey)
		}
		if err := st.AllocateItems(2); err != nil {
			return err
		}
		group, ok := groups.Get(key).(*bucket)
		if !ok {
			if err := st.AllocateItems(10); err != nil {
				return err
			}
			group = &bucket{pair: pair}
			groups.Set(key, group)
		}
		if group.pair != pair {
			return fmt.Errorf("two keys of one object have the same value")
		}
		group.items = append(group.items, item)
	}
	return nil
}
