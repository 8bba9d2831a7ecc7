package syntax

import (
	"strconv"

	"commerce-segment/shared/jsonata/fault"
)

// resolver turns the tree of the parser into the tree that is compiled, by the rules of the
// reference implementation. Chains of dots become paths of steps. Predicates move to the
// steps that they filter. Each % is connected to the step whose input it refers to.
type resolver struct {
	labels int
}

// Resolve returns the completed tree. It changes the tree that it is given.
func Resolve(n *Node) (tree *Node, err error) {
	defer fault.Catch(&err)
	tree = new(resolver).node(n)
	if tree.Kind == KindParent || len(tree.seeking) > 0 {
		failNoParent(tree.Line)
	}
	return tree, nil
}

func failNoParent(line int) {
	fault.Stopf(line, "%% has no parent here: it must follow a path of names, as in orders.items.(%%.id)")
}

func (r *resolver) node(n *Node) *Node {
	keep := n.KeepArray
	n = r.kind(n)
	n.KeepArray = n.KeepArray || keep
	return n
}

func (r *resolver) kind(n *Node) *Node {
	switch n.Kind {
	case KindName:
		return r.name(n)
	case KindParent:
		n.Slot = &Slot{Label: "%" + strconv.Itoa(r.labels), level: 1}
		r.labels++
		return n
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
	case KindNegate:
		return r.negate(n)
	case KindLambda:
		return r.lambda(n)
	case KindApply:
		return r.apply(n)
	}
	return r.children(n)
}

func (r *resolver) name(n *Node) *Node {
	path := asPath(n)
	path.KeepPathArray = n.KeepArray
	return path
}

// asPath returns a path as it is, and any other expression as a path of one step.
func asPath(n *Node) *Node {
	if n.Kind == KindPath {
		return n
	}
	return &Node{Kind: KindPath, Line: n.Line, List: []*Node{n}}
}

// children resolves the parts of a node of a kind that needs no function of its own.
func (r *resolver) children(n *Node) *Node {
	r.replace(n, &n.Left, &n.Right)
	for i := range n.List {
		if n.List[i].Kind == KindPlaceholder {
			continue
		}
		r.replace(n, &n.List[i])
		if n.Kind == KindBlock && n.List[i].StartsWithConstructor() {
			n.Constructor = true
		}
	}
	if n.Kind == KindTransform && len(n.seeking) > 0 {
		fault.Stopf(n.Line, "%% cannot reach out of a transformation |…|")
	}
	r.resolvePairs(n, n.Pairs)
	return n
}

func (r *resolver) resolvePairs(n *Node, pairs [][2]*Node) {
	for i := range pairs {
		r.replace(n, &pairs[i][0], &pairs[i][1])
	}
}

// replace resolves parts of n in place, and adds each unresolved % in them to those of n.
func (r *resolver) replace(n *Node, parts ...**Node) {
	for _, part := range parts {
		if *part == nil {
			continue
		}
		*part = r.node(*part)
		n.seek(*part)
	}
}

func (r *resolver) dot(n *Node) *Node {
	left := r.node(n.Left)
	path := asPath(left)
	if left.Kind == KindParent {
		path.seeking = []*Slot{left.Slot}
	}
	right := r.node(n.Right)
	if right.Kind == KindPath {
		path.List = append(path.List, right.List...)
		if right.Group != nil { // the reference implementation would ignore it
			fault.Stopf(right.Group.Line, "a group {…} cannot stand in the middle of a path: put the part before it in parentheses")
		}
	} else {
		right.Stages, right.Predicates = append(right.Stages, right.Predicates...), nil
		path.List = append(path.List, right)
	}
	r.finishPath(path)
	return path
}

// finishPath sets the flags of the steps of a path.
func (r *resolver) finishPath(path *Node) {
	for _, step := range path.List {
		switch step.Kind {
		case KindNumber, KindLiteral:
			fault.Stopf(step.Line, "%s cannot be a step of a path: for a field of that name write it in backticks", step.Text)
		case KindString:
			step.Kind = KindName
		}
		if step.KeepArray {
			path.KeepPathArray = true
		}
	}
	for _, end := range []*Node{path.List[0], path.List[len(path.List)-1]} {
		if end.Kind == KindArray {
			end.Constructor = true
		}
	}
	r.findParents(path)
}

func (r *resolver) predicate(n *Node) *Node {
	left := r.node(n.Left)
	step, stages := left, &left.Predicates
	if left.Kind == KindPath {
		step = left.List[len(left.List)-1]
		stages = &step.Stages
	}
	if step.Group != nil || left.Group != nil {
		fault.Stopf(n.Line, "a predicate cannot follow a group {…}: put the group in parentheses")
	}
	filter := r.node(n.Right)
	for _, s := range filter.seeking {
		if s.level == 1 {
			seekParent(step, s)
		} else {
			s.level--
		}
	}
	if filter.Kind == KindParent {
		fault.Stopf(n.Line, "a predicate cannot be %% alone: compare a field of it, as in [%%.id = 1]")
	}
	step.seek(filter)
	*stages = append(*stages, &Stage{Filter: filter})
	return left
}

func (r *resolver) groupBy(n *Node) *Node {
	left := r.node(n.Left)
	if left.Group != nil {
		fault.Stopf(n.Line, "a step can have only one group {…}: put the first in parentheses")
	}
	r.resolvePairs(n.Right, n.Right.Pairs)
	if len(n.Right.seeking) > 0 {
		fault.Stopf(n.Line, "%% cannot reach out of a group {…}: bind what you need with @$v on the step before")
	}
	left.Group = n.Right
	return left
}

func (r *resolver) orderBy(n *Node) *Node {
	left := r.node(n.Left)
	path := asPath(left)
	if path.Group != nil {
		fault.Stopf(n.Line, "a sort ^(…) cannot follow a group {…}: put the group in parentheses")
	}
	sorting := &Node{Kind: KindSort, Line: n.Line, Terms: n.Terms}
	for i := range sorting.Terms {
		r.replace(sorting, &sorting.Terms[i].Expr)
	}
	path.List = append(path.List, sorting)
	r.findParents(path)
	return path
}

// lastStep returns the step that @ and # belong to.
func lastStep(n *Node) *Node {
	if n.Kind == KindPath {
		return n.List[len(n.List)-1]
	}
	return n
}

func (r *resolver) focus(n *Node) *Node {
	left := r.node(n.Left)
	step := lastStep(left)
	switch {
	case len(step.Stages)+len(step.Predicates) > 0:
		fault.Stopf(n.Line, "@$%s must stand before the predicates of its step", n.Right.Text)
	case step.Kind == KindSort:
		fault.Stopf(n.Line, "@$%s must stand before the sort ^(…)", n.Right.Text)
	case left.Group != nil:
		fault.Stopf(n.Line, "@$%s must stand before the group {…}", n.Right.Text)
	}
	step.Focus, step.Tuple = n.Right.Text, true
	if n.KeepArray {
		step.KeepArray = true
	}
	return left
}

func (r *resolver) index(n *Node) *Node {
	left := r.node(n.Left)
	step := lastStep(left)
	if left.Kind != KindPath {
		step.Stages, step.Predicates = append(step.Stages, step.Predicates...), nil
	}
	if left.Group != nil {
		fault.Stopf(n.Line, "#$%s must stand before the group {…}", n.Right.Text)
	}
	if len(step.Stages) == 0 {
		step.Index = n.Right.Text
	} else {
		step.Stages = append(step.Stages, &Stage{Index: n.Right.Text})
	}
	step.Tuple = true
	return asPath(left)
}

func (r *resolver) negate(n *Node) *Node {
	r.replace(n, &n.Left)
	if n.Left.Kind == KindNumber && !n.Left.HasAttachments() {
		n.Left.Number, n.Left.Text = -n.Left.Number, "-"+n.Left.Text
		return n.Left
	}
	return n
}

func (r *resolver) lambda(n *Node) *Node {
	n.Left = r.node(n.Left)
	if len(n.Left.seeking) > 0 || n.Left.Kind == KindParent {
		fault.Stopf(n.Line, "%% cannot reach out of a function: pass the parent to it as an argument")
	}
	markTail(n.Left)
	return n
}

// markTail marks the tail calls: those whose result is the result of the lambda. They run
// after the lambda has returned, so a tail recursion needs no stack. If a tail call collects
// a list, it stays a list, even with one element.
func markTail(n *Node) {
	if n.HasAttachments() {
		return
	}
	switch n.Kind {
	case KindCall:
		n.Tail = true
	case KindCoalesce, KindDefault:
		markTail(n.Left)
		markTail(n.Right)
	case KindCondition:
		for _, branch := range n.List {
			markTail(branch)
		}
	case KindBlock:
		if len(n.List) > 0 {
			markTail(n.List[len(n.List)-1])
		}
	}
}

func (r *resolver) apply(n *Node) *Node {
	r.replace(n, &n.Left, &n.Right)
	if len(n.seeking) > 0 {
		fault.Stopf(n.Line, "%% cannot stand next to ~>: write $f(%%.name) instead of %%.name ~> $f()")
	}
	if n.Right.Kind == KindCall && n.Right.HasAttachments() {
		fault.Stopf(n.Line, "a predicate or a group after ~> f(…) would be ignored: put a ~> f(…) in parentheses before it")
	}
	n.KeepArray = n.Left.KeepArray || n.Right.KeepArray
	return n
}

// findParents goes back from the last step of a path to find the step of each %. If the
// step is before the path, the expression that contains the path finds it.
func (r *resolver) findParents(path *Node) {
	last := path.List[len(path.List)-1]
	slots := append([]*Slot(nil), last.seeking...)
	if last.Kind == KindParent {
		slots = append(slots, last.Slot)
	}
	for _, s := range slots {
		i := len(path.List) - 2
		for s.level > 0 {
			if i < 0 {
				path.seeking = append(path.seeking, s)
				break
			}
			step := path.List[i]
			i--
			for i >= 0 && step.Focus != "" && path.List[i].Focus != "" {
				step = path.List[i]
				i--
			}
			seekParent(step, s)
		}
	}
}

// seekParent moves a % one step back. The step at which its level becomes zero carries
// its input, under the label of the %.
func seekParent(n *Node, s *Slot) {
	switch n.Kind {
	case KindName, KindWildcard:
		if s.level--; s.level == 0 {
			if n.Ancestor != nil {
				s.Label = n.Ancestor.Label
			}
			n.Ancestor, n.Tuple = s, true
		}
	case KindParent:
		s.level++
	case KindBlock:
		if len(n.List) == 0 {
			return
		}
		n.Tuple = true
		seekParent(n.List[len(n.List)-1], s)
	case KindPath:
		n.Tuple = true
		for i := len(n.List) - 1; i >= 0 && (s.level > 0 || i == len(n.List)-1); i-- {
			seekParent(n.List[i], s)
		}
	default:
		failNoParent(n.Line)
	}
}
