package evaluate

import (
	"errors"
	"slices"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// path is a.b.c: each step is evaluated on every element of the result of the step
// before it, and the results are joined into one sequence.
type path struct {
	steps         []step
	keepArray     bool // the path has the suffix []
	keepPathArray bool // a step of it has the suffix []
	carries       bool // the result is a list of tuples, because a % outside of the path needs them
	absolute      bool // the path starts with a variable, so its first step is evaluated once
	group         *grouping
}

func (c *compiler) path(n *syntax.Node) evaluation {
	p := &path{keepArray: n.KeepArray, keepPathArray: n.KeepPathArray, carries: n.Tuple, absolute: n.List[0].Kind == syntax.KindVariable}
	var vars []string
	for i, s := range n.List {
		p.steps = append(p.steps, c.step(s, i == 0 && !s.Tuple, vars))
		vars = appendNew(vars, carriedBy(s)...)
	}
	rejectLostVariables(n)
	if n.Group != nil {
		p.group = c.grouping(n.Group, vars)
	}
	line := n.Line
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := p.run(st, f, context)
		return v, fault.At(line, err)
	}
}

// carriedBy lists the variables that a step adds to the tuples.
func carriedBy(n *syntax.Node) []string {
	var vars []string
	switch {
	case n.Kind == syntax.KindBlock && n.Tuple && len(n.List) > 0:
		vars = carriedBy(n.List[len(n.List)-1])
	case n.Kind == syntax.KindPath && n.Tuple:
		for _, s := range n.List {
			vars = append(vars, carriedBy(s)...)
		}
	}
	if n.Ancestor != nil {
		vars = append(vars, n.Ancestor.Label)
	}
	for _, v := range []string{n.Focus, n.Index} {
		if v != "" {
			vars = append(vars, v)
		}
	}
	for _, s := range n.Stages {
		if s.Index != "" {
			vars = append(vars, s.Index)
		}
	}
	return appendNew(nil, vars...)
}

// appendNew appends the elements that the list does not have yet.
func appendNew(list []string, more ...string) []string {
	list = list[:len(list):len(list)]
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// rejectLostVariables stops with an error at a path for which the reference implementation
// is wrong. After the sort of a path that has @, # or %, it loses the variables of the
// elements. If a path starts with a list [...], it never binds the variables of that list.
func rejectLostVariables(n *syntax.Node) {
	if n.List[0].Constructor && n.List[0].Tuple {
		fault.Stopf(n.Line, "@ and # cannot follow a list [...] at the start of a path: name the list with := first")
	}
	tuple := false
	for i, s := range n.List {
		tuple = tuple || s.Tuple
		if !tuple || s.Kind != syntax.KindSort {
			continue
		}
		for _, st := range s.Stages {
			if st.Filter != nil && st.Filter.Kind != syntax.KindNumber {
				fault.Stopf(s.Line, "a predicate cannot follow the sort of a path that has @, # or %%: put the predicate before the sort")
			}
		}
		if i == len(n.List)-1 && (n.Group != nil || n.Tuple) {
			fault.Stopf(s.Line, "a group {…} or a %% cannot follow the sort of a path that has @, # or %%: sort afterwards, with $sort")
		}
	}
}

// run evaluates the path.
func (p *path) run(st *value.State, f frame, context any) (any, error) {
	result, err := p.walk(st, f, context)
	if err != nil {
		return nil, err
	}
	if list, ok := result.(*value.Array); ok && p.keepPathArray {
		if list.Constructed && !list.Sequence {
			list = value.NewSequence(list)
		}
		if list.Sequence {
			list.KeepArray = true
		}
		result = list
	}
	if p.group != nil {
		return p.group.apply(st, f, result)
	}
	return finish(result, p.keepArray), nil
}

// walk evaluates the steps.
func (p *path) walk(st *value.State, f frame, context any) (any, error) {
	if err := st.Spend(1 + len(p.steps)); err != nil {
		return nil, err
	}
	result, taken := context, 0
	if p.startsPlain() {
		v, err := p.steps[0].part.enter(st, f, context)
		if err != nil {
			return nil, err
		}
		if _, ok := v.(*value.Object); ok {
			result, taken = v, 1
		}
	}
	result, taken = p.descendObjects(result, taken)
	switch {
	case taken > 0 && result == nil && p.plain():
		return nil, nil
	case taken > 0 && result == nil:
		return value.NewSequence(), nil
	case taken == len(p.steps) && p.plain():
		return result, nil
	case taken == len(p.steps):
		return value.NewSequence(result), nil
	}
	input := p.input(result, taken)
	for i := taken; i < len(p.steps); i++ {
		s := &p.steps[i]
		if s.tuple {
			return p.walkTuples(st, f, i, input)
		}
		var err error
		if result, err = s.take(st, f, input, i == len(p.steps)-1); err != nil {
			return nil, err
		}
		if i == len(p.steps)-1 || result == nil {
			break
		}
		if input, err = asInput(result); err != nil {
			return nil, err
		}
		if len(input.Items) == 0 {
			if _, isList := result.(*value.Array); !isList {
				result = nil
			}
			break
		}
	}
	return result, nil
}

// asInput returns the result of a step as the input of the next one. Only a list with a
// predicate at the start of a path, as in [...][0], can have a result that is not a list.
// The reference implementation then continues with undefined.
func asInput(result any) (*value.Array, error) {
	switch result := result.(type) {
	case *value.Array:
		return result, nil
	case string, value.NullValue:
		return nil, errors.New("[…][…] at the start of a path gave a string or null, and a path cannot go on from that: put it in parentheses")
	}
	return value.NewSequence(), nil
}

// startsPlain reports whether the first step is a variable without predicates, as in
// $order.id.
func (p *path) startsPlain() bool {
	s := &p.steps[0]
	return p.absolute && s.kind == stepPart && !s.tuple && len(s.stages) == 0 && !s.keepArray
}

// plain reports whether a single value is the result of the path as it is.
func (p *path) plain() bool { return p.group == nil && !p.keepArray && !p.keepPathArray }

// descendObjects takes the steps that lead from one object to one value, and returns that
// value and the index of the next step. It is a shortcut for the usual case.
func (p *path) descendObjects(v any, from int) (any, int) {
	for i := from; i < len(p.steps); i++ {
		o, ok := v.(*value.Object)
		s := &p.steps[i]
		if !ok || s.kind != stepName || s.tuple || s.keepArray {
			return v, i
		}
		next, ok := s.single(o.Get(s.name))
		if !ok {
			return v, i
		}
		if next == nil {
			return nil, i + 1
		}
		v = next
	}
	return v, len(p.steps)
}

// input returns the input of the first step.
func (p *path) input(context any, taken int) *value.Array {
	if list, ok := context.(*value.Array); ok && (taken > 0 || !p.absolute) {
		return list
	}
	return value.NewSequence(context)
}
