// Package syntax reads the text of an expression into a tree: tokens, then nodes by the
// strength of their operators, then the paths, predicates and parents that the reference
// implementation makes of them. It knows no values and evaluates nothing.
package syntax

import "slices"

type nodeKind int

const (
	KindName nodeKind = iota
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
	KindBinary // an operator in text, operands left and right
	KindCall
	KindPartial
	KindPlaceholder
	KindLambda
	KindApply
	KindBlock
	KindCondition
	KindCoalesce // left ?? right
	KindDefault  // left ?: right
	KindBind
	KindTransform

	// What the parser makes and resolve removes.
	kindDot
	kindPredicate
	kindGroup
	kindOrderBy
	kindFocus
	kindIndex
)

// Node is an expression. Which fields matter depends on its kind.
type Node struct {
	Kind   nodeKind
	Line   int
	Text   string  // a name, a text, a variable without $, an operator, a regex
	Flags  string  // of a regex
	Number float64 // of a number

	Left, Right *Node
	// List has the steps of a path, the arguments of a call, the expressions of a
	// block, the elements of a list, the parameters of a lambda, the parts of a
	// transform (pattern, update, delete), or the branches of a condition.
	List  []*Node
	Pairs [][2]*Node // of an object
	Terms []sortTerm // of a sort

	Signature string // of a lambda, with its brackets; "" where there is none
	Tail      bool   // a call whose result is that of the lambda it stands in

	Keep     bool // the [] suffix
	KeepPath bool // a step of the path has it
	Built    bool // a list at an end of a path

	Predicates []*Stage // of any expression but a path
	Stages     []*Stage // of a step of a path
	Group      *Node    // a kindObject

	Focus    string // @$v
	Index    string // #$v
	Ancestor *slot  // the step's input is the parent that a % means
	Slot     *slot  // of a %
	seeking  []*slot
	Tuple    bool // the step, or the path, carries variables along
}

type sortTerm struct {
	Expr       *Node
	Descending bool
}

// Stage is a predicate of a step, or the #$v after one.
type Stage struct {
	Filter *Node
	Index  string
}

// slot is what a % refers to: the value that was the input of some earlier step.
type slot struct {
	Label string
	level int
}

// Unfinished tells whether the predicates and the group of an expression must see
// the sequence that it makes, even if that has one element or none.
func (n *Node) Unfinished() bool { return len(n.Predicates) > 0 || n.Group != nil }

// MayNestSequences is false for expressions that surely give no sequence that is
// still to be settled.
func (n *Node) MayNestSequences() bool {
	switch n.Kind {
	case KindCall, KindApply, KindCondition, KindBlock, KindCoalesce, KindDefault, KindBind, KindParent:
		return !n.Tail
	case KindPath:
		for _, step := range n.List {
			if step.Kind != KindName && step.Kind != KindObject {
				return true
			}
		}
	}
	return n.Unfinished()
}

// Parts are the expressions that an expression consists of.
func (n *Node) Parts() []*Node {
	parts := append([]*Node{n.Left, n.Right}, n.List...)
	for _, pair := range n.Pairs {
		parts = append(parts, pair[:]...)
	}
	for _, term := range n.Terms {
		parts = append(parts, term.Expr)
	}
	return parts
}

// Attachments are the predicates and the group of an expression.
func (n *Node) Attachments() []*Node {
	attached := []*Node{n.Group}
	for _, s := range slices.Concat(n.Predicates, n.Stages) {
		attached = append(attached, s.Filter)
	}
	return attached
}

func (n *Node) StartsBuilt() bool {
	return n.Built || (n.Kind == KindPath && n.List[0].Built)
}

func (n *Node) seek(part *Node) {
	n.seeking = append(n.seeking, part.seeking...)
	if part.Kind == KindParent {
		n.seeking = append(n.seeking, part.Slot)
	}
}
