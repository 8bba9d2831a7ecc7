package syntax

import (
	"strconv"

	"commerce-segment/shared/jsonata/fault"
)

// resolver turns the tree of the parser into the one that is compiled, by the rules of
// the reference implementation: chains of dots become paths of steps, predicates move
// to the steps that they filter, and each % gets the step whose input it refers to.
type resolver struct {
	labels int
}

// Resolve returns the completed tree. It changes the one that it is given.
func Resolve(n *Node) (*Node, error) {
	r := &resolver{}
	n, err := r.node(n)
	if err != nil {
		return nil, err
	}
	if n.Kind == KindParent || len(n.seeking) > 0 {
		return nil, errNoParent(n.Line)
	}
	return n, nil
}

func errNoParent(line int) error {
	return fault.Newf(line, "%% has no parent here: it must follow a path of names, as in orders.items.(%%.id)")
}

func (r *resolver) node(n *Node) (*Node, error) {
	line, keep := n.Line, n.KeepArray
	n, err := r.kind(n)
	if err != nil {
		return nil, fault.At(line, err)
	}
	if keep {
		n.KeepArray = true
	}
	return n, nil
}

func (r *resolver) kind(n *Node) (*Node, error) {
	switch n.Kind {
	case KindName:
		return r.name(n), nil
	case KindParent:
		n.Slot = &Slot{Label: "%" + strconv.Itoa(r.labels), level: 1}
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

// children resolves the parts of an expression of another kind.
func (r *resolver) children(n *Node) (*Node, error) {
	if err := r.replace(n, &n.Left, &n.Right); err != nil {
		return nil, err
	}
	for i := range n.List {
		if n.List[i].Kind == KindPlaceholder {
			continue
		}
		if err := r.replace(n, &n.List[i]); err != nil {
			return nil, err
		}
		if n.Kind == KindBlock && n.List[i].StartsWithConstructor() {
			n.Constructor = true
		}
	}
	if n.Kind == KindTransform && len(n.seeking) > 0 {
		return nil, fault.Newf(n.Line, "%% cannot reach out of a transformation |…|")
	}
	return n, r.resolvePairs(n, n.Pairs)
}

func (r *resolver) resolvePairs(n *Node, pairs [][2]*Node) error {
	for i := range pairs {
		if err := r.replace(n, &pairs[i][0], &pairs[i][1]); err != nil {
			return err
		}
	}
	return nil
}

// replace resolves parts of n in place, and adds their unresolved % to those of n.
func (r *resolver) replace(n *Node, parts ...**Node) error {
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

func (r *resolver) dot(n *Node) (*Node, error) {
	left, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	path := asPath(left)
	if left.Kind == KindParent {
		path.seeking = []*Slot{left.Slot}
	}
	right, err := r.node(n.Right)
	if err != nil {
		return nil, err
	}
	if right.Kind == KindPath {
		path.List = append(path.List, right.List...)
		if err := path.takeGroup(right); err != nil {
			return nil, err
		}
	} else {
		right.Stages, right.Predicates = append(right.Stages, right.Predicates...), nil
		path.List = append(path.List, right)
	}
	return path, r.finishPath(path)
}

// takeGroup refuses a group that the reference implementation would ignore.
func (n *Node) takeGroup(right *Node) error {
	if right.Group != nil {
		return fault.Newf(right.Group.Line, "a group {…} cannot stand in the middle of a path: put the part before it in parentheses")
	}
	return nil
}

// finishPath sets the flags of the steps of a path.
func (r *resolver) finishPath(path *Node) error {
	for _, step := range path.List {
		switch step.Kind {
		case KindNumber, KindLiteral:
			return fault.Newf(step.Line, "%s cannot be a step of a path: for a field of that name write it in backticks", step.Text)
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
	return r.findParents(path)
}

func (r *resolver) predicate(n *Node) (*Node, error) {
	left, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	step, stages := left, &left.Predicates
	if left.Kind == KindPath {
		step = left.List[len(left.List)-1]
		stages = &step.Stages
	}
	if step.Group != nil || left.Group != nil {
		return nil, fault.Newf(n.Line, "a predicate cannot follow a group {…}: put the group in parentheses")
	}
	filter, err := r.node(n.Right)
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
	if filter.Kind == KindParent {
		return nil, fault.Newf(n.Line, "a predicate cannot be %% alone: compare a field of it, as in [%%.id = 1]")
	}
	step.seek(filter)
	*stages = append(*stages, &Stage{Filter: filter})
	return left, nil
}

func (r *resolver) groupBy(n *Node) (*Node, error) {
	left, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	if left.Group != nil {
		return nil, fault.Newf(n.Line, "a step can have only one group {…}: put the first in parentheses")
	}
	if err := r.resolvePairs(n.Right, n.Right.Pairs); err != nil {
		return nil, err
	}
	if len(n.Right.seeking) > 0 {
		return nil, fault.Newf(n.Line, "%% cannot reach out of a group {…}: bind what you need with @$v on the step before")
	}
	left.Group = n.Right
	return left, nil
}

func (r *resolver) orderBy(n *Node) (*Node, error) {
	left, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	path := asPath(left)
	if path.Group != nil {
		return nil, fault.Newf(n.Line, "a sort ^(…) cannot follow a group {…}: put the group in parentheses")
	}
	sorting := &Node{Kind: KindSort, Line: n.Line, Terms: n.Terms}
	for i := range sorting.Terms {
		if err := r.replace(sorting, &sorting.Terms[i].Expr); err != nil {
			return nil, err
		}
	}
	path.List = append(path.List, sorting)
	return path, r.findParents(path)
}

// lastStep returns the step that @ and # belong to.
func lastStep(n *Node) *Node {
	if n.Kind == KindPath {
		return n.List[len(n.List)-1]
	}
	return n
}

func (r *resolver) focus(n *Node) (*Node, error) {
	left, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	step := lastStep(left)
	switch {
	case len(step.Stages)+len(step.Predicates) > 0:
		return nil, fault.Newf(n.Line, "@$%s must stand before the predicates of its step", n.Right.Text)
	case step.Kind == KindSort:
		return nil, fault.Newf(n.Line, "@$%s must stand before the sort ^(…)", n.Right.Text)
	case left.Group != nil:
		return nil, fault.Newf(n.Line, "@$%s must stand before the group {…}", n.Right.Text)
	}
	step.Focus, step.Tuple = n.Right.Text, true
	if n.KeepArray {
		step.KeepArray = true
	}
	return left, nil
}

func (r *resolver) index(n *Node) (*Node, error) {
	left, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	step := lastStep(left)
	if left.Kind != KindPath {
		step.Stages, step.Predicates = append(step.Stages, step.Predicates...), nil
	}
	if left.Group != nil {
		return nil, fault.Newf(n.Line, "#$%s must stand before the group {…}", n.Right.Text)
	}
	if len(step.Stages) == 0 {
		step.Index = n.Right.Text
	} else {
		step.Stages = append(step.Stages, &Stage{Index: n.Right.Text})
	}
	step.Tuple = true
	return asPath(left), nil
}

func (r *resolver) negate(n *Node) (*Node, error) {
	if err := r.replace(n, &n.Left); err != nil {
		return nil, err
	}
	if n.Left.Kind == KindNumber && !n.Left.HasAttachments() {
		n.Left.Number, n.Left.Text = -n.Left.Number, "-"+n.Left.Text
		return n.Left, nil
	}
	return n, nil
}

func (r *resolver) lambda(n *Node) (*Node, error) {
	body, err := r.node(n.Left)
	if err != nil {
		return nil, err
	}
	if len(body.seeking) > 0 || body.Kind == KindParent {
		return nil, fault.Newf(n.Line, "%% cannot reach out of a function: pass the parent to it as an argument")
	}
	n.Left = body
	markTail(body)
	return n, nil
}

// markTail marks the calls whose result is the result of the lambda. They run after the
// lambda has returned, so such a recursion needs no stack. A list that such a call
// collects stays a list, even with one element.
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

func (r *resolver) apply(n *Node) (*Node, error) {
	if err := r.replace(n, &n.Left, &n.Right); err != nil {
		return nil, err
	}
	if len(n.seeking) > 0 {
		return nil, fault.Newf(n.Line, "%% cannot stand next to ~>: write $f(%%.name) instead of %%.name ~> $f()")
	}
	if n.Right.Kind == KindCall && n.Right.HasAttachments() {
		return nil, fault.Newf(n.Line, "a predicate or a group after ~> f(…) would be ignored: put a ~> f(…) in parentheses before it")
	}
	n.KeepArray = n.Left.KeepArray || n.Right.KeepArray
	return n, nil
}

// findParents goes back from the last step of a path to the parents that it refers to.
// Those before the path are left to the expression that contains it.
func (r *resolver) findParents(path *Node) error {
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
			if err := seekParent(step, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// seekParent moves a % one step back. The step at which its level becomes zero carries
// its input, under the label of the %.
func seekParent(n *Node, s *Slot) error {
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
			return nil
		}
		n.Tuple = true
		return seekParent(n.List[len(n.List)-1], s)
	case KindPath:
		n.Tuple = true
		for i := len(n.List) - 1; i >= 0 && (s.level > 0 || i == len(n.List)-1); i-- {
			if err := seekParent(n.List[i], s); err != nil {
				return err
			}
		}
	default:
		return errNoParent(n.Line)
	}
	return nil
}
