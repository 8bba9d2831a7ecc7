package template

import "errors"

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

func (c *compiler) path(n *node) (evaluation, error) {
	p := &path{keep: n.keep, keepPath: n.keepPath, carries: n.tuple, absolute: n.list[0].kind == kindVariable}
	var vars []string
	for i, s := range n.list {
		compiled, err := c.step(s, i == 0 && !s.tuple, vars)
		if err != nil {
			return nil, err
		}
		p.steps = append(p.steps, compiled)
		vars = appendNew(vars, carriedBy(s)...)
	}
	if err := refuseLostVariables(n); err != nil {
		return nil, err
	}
	if n.group != nil {
		group, err := c.grouping(n.group, vars)
		if err != nil {
			return nil, err
		}
		p.group = group
	}
	line := n.line
	return func(st *state, f frame, context any) (any, error) {
		v, err := p.run(st, f, context)
		return v, at(line, err)
	}, nil
}

// carriedBy lists the variables that a step adds to the tuples.
func carriedBy(n *node) []string {
	var vars []string
	switch {
	case n.kind == kindBlock && n.tuple && len(n.list) > 0:
		vars = carriedBy(n.list[len(n.list)-1])
	case n.kind == kindPath && n.tuple:
		for _, s := range n.list {
			vars = append(vars, carriedBy(s)...)
		}
	}
	if n.ancestor != nil {
		vars = append(vars, n.ancestor.label)
	}
	for _, v := range []string{n.focus, n.index} {
		if v != "" {
			vars = append(vars, v)
		}
	}
	for _, s := range n.stages {
		if s.index != "" {
			vars = append(vars, s.index)
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
func refuseLostVariables(n *node) error {
	if n.list[0].built && n.list[0].tuple {
		return faultf(n.line, "@ and # cannot follow a list [...] at the start of a path: name the list with := first")
	}
	tuple := false
	for i, s := range n.list {
		tuple = tuple || s.tuple
		if !tuple || s.kind != kindSort {
			continue
		}
		for _, st := range s.stages {
			if st.filter != nil && st.filter.kind != kindNumber {
				return faultf(s.line, "a predicate cannot follow the sort of a path that has @, # or %%: put the predicate before the sort")
			}
		}
		if i == len(n.list)-1 && (n.group != nil || n.tuple) {
			return faultf(s.line, "a group {…} or a %% cannot follow the sort of a path that has @, # or %%: sort afterwards, with $sort")
		}
	}
	return nil
}

func (c *compiler) step(n *node, first bool, vars []string) (step, error) {
	s := step{keep: n.keep, focus: n.focus, index: n.index, tuple: n.tuple}
	if n.ancestor != nil {
		s.ancestor = n.ancestor.label
	}
	if err := c.stepKind(&s, n, first, vars); err != nil {
		return s, err
	}
	own := *n
	own.stages = nil
	visible := appendNew(vars, carriedBy(&own)...)
	for _, st := range n.stages {
		if st.index != "" {
			s.stages = append(s.stages, stepStage{index: st.index})
			visible = appendNew(visible, st.index)
			continue
		}
		f, err := c.filter(st.filter, visible)
		if err != nil {
			return s, err
		}
		s.stages = append(s.stages, stepStage{filter: f})
	}
	return s, nil
}

// stepKind decides how a step is evaluated, and compiles what it needs for that.
func (c *compiler) stepKind(s *step, n *node, first bool, vars []string) (err error) {
	plain := !n.unfinished()
	switch {
	case n.kind == kindName && plain:
		s.kind, s.name = stepName, n.text
		return nil
	case n.kind == kindWildcard && plain:
		s.kind = stepWildcard
		return nil
	case n.kind == kindDescendants && plain:
		s.kind = stepDescendants
		return nil
	case n.kind == kindSort:
		s.kind = stepSort
		s.sort, err = c.sorting(n, vars)
		return err
	case n.kind == kindObject && plain && !n.tuple && len(vars) == 0:
		if keys, err := knownKeys(n); err != nil || keys != nil {
			s.kind = stepObject
			s.object, err = c.grouping(n, vars)
			return err
		}
	}
	if first && n.startsBuilt() {
		s.kind = stepBuilt
	}
	plainStep := *n
	plainStep.focus = ""
	s.part, err = c.in(&plainStep, vars)
	return err
}

// run evaluates a path.
func (p *path) run(st *state, f frame, context any) (any, error) {
	result, err := p.walk(st, f, context)
	if err != nil {
		return nil, err
	}
	if list, ok := result.(*array); ok && p.keepPath {
		if list.built && !list.sequence {
			list = newSequence(list)
		}
		if list.sequence {
			list.keep = true
		}
		result = list
	}
	if p.group != nil {
		return p.group.apply(st, f, result)
	}
	return finish(result, p.keep), nil
}

// walk takes the steps.
func (p *path) walk(st *state, f frame, context any) (any, error) {
	if err := st.spend(1 + len(p.steps)); err != nil {
		return nil, err
	}
	result, taken := context, 0
	if p.startsPlain() {
		v, err := p.steps[0].part.enter(st, f, context)
		if err != nil {
			return nil, err
		}
		if _, ok := v.(*object); ok {
			result, taken = v, 1
		}
	}
	result, taken = p.descendObjects(result, taken)
	switch {
	case taken > 0 && result == nil:
		return newSequence(), nil
	case taken == len(p.steps) && p.plain():
		return result, nil
	case taken == len(p.steps):
		return newSequence(result), nil
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
		if len(input.items) == 0 {
			if _, isList := result.(*array); !isList {
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
func asInput(result any) (*array, error) {
	switch result := result.(type) {
	case *array:
		return result, nil
	case string, nullValue:
		return nil, errors.New("[…][…] at the start of a path gave a string or null, and a path cannot go on from that: put it in parentheses")
	}
	return newSequence(), nil
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
		o, ok := v.(*object)
		if !ok || s.kind != stepName || s.tuple || s.keep || len(s.stages) > 0 {
			return v, i
		}
		next := o.get(s.name)
		if _, isList := next.(*array); isList {
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
func (p *path) input(context any, taken int) *array {
	if list, ok := context.(*array); ok && (taken > 0 || !p.absolute) {
		return list
	}
	return newSequence(context)
}

// take evaluates a step on each element of the input.
func (s *step) take(st *state, f frame, input *array, last bool) (any, error) {
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
	if err := st.spend(len(input.items)); err != nil {
		return nil, err
	}
	results := make([]any, 0, len(input.items))
	for _, item := range input.items {
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

func (s *step) filterPlain(st *state, f frame, v any) (any, error) {
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
func flatten(st *state, results []any, last bool) (*array, error) {
	if len(results) == 1 && last {
		if list, ok := results[0].(*array); ok && !list.sequence {
			return list, nil
		}
	}
	size := 0
	for _, v := range results {
		if list, ok := v.(*array); ok && !list.built {
			size += len(list.items)
		} else {
			size++
		}
	}
	if err := st.collect(size); err != nil {
		return nil, err
	}
	items := make([]any, 0, size)
	for _, v := range results {
		if list, ok := v.(*array); ok && !list.built {
			items = append(items, list.items...)
		} else {
			items = append(items, v)
		}
	}
	return newSequence(items...), nil
}

// evaluate evaluates the expression of a step on one element, which may belong to a
// tuple.
func (s *step) evaluate(st *state, f frame, item any, t *tuple) (any, error) {
	switch s.kind {
	case stepName:
		v, err := lookup(st, item, s.name, 0)
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

// lookup finds the field of an object, or of the objects in a list.
func lookup(st *state, v any, name string, level int) (any, error) {
	switch v := v.(type) {
	case *object:
		return v.get(name), nil
	case *array:
		if err := st.descend(level, len(v.items)); err != nil {
			return nil, err
		}
		result := newSequence()
		for _, item := range v.items {
			found, err := lookup(st, item, name, level+1)
			if err != nil {
				return nil, err
			}
			if found == nil {
				continue
			}
			more := elements(found)
			if err := st.collect(len(more)); err != nil {
				return nil, err
			}
			result.items = append(result.items, more...)
		}
		return result, nil
	}
	return nil, nil
}

// wildcard is *: the values of an object, or the elements of a list, flattened.
func wildcard(st *state, v any) (any, error) {
	result := newSequence()
	add := func(item any) error {
		list, ok := item.(*array)
		if !ok {
			result.items = append(result.items, item)
			return st.collect(1)
		}
		result.sequence = false // as in the reference, which joins lists with $append
		return flattenInto(st, result, list, 0)
	}
	if list, ok := v.(*array); ok {
		if list.root {
			return wildcard(st, list.items[0])
		}
		if list.sequence {
			return nil, errors.New("* cannot stand within a list [...] at the start of a path: put the list in parentheses")
		}
		for _, item := range list.items {
			if err := add(item); err != nil {
				return nil, err
			}
		}
	}
	if o, ok := v.(*object); ok {
		for _, key := range o.keys() {
			if err := add(o.get(key)); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// flattenInto adds the elements of a list, and of the lists in it.
func flattenInto(st *state, result, list *array, level int) error {
	if err := st.descend(level, len(list.items)); err != nil {
		return err
	}
	for _, item := range list.items {
		if inner, ok := item.(*array); ok {
			if err := flattenInto(st, result, inner, level+1); err != nil {
				return err
			}
			continue
		}
		if err := st.collect(1); err != nil {
			return err
		}
		result.items = append(result.items, item)
	}
	return nil
}

// descendants is **: a value and everything in it, except the lists themselves.
func descendants(st *state, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	result := newSequence()
	if err := descend(st, result, v, 0); err != nil {
		return nil, err
	}
	if len(result.items) == 1 {
		return result.items[0], nil
	}
	return result, nil
}

func descend(st *state, result *array, v any, level int) error {
	if err := st.descend(level, 1); err != nil {
		return err
	}
	if list, ok := v.(*array); ok {
		for _, item := range list.items {
			if err := descend(st, result, item, level+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := st.collect(1); err != nil {
		return err
	}
	result.items = append(result.items, v)
	if o, ok := v.(*object); ok {
		for _, key := range o.keys() {
			if err := descend(st, result, o.get(key), level+1); err != nil {
				return err
			}
		}
	}
	return nil
}
