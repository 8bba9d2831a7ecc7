package template

import "strconv"

// resolver turns what the parser read into what the emitter needs, by the rules of
// the reference implementation: chains of dots become paths of steps, predicates
// move to the steps they filter, and every % finds the step whose input it means.
type resolver struct {
	labels int
}

func resolve(n *node) (*node, error) {
	r := &resolver{}
	n, err := r.node(n)
	if err != nil {
		return nil, err
	}
	if n.kind == kindParent || len(n.seeking) > 0 {
		return nil, errNoParent(n.line)
	}
	return n, nil
}

func errNoParent(line int) error {
	return faultf(line, "%% has no parent here: it must follow a path of names, as in orders.items.(%%.id)")
}

func (r *resolver) node(n *node) (*node, error) {
	line, keep := n.line, n.keep
	n, err := r.kind(n)
	if err != nil {
		return nil, at(line, err)
	}
	if keep {
		n.keep = true
	}
	return n, nil
}

func (r *resolver) kind(n *node) (*node, error) {
	switch n.kind {
	case kindName:
		return r.name(n), nil
	case kindParent:
		n.slot = &slot{label: "%" + strconv.Itoa(r.labels), level: 1}
		r.labels++
		return n, nil
	case kindDot:
		return r.dot(n)
	case kindPredicate:
		return r.predicate(n)
	case kindGroup:
		return r.groupBy(n)
	case kindOrderBy:
		return r.orderBy(n)
	case kindFocus:
		return r.focus(n)
	case kindIndex:
		return r.index(n)
	case kindNegate:
		return r.negate(n)
	case kindLambda:
		return r.lambda(n)
	case kindApply:
		return r.apply(n)
	}
	return r.children(n)
}

func (r *resolver) name(n *node) *node {
	path := &node{kind: kindPath, line: n.line, list: []*node{n}, keepPath: n.keep}
	return path
}

// children resolves the parts of an expression that stays what it is.
func (r *resolver) children(n *node) (*node, error) {
	if err := r.replace(n, &n.left, &n.right); err != nil {
		return nil, err
	}
	for i := range n.list {
		if n.list[i].kind == kindPlaceholder {
			continue
		}
		if err := r.replace(n, &n.list[i]); err != nil {
			return nil, err
		}
		if n.kind == kindBlock && n.list[i].startsBuilt() {
			n.built = true
		}
	}
	if n.kind == kindTransform && len(n.seeking) > 0 {
		return nil, faultf(n.line, "%% cannot reach out of a transformation |…|")
	}
	return n, r.resolvePairs(n, n.pairs)
}

func (r *resolver) resolvePairs(n *node, pairs [][2]*node) error {
	for i := range pairs {
		if err := r.replace(n, &pairs[i][0], &pairs[i][1]); err != nil {
			return err
		}
	}
	return nil
}

// replace resolves parts of n in place and hands their unanswered % on to n.
func (r *resolver) replace(n *node, parts ...**node) error {
	for _, part := range parts {
		if *part == nil {
			continue
		}
		resolved, err := r.node(*part)
		if err != nil {
			return err
		}
		*part = resolved
		n.seek(resolved)
	}
	return nil
}

// seek adds the % of a part that still look for their parent.
func (n *node) seek(part *node) {
	n.seeking = append(n.seeking, part.seeking...)
	if part.kind == kindParent {
		n.seeking = append(n.seeking, part.slot)
	}
}

func (n *node) startsBuilt() bool {
	return n.built || (n.kind == kindPath && n.list[0].built)
}

func (r *resolver) dot(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	path := left
	if left.kind != kindPath {
		path = &node{kind: kindPath, line: left.line, list: []*node{left}}
	}
	if left.kind == kindParent {
		path.seeking = []*slot{left.slot}
	}
	right, err := r.node(n.right)
	if err != nil {
		return nil, err
	}
	if right.kind == kindPath {
		path.list = append(path.list, right.list...)
		if err := path.takeGroup(right); err != nil {
			return nil, err
		}
	} else {
		right.stages, right.predicates = append(right.stages, right.predicates...), nil
		path.list = append(path.list, right)
	}
	return path, r.finishPath(path)
}

// takeGroup refuses what the reference would lose without a word.
func (n *node) takeGroup(right *node) error {
	if right.group != nil {
		return faultf(right.group.line, "a group {…} cannot stand in the middle of a path: put the part before it in parentheses")
	}
	return nil
}

// finishPath marks the steps of a path that need special care.
func (r *resolver) finishPath(path *node) error {
	for _, step := range path.list {
		switch step.kind {
		case kindNumber, kindLiteral:
			return faultf(step.line, "%s cannot be a step of a path: for a field of that name write it in backticks", step.literal())
		case kindString:
			step.kind = kindName
		}
		if step.keep {
			path.keepPath = true
		}
	}
	for _, end := range []*node{path.list[0], path.list[len(path.list)-1]} {
		if end.kind == kindArray {
			end.built = true
		}
	}
	return r.findParents(path)
}

func (n *node) literal() string {
	switch v := n.value.(type) {
	case bool:
		return strconv.FormatBool(v)
	case nullValue:
		return "null"
	}
	return formatNumberValue(n.value)
}

func (r *resolver) predicate(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step, stages := left, &left.predicates
	if left.kind == kindPath {
		step = left.list[len(left.list)-1]
		stages = &step.stages
	}
	if step.group != nil || left.group != nil {
		return nil, faultf(n.line, "a predicate cannot follow a group {…}: put the group in parentheses")
	}
	filter, err := r.node(n.right)
	if err != nil {
		return nil, err
	}
	for _, s := range filter.seeking {
		if s.level == 1 {
			if err := seekParent(step, s); err != nil {
				return nil, err
			}
		} else {
			s.level--
		}
	}
	if filter.kind == kindParent {
		return nil, faultf(n.line, "a predicate cannot be %% alone: compare a field of it, as in [%%.id = 1]")
	}
	step.seek(filter)
	*stages = append(*stages, &stage{filter: filter})
	return left, nil
}

func (r *resolver) groupBy(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	if left.group != nil {
		return nil, faultf(n.line, "a step can have only one group {…}: put the first in parentheses")
	}
	if err := r.resolvePairs(n.right, n.right.pairs); err != nil {
		return nil, err
	}
	if len(n.right.seeking) > 0 {
		return nil, faultf(n.line, "%% cannot reach out of a group {…}: bind what you need with @$v on the step before")
	}
	left.group = n.right
	return left, nil
}

func (r *resolver) orderBy(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	path := left
	if left.kind != kindPath {
		path = &node{kind: kindPath, line: left.line, list: []*node{left}}
	}
	if path.group != nil {
		return nil, faultf(n.line, "a sort ^(…) cannot follow a group {…}: put the group in parentheses")
	}
	sorting := &node{kind: kindSort, line: n.line, terms: n.terms}
	for i := range sorting.terms {
		if err := r.replace(sorting, &sorting.terms[i].expr); err != nil {
			return nil, err
		}
	}
	path.list = append(path.list, sorting)
	return path, r.findParents(path)
}

// lastStep gives the step that @ and # belong to.
func lastStep(n *node) *node {
	if n.kind == kindPath {
		return n.list[len(n.list)-1]
	}
	return n
}

func (r *resolver) focus(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := lastStep(left)
	switch {
	case len(step.stages)+len(step.predicates) > 0:
		return nil, faultf(n.line, "@$%s must stand before the predicates of its step", n.right.text)
	case step.kind == kindSort:
		return nil, faultf(n.line, "@$%s must stand before the sort ^(…)", n.right.text)
	case left.group != nil:
		return nil, faultf(n.line, "@$%s must stand before the group {…}", n.right.text)
	}
	step.focus, step.tuple = n.right.text, true
	if n.keep {
		step.keep = true
	}
	return left, nil
}

func (r *resolver) index(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := lastStep(left)
	path := left
	if left.kind != kindPath {
		step.stages, step.predicates = append(step.stages, step.predicates...), nil
		path = &node{kind: kindPath, line: left.line, list: []*node{left}}
	}
	if left.group != nil {
		return nil, faultf(n.line, "#$%s must stand before the group {…}", n.right.text)
	}
	if len(step.stages) == 0 {
		step.index = n.right.text
	} else {
		step.stages = append(step.stages, &stage{index: n.right.text})
	}
	step.tuple = true
	return path, nil
}

func (r *resolver) negate(n *node) (*node, error) {
	if err := r.replace(n, &n.left); err != nil {
		return nil, err
	}
	if n.left.kind == kindNumber && len(n.left.predicates) == 0 && n.left.group == nil {
		f, _ := number(n.left.value)
		n.left.value = -f
		return n.left, nil
	}
	return n, nil
}

func (r *resolver) lambda(n *node) (*node, error) {
	body, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	if len(body.seeking) > 0 || body.kind == kindParent {
		return nil, faultf(n.line, "%% cannot reach out of a function: pass the parent to it as an argument")
	}
	n.left = body
	markTail(body)
	return n, nil
}

// markTail marks the calls whose result is the result of the lambda. They are made
// after the lambda is left, so a recursion of this kind needs no stack. What such a call
// collects stays a list, even with one element.
func markTail(n *node) {
	switch {
	case n.kind == kindCall && len(n.predicates) == 0 && n.group == nil:
		n.tail = true
	case (n.kind == kindCoalesce || n.kind == kindDefault) && len(n.predicates) == 0 && n.group == nil:
		markTail(n.left)
		markTail(n.right)
	case n.kind == kindCondition && len(n.predicates) == 0 && n.group == nil:
		for _, branch := range n.list {
			markTail(branch)
		}
	case n.kind == kindBlock && len(n.list) > 0 && len(n.predicates) == 0 && n.group == nil:
		markTail(n.list[len(n.list)-1])
	}
}

func (r *resolver) apply(n *node) (*node, error) {
	if err := r.replace(n, &n.left, &n.right); err != nil {
		return nil, err
	}
	if len(n.seeking) > 0 {
		return nil, faultf(n.line, "%% cannot stand beside ~>: write $f(%%.name) instead of %%.name ~> $f()")
	}
	if n.right.kind == kindCall && (len(n.right.predicates) > 0 || n.right.group != nil) {
		return nil, faultf(n.line, "a predicate or a group after ~> f(…) would be ignored: put a ~> f(…) in parentheses before it")
	}
	n.keep = n.left.keep || n.right.keep
	return n, nil
}

// findParents looks for the parents that the last step of a path asks for, going
// back from it. Those that lie before the path are left to what the path is in.
func (r *resolver) findParents(path *node) error {
	last := path.list[len(path.list)-1]
	slots := append([]*slot(nil), last.seeking...)
	if last.kind == kindParent {
		slots = append(slots, last.slot)
	}
	for _, s := range slots {
		i := len(path.list) - 2
		for s.level > 0 {
			if i < 0 {
				path.seeking = append(path.seeking, s)
				break
			}
			step := path.list[i]
			i--
			for i >= 0 && step.focus != "" && path.list[i].focus != "" {
				step = path.list[i]
				i--
			}
			if err := seekParent(step, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// seekParent takes a % one step back. The step at which its level comes to zero
// carries its input along, under the label of the %.
func seekParent(n *node, s *slot) error {
	switch n.kind {
	case kindName, kindWildcard:
		if s.level--; s.level == 0 {
			if n.ancestor != nil {
				s.label = n.ancestor.label
			}
			n.ancestor, n.tuple = s, true
		}
	case kindParent:
		s.level++
	case kindBlock:
		if len(n.list) == 0 {
			return nil
		}
		n.tuple = true
		return seekParent(n.list[len(n.list)-1], s)
	case kindPath:
		n.tuple = true
		for i := len(n.list) - 1; i >= 0 && (s.level > 0 || i == len(n.list)-1); i-- {
			if err := seekParent(n.list[i], s); err != nil {
				return err
			}
		}
	default:
		return errNoParent(n.line)
	}
	return nil
}
