package evaluate

import (
	"errors"

	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

type stepKind int

const (
	stepPart stepKind = iota // any expression
	stepName
	stepWildcard
	stepDescendants
	stepObject      // {...} with known keys
	stepConstructor // [...] at the start of a path: evaluated once, on the whole context
	stepSort
)

type step struct {
	kind      stepKind
	name      string
	keepArray bool
	part      *part
	object    *grouping
	sort      *sorting
	stages    []stepStage

	tuple    bool
	focus    string
	index    string
	ancestor string
}

// stepStage is a predicate of a step, or a #$v that follows a predicate.
type stepStage struct {
	filter
	index string
}

func (c *compiler) step(n *syntax.Node, first bool, vars []string) step {
	s := step{keepArray: n.KeepArray, focus: n.Focus, index: n.Index, tuple: n.Tuple}
	if n.Ancestor != nil {
		s.ancestor = n.Ancestor.Label
	}
	c.stepKind(&s, n, first, vars)
	own := *n
	own.Stages = nil
	visible := appendNew(vars, carriedBy(&own)...)
	for _, st := range n.Stages {
		if st.Index != "" {
			s.stages = append(s.stages, stepStage{index: st.Index})
			visible = appendNew(visible, st.Index)
			continue
		}
		s.stages = append(s.stages, stepStage{filter: c.filter(st.Filter, visible)})
	}
	return s
}

// stepKind decides how a step is evaluated, and compiles what it needs.
func (c *compiler) stepKind(s *step, n *syntax.Node, first bool, vars []string) {
	plain := !n.HasAttachments()
	switch {
	case n.Kind == syntax.KindName && plain:
		s.kind, s.name = stepName, n.Text
	case n.Kind == syntax.KindWildcard && plain:
		s.kind = stepWildcard
	case n.Kind == syntax.KindDescendants && plain:
		s.kind = stepDescendants
	case n.Kind == syntax.KindSort:
		s.kind, s.sort = stepSort, c.sorting(n, vars)
	case n.Kind == syntax.KindObject && plain && !n.Tuple && len(vars) == 0 && knownKeys(n) != nil:
		s.kind, s.object = stepObject, c.grouping(n, vars)
	default:
		if first && n.StartsWithConstructor() {
			s.kind = stepConstructor
		}
		unbound := *n
		unbound.Focus = ""
		s.part = c.in(&unbound, vars)
	}
}

// take evaluates a step on each element of the input.
func (s *step) take(st *value.State, f frame, input *value.Array, last bool) (any, error) {
	switch s.kind {
	case stepConstructor:
		return s.part.enterWith(st, f, input, nil)
	case stepSort:
		sorted, err := s.sort.run(st, f, input)
		if err != nil {
			return nil, err
		}
		return s.filterPlain(st, f, sorted)
	}
	if err := st.Spend(len(input.Items)); err != nil {
		return nil, err
	}
	results := make([]any, 0, len(input.Items))
	for _, item := range input.Items {
		v, err := s.evaluate(st, f, item, nil)
		if err != nil {
			return nil, err
		}
		if one, ok := s.single(v); ok {
			v = one
		} else if v, err = s.filterPlain(st, f, v); err != nil {
			return nil, err
		}
		if v != nil {
			results = append(results, v)
		}
	}
	return flatten(st, results, last)
}

// single applies the predicates of the step to a value. It reports whether the result is
// certainly a single value that is not a list, or undefined.
func (s *step) single(v any) (any, bool) {
	list, isList := v.(*value.Array)
	switch {
	case len(s.stages) == 0:
		return v, !isList
	case len(s.stages) > 1 || !isList:
		return nil, false
	}
	one := s.stages[0].element(list)
	_, isList = one.(*value.Array)
	return one, one != nil && !isList
}

func (s *step) filterPlain(st *value.State, f frame, v any) (any, error) {
	var err error
	for _, stage := range s.stages {
		if v, err = stage.apply(st, f, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// flatten joins the results of a step into one list. If a list is the only result of the
// last step, flatten returns that list.
func flatten(st *value.State, results []any, last bool) (*value.Array, error) {
	if len(results) == 1 && last {
		if list, ok := results[0].(*value.Array); ok && !list.Sequence {
			return list, nil
		}
	}
	size, flat := len(results), true
	for _, v := range results {
		if list, ok := v.(*value.Array); ok && !list.Constructed {
			size, flat = size-1+len(list.Items), false
		}
	}
	if err := st.AllocateItems(size); err != nil {
		return nil, err
	}
	if flat {
		return value.NewSequence(results...), nil
	}
	items := make([]any, 0, size)
	for _, v := range results {
		if list, ok := v.(*value.Array); ok && !list.Constructed {
			items = append(items, list.Items...)
		} else {
			items = append(items, v)
		}
	}
	return value.NewSequence(items...), nil
}

// evaluate evaluates the expression of a step on one element. t is the tuple of the
// element, or nil.
func (s *step) evaluate(st *value.State, f frame, item any, t *tuple) (any, error) {
	switch s.kind {
	case stepName:
		v, err := value.Lookup(st, item, s.name)
		return finish(v, s.keepArray), err
	case stepWildcard:
		v, err := wildcard(st, item)
		return finish(v, s.keepArray), err
	case stepDescendants:
		v, err := descendants(st, item)
		return finish(v, s.keepArray), err
	case stepObject:
		return s.object.apply(st, f, item)
	}
	return s.part.enterWith(st, f, item, t)
}

// wildcard is *: the values of an object, or the elements of a list, flattened.
func wildcard(st *value.State, v any) (any, error) {
	result := value.NewSequence()
	add := func(item any) error {
		list, ok := item.(*value.Array)
		if !ok {
			result.Items = append(result.Items, item)
			return st.AllocateItems(1)
		}
		result.Sequence = false // as in the reference, which joins lists with $append
		return flattenInto(st, result, list, 0)
	}
	if list, ok := v.(*value.Array); ok {
		if list.Root {
			return wildcard(st, list.Items[0])
		}
		if list.Sequence {
			return nil, errors.New("* cannot stand within a list [...] at the start of a path: put the list in parentheses")
		}
		for _, item := range list.Items {
			if err := add(item); err != nil {
				return nil, err
			}
		}
	}
	if o, ok := v.(*value.Object); ok {
		result.Items = make([]any, 0, o.Len())
		fields, err := o.Fields(st)
		if err != nil {
			return nil, err
		}
		for _, field := range fields {
			if err := add(field.Value); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// flattenInto adds the elements of a list, and those of the lists in it at any depth.
func flattenInto(st *value.State, result, list *value.Array, level int) error {
	if err := st.Descend(level, len(list.Items)); err != nil {
		return err
	}
	for _, item := range list.Items {
		if inner, ok := item.(*value.Array); ok {
			if err := flattenInto(st, result, inner, level+1); err != nil {
				return err
			}
			continue
		}
		if err := st.AllocateItems(1); err != nil {
			return err
		}
		result.Items = append(result.Items, item)
	}
	return nil
}

// descendants is **: a value and everything in it, except the lists themselves.
func descendants(st *value.State, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	result := value.NewSequence()
	if err := descend(st, result, v, 0); err != nil {
		return nil, err
	}
	if len(result.Items) == 1 {
		return result.Items[0], nil
	}
	return result, nil
}

func descend(st *value.State, result *value.Array, v any, level int) error {
	if err := st.Descend(level, 1); err != nil {
		return err
	}
	if list, ok := v.(*value.Array); ok {
		for _, item := range list.Items {
			if err := descend(st, result, item, level+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := st.AllocateItems(1); err != nil {
		return err
	}
	result.Items = append(result.Items, v)
	if o, ok := v.(*value.Object); ok {
		fields, err := o.Fields(st)
		if err != nil {
			return err
		}
		for _, field := range fields {
			if err := descend(st, result, field.Value, level+1); err != nil {
				return err
			}
		}
	}
	return nil
}
