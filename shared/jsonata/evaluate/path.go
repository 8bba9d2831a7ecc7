package evaluate

import (
	"errors"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// path is a.b.c: each step is evaluated on every element that the step before it
// gave, and the results are joined into one sequence.
type path struct {
	steps    []step
	keep     bool // the [] suffix on the whole
	keepPath bool // the [] suffix on a step
	carries  bool // the result is a stream of tuples, for a % outside
	absolute bool // it starts at a variable: its first step is evaluated once
	group    *grouping
}

type stepKind int

const (
	stepPart stepKind = iota // any expression
	stepName
	stepWildcard
	stepDescendants
	stepObject // {...} with known keys
	stepBuilt  // [...] at the start of a path: evaluated once, on all of the context
	stepSort
)

type step struct {
	kind   stepKind
	name   string
	keep   bool
	part   *part
	object *grouping
	sort   *sorting
	stages []stepStage

	tuple    bool
	focus    string
	index    string
	ancestor string
}

// stepStage is a predicate of a step, or the #$v after one.
type stepStage struct {
	filter
	index string
}

func (c *compiler) path(n *syntax.Node) (evaluation, error) {
	p := &path{keep: n.KeepArray, keepPath: n.KeepPathArray, carries: n.Tuple, absolute: n.List[0].Kind == syntax.KindVariable}
	var vars []string
	for i, s := range n.List {
		compiled, err := c.step(s, i == 0 && !s.Tuple, vars)
		if err != nil {
			return nil, err
		}
		p.steps = append(p.steps, compiled)
		vars = appendNew(vars, carriedBy(s)...)
	}
	if err := refuseLostVariables(n); err != nil {
		return nil, err
	}
	if n.Group != nil {
		group, err := c.grouping(n.Group, vars)
		if err != nil {
			return nil, err
		}
		p.group = group
	}
	line := n.Line
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := p.run(st, f, context)
		return v, fault.At(line, err)
	}, nil
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

func appendNew(list []string, more ...string) []string {
	list = list[:len(list):len(list)]
next:
	for _, v := range more {
		for _, old := range list {
			if old == v {
				continue next
			}
		}
		list = append(list, v)
	}
	return list
}

// refuseLostVariables refuses what the reference gets wrong: after it has sorted a
// path that has @, # or % it forgets that the elements carry variables, and it
// never binds those of a list at the start of a path.
func refuseLostVariables(n *syntax.Node) error {
	if n.List[0].Constructor && n.List[0].Tuple {
		return fault.Newf(n.Line, "@ and # cannot follow a list [...] at the start of a path: name the list with := first")
	}
	tuple := false
	for i, s := range n.List {
		tuple = tuple || s.Tuple
		if !tuple || s.Kind != syntax.KindSort {
			continue
		}
		for _, st := range s.Stages {
			if st.Filter != nil && st.Filter.Kind != syntax.KindNumber {
				return fault.Newf(s.Line, "a predicate cannot follow the sort of a path that has @, # or %%: put the predicate before the sort")
			}
		}
		if i == len(n.List)-1 && (n.Group != nil || n.Tuple) {
			return fault.Newf(s.Line, "a group {…} or a %% cannot follow the sort of a path that has @, # or %%: sort afterwards, with $sort")
		}
	}
	return nil
}

func (c *compiler) step(n *syntax.Node, first bool, vars []string) (step, error) {
	s := step{keep: n.KeepArray, focus: n.Focus, index: n.Index, tuple: n.Tuple}
	if n.Ancestor != nil {
		s.ancestor = n.Ancestor.Label
	}
	if err := c.stepKind(&s, n, first, vars); err != nil {
		return s, err
	}
	own := *n
	own.Stages = nil
	visible := appendNew(vars, carriedBy(&own)...)
	for _, st := range n.Stages {
		if st.Index != "" {
			s.stages = append(s.stages, stepStage{index: st.Index})
			visible = appendNew(visible, st.Index)
			continue
		}
		f, err := c.filter(st.Filter, visible)
		if err != nil {
			return s, err
		}
		s.stages = append(s.stages, stepStage{filter: f})
	}
	return s, nil
}

// stepKind decides how a step is evaluated, and compiles what it needs for that.
func (c *compiler) stepKind(s *step, n *syntax.Node, first bool, vars []string) (err error) {
	plain := !n.HasAttachments()
	switch {
	case n.Kind == syntax.KindName && plain:
		s.kind, s.name = stepName, n.Text
		return nil
	case n.Kind == syntax.KindWildcard && plain:
		s.kind = stepWildcard
		return nil
	case n.Kind == syntax.KindDescendants && plain:
		s.kind = stepDescendants
		return nil
	case n.Kind == syntax.KindSort:
		s.kind = stepSort
		s.sort, err = c.sorting(n, vars)
		return err
	case n.Kind == syntax.KindObject && plain && !n.Tuple && len(vars) == 0:
		if keys, err := knownKeys(n); err != nil || keys != nil {
			s.kind = stepObject
			s.object, err = c.grouping(n, vars)
			return err
		}
	}
	if first && n.StartsWithConstructor() {
		s.kind = stepBuilt
	}
	plainStep := *n
	plainStep.Focus = ""
	s.part, err = c.in(&plainStep, vars)
	return err
}

// run evaluates a path.
func (p *path) run(st *value.State, f frame, context any) (any, error) {
	result, err := p.walk(st, f, context)
	if err != nil {
		return nil, err
	}
	if list, ok := result.(*value.Array); ok && p.keepPath {
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
	return finish(result, p.keep), nil
}

// walk takes the steps.
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

// asInput makes the next step's input of the result of a step. Only a list at the
// start of a path, [...][0], can give something that is no list; the reference
// then goes on with nothing.
func asInput(result any) (*value.Array, error) {
	switch result := result.(type) {
	case *value.Array:
		return result, nil
	case string, value.NullValue:
		return nil, errors.New("[…][…] at the start of a path gave a string or null, and a path cannot go on from that: put it in parentheses")
	}
	return value.NewSequence(), nil
}

// startsPlain tells whether the path starts at a variable alone, as in $order.id.
func (p *path) startsPlain() bool {
	s := &p.steps[0]
	return p.absolute && s.kind == stepPart && !s.tuple && len(s.stages) == 0 && !s.keep
}

// plain tells whether one value alone is a result as it is.
func (p *path) plain() bool { return p.group == nil && !p.keep && !p.keepPath }

// descendObjects takes steps as long as they are mere names and lead from one
// object to one value. It is a short cut for the ordinary case.
func (p *path) descendObjects(v any, from int) (any, int) {
	for i := from; i < len(p.steps); i++ {
		s := &p.steps[i]
		o, ok := v.(*value.Object)
		if !ok || s.kind != stepName || s.tuple || s.keep || len(s.stages) > 0 {
			return v, i
		}
		next := o.Get(s.name)
		if _, isList := next.(*value.Array); isList {
			return v, i
		}
		if next == nil {
			return nil, i + 1
		}
		v = next
	}
	return v, len(p.steps)
}

// input makes the first step's input of the context.
func (p *path) input(context any, taken int) *value.Array {
	if list, ok := context.(*value.Array); ok && (taken > 0 || !p.absolute) {
		return list
	}
	return value.NewSequence(context)
}

// take evaluates a step on each element of the input.
func (s *step) take(st *value.State, f frame, input *value.Array, last bool) (any, error) {
	switch s.kind {
	case stepBuilt:
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
		if v, err = s.filterPlain(st, f, v); err != nil {
			return nil, err
		}
		if v != nil {
			results = append(results, v)
		}
	}
	return flatten(st, results, last)
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

// flatten joins the results of a step. A list that is the only result of the last
// step stays what it is.
func flatten(st *value.State, results []any, last bool) (*value.Array, error) {
	if len(results) == 1 && last {
		if list, ok := results[0].(*value.Array); ok && !list.Sequence {
			return list, nil
		}
	}
	size := 0
	for _, v := range results {
		if list, ok := v.(*value.Array); ok && !list.Constructed {
			size += len(list.Items)
		} else {
			size++
		}
	}
	if err := st.AllocateItems(size); err != nil {
		return nil, err
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

// evaluate evaluates the expression of a step on one element, which may belong to a
// tuple.
func (s *step) evaluate(st *value.State, f frame, item any, t *tuple) (any, error) {
	switch s.kind {
	case stepName:
		v, err := value.Lookup(st, item, s.name)
		return finish(v, s.keep), err
	case stepWildcard:
		v, err := wildcard(st, item)
		return finish(v, s.keep), err
	case stepDescendants:
		v, err := descendants(st, item)
		return finish(v, s.keep), err
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
		for _, key := range o.Keys() {
			if err := add(o.Get(key)); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// flattenInto adds the elements of a list, and of the lists in it.
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
		for _, key := range o.Keys() {
			if err := descend(st, result, o.Get(key), level+1); err != nil {
				return err
			}
		}
	}
	return nil
}
