package evaluate

import (
	"errors"
	"fmt"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// transformation is |pattern|update,remove|: a function that returns a changed copy.
type transformation struct {
	line                    int
	nesting                 int // how deep its parts nest, for the limit on depth
	clone                   any // $clone, which a template may replace
	pattern, update, remove *lambda
}

var transformSignature = functions.MustParseSignature("(oa):o")

// Arity returns 1.
func (t *transformation) Arity() int { return 1 }

// Apply returns a changed copy of its argument.
func (t *transformation) Apply(st *value.State, args []any, context any) (any, error) {
	if err := st.Enter(t.nesting); err != nil {
		return nil, fault.At(t.line, err)
	}
	v, err := t.run(st, args, context)
	st.Leave(t.nesting)
	return v, fault.At(t.line, err)
}

func (t *transformation) run(st *value.State, args []any, context any) (any, error) {
	args, err := transformSignature.Apply(st, "the transformation |…|", args, context)
	if err != nil || len(args) == 0 || args[0] == nil {
		return nil, err
	}
	cloner, ok := t.clone.(value.Function)
	if !ok {
		return nil, errors.New("a transformation |…| copies its input with $clone, which is not a function here")
	}
	result, err := value.Invoke(st, cloner, args, value.Null)
	if err != nil {
		return nil, err
	}
	found, err := t.pattern.enter(st, result, nil)
	if err != nil || found == nil {
		return result, err
	}
	for _, match := range value.Elements(found) {
		if err := t.change(st, match); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (t *transformation) change(st *value.State, match any) error {
	update, err := t.update.enter(st, match, nil)
	if err != nil {
		return err
	}
	if update != nil {
		if err := assign(st, match, update); err != nil {
			return err
		}
	}
	if t.remove == nil {
		return nil
	}
	names, err := t.remove.enter(st, match, nil)
	if err != nil || names == nil {
		return err
	}
	if !value.AllStrings(value.Elements(names)) {
		return errors.New("the last part of a transformation |…| must be the names of the fields to remove, in strings")
	}
	o, ok := match.(*value.Object)
	if !ok {
		return nil
	}
	if err := st.AllocateItems(len(value.Elements(names)) + o.Len()); err != nil {
		return err
	}
	var keys []string
	for _, name := range value.Elements(names) {
		if key := name.(string); len(key) <= value.MaxKey {
			keys = append(keys, key)
		}
	}
	o.Remove(keys)
	return nil
}

func assign(st *value.State, match, update any) error {
	fields, ok := update.(*value.Object)
	if !ok {
		return fmt.Errorf("the second part of a transformation |…| must be an object, not %s", value.Describe(update))
	}
	if fields.Len() == 0 {
		return nil
	}
	o, ok := match.(*value.Object)
	if !ok {
		return fmt.Errorf("a transformation |…| can change objects only, not %s", value.Describe(match))
	}
	if err := st.AllocateItems(2 * fields.Len()); err != nil {
		return err
	}
	for _, f := range fields.Written() {
		o.Set(f.Key, f.Value)
	}
	return nil
}

// transform compiles |pattern|update,remove|. The three parts become functions, because
// they are evaluated when the transformation is called.
func (c *compiler) transform(n *syntax.Node) evaluation {
	cloner := c.reference("clone")
	plans, nesting := make([]*Plan, len(n.List)), 0
	for i, part := range n.List {
		if len(assigned([]*syntax.Node{part})) > 0 {
			fault.Stopf(n.Line, "an assignment := cannot stand directly within a transformation |…|. Put it in a block of its own: ($name := …; …)")
		}
		body, deep := c.lambda(nil, part)
		plans[i], nesting = body, max(nesting, deep+1)
	}
	line := n.Line
	return func(st *value.State, f frame, context any) (any, error) {
		if err := st.Allocate(value.BytesPerFunction); err != nil {
			return nil, fault.At(line, err)
		}
		clone, err := cloner(st, f, context)
		if err != nil {
			return nil, fault.At(line, err)
		}
		t := &transformation{line: line, nesting: nesting, clone: clone,
			pattern: plans[0].lambda(f, context), update: plans[1].lambda(f, context)}
		if len(plans) == 3 {
			t.remove = plans[2].lambda(f, context)
		}
		return t, nil
	}
}
