// Package syntax parses an expression. Parse makes a tree of its tokens by operator
// precedence. Resolve turns that tree into the paths, predicates and parents of the
// reference implementation. The package does not depend on values, and evaluates nothing.
package syntax

import "slices"

// Kind is the kind of a node. It decides which fields of the node are set.
type Kind int

// The kinds of nodes in a resolved tree.
const (
	KindName Kind = iota
	KindString
	KindNumber
	KindLiteral
	KindRegex
	KindVariable
	KindWildcard
	KindDescendants
	KindParent
	KindPath
	KindSort
	KindNegate
	KindArray
	KindObject
	KindBinary // Left and Right with the operator in Text
	KindCall
	KindPartial     // a call with ? for some arguments
	KindPlaceholder // the ? of a partial call
	KindLambda
	KindApply // Left ~> Right
	KindBlock
	KindCondition
	KindCoalesce  // Left ?? Right
	KindDefault   // Left ?: Right
	KindAssign    // Left := Right
	KindTransform // |…|…|

	// The kinds that Parse makes and Resolve replaces.
	kindDot
	kindPredicate
	kindGroup
	kindOrderBy
	kindFocus
	kindIndex
)

// Node is an expression.
type Node struct {
	Kind   Kind
	Line   int
	Text   string  // a name, a string, a variable without $, an operator, a regex
	Flags  string  // of a regex
	Number float64 // of a number

	Left, Right *Node
	// List has the steps of a path, the arguments of a call, the expressions of a
	// block, the elements of a list, the parameters of a lambda, the parts of a
	// transform (pattern, update, delete), or the branches of a condition.
	List  []*Node
	Pairs [][2]*Node // of an object
	Terms []SortTerm // of a sort

	Signature string // of a lambda, with its brackets; "" if there is none
	Tail      bool   // the result of this call is the result of the enclosing lambda

	KeepArray     bool // it has the [] suffix
	KeepPathArray bool // a step of the path has the [] suffix
	Constructor   bool // it is an array [...] at an end of a path

	Predicates []*Stage // of an expression that is not a path
	Stages     []*Stage // of a step of a path
	Group      *Node    // a KindObject

	Focus    string  // the variable of @$v
	Index    string  // the variable of #$v
	Ancestor *Slot   // set if the input of the step is the parent that a % refers to
	Slot     *Slot   // of a %
	seeking  []*Slot // of each % in the node whose step is not found yet
	Tuple    bool    // the step, or the path, carries variables
}

// SortTerm is a term of a sort ^(…).
type SortTerm struct {
	Expr       *Node
	Descending bool
}

// Stage is a predicate of a step, or a #$v that follows a predicate.
type Stage struct {
	Filter *Node
	Index  string
}

// Slot describes what a % refers to: the input of an earlier step. Label is the name of
// the variable that carries that input.
type Slot struct {
	Label string
	level int
}

// HasAttachments reports whether the expression has predicates or a group. These receive
// the sequence of the expression uncollapsed, even if it has one element or none.
func (n *Node) HasAttachments() bool { return len(n.Predicates) > 0 || n.Group != nil }

// MayReturnSequence is false only if the expression never returns a sequence that is
// not collapsed yet.
func (n *Node) MayReturnSequence() bool {
	switch n.Kind {
	case KindCall, KindApply, KindCondition, KindBlock, KindCoalesce, KindDefault, KindAssign, KindParent:
		return !n.Tail
	case KindPath:
		for _, step := range n.List {
			if step.Kind != KindName && step.Kind != KindObject {
				return true
			}
		}
	}
	return n.HasAttachments()
}

// Children returns the expressions that the node is composed of, without its
// attachments.
func (n *Node) Children() []*Node {
	parts := append([]*Node{n.Left, n.Right}, n.List...)
	for _, pair := range n.Pairs {
		parts = append(parts, pair[:]...)
	}
	for _, term := range n.Terms {
		parts = append(parts, term.Expr)
	}
	return parts
}

// Attachments returns the expressions of the predicates and the group of a node.
func (n *Node) Attachments() []*Node {
	attached := []*Node{n.Group}
	for _, s := range slices.Concat(n.Predicates, n.Stages) {
		attached = append(attached, s.Filter)
	}
	return attached
}

// StartsWithConstructor reports whether the node is, or is a path that begins with, an
// array constructor.
func (n *Node) StartsWithConstructor() bool {
	return n.Constructor || (n.Kind == KindPath && n.List[0].Constructor)
}

// seek adds each unresolved % of a part to those of the node.
func (n *Node) seek(part *Node) {
	n.seeking = append(n.seeking, part.seeking...)
	if part.Kind == KindParent {
		n.seeking = append(n.seeking, part.Slot)
	}
}

// FewestArguments returns the smallest number of arguments with which an expression calls the
// function in a variable: 0 if it also uses the variable otherwise, for example as an argument,
// and -1 if it does not use it. The tree is one of Parse.
func (n *Node) FewestArguments(variable string) int {
	fewest := -1
	var visit func(n *Node)
	visit = func(n *Node) {
		if n == nil {
			return
		}
		used, given := n, 0
		if n.Kind == KindCall && n.Left.Kind == KindVariable {
			used, given = n.Left, len(n.List)
		}
		if used.Kind == KindVariable && used.Text == variable && (fewest < 0 || given < fewest) {
			fewest = given
		}
		for _, part := range n.Children() {
			if part != used {
				visit(part)
			}
		}
	}
	visit(n)
	return fewest
}
