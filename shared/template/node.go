package template

type nodeKind int

const (
	kindName nodeKind = iota
	kindString
	kindNumber
	kindLiteral
	kindRegex
	kindVariable
	kindWildcard
	kindDescendants
	kindParent
	kindPath
	kindSort
	kindNegate
	kindArray
	kindObject
	kindBinary // an operator in text, operands left and right
	kindCall
	kindPartial
	kindPlaceholder
	kindLambda
	kindApply
	kindBlock
	kindCondition
	kindCoalesce // left ?? right
	kindDefault  // left ?: right
	kindBind
	kindTransform

	// What the parser makes and resolve removes.
	kindDot
	kindPredicate
	kindGroup
	kindOrderBy
	kindFocus
	kindIndex
)

// node is an expression. Which fields matter depends on its kind.
type node struct {
	kind  nodeKind
	line  int
	text  string // a name, a text, a variable without $, an operator, a regex
	flags string // of a regex
	value any    // of a number or a literal

	left, right *node
	// list has the steps of a path, the arguments of a call, the expressions of a
	// block, the elements of a list, the parameters of a lambda, the parts of a
	// transform (pattern, update, delete), or the branches of a condition.
	list  []*node
	pairs [][2]*node // of an object
	terms []sortTerm // of a sort

	signature *signature // of a lambda
	tail      bool       // a call whose result is that of the lambda it stands in

	keep     bool // the [] suffix
	keepPath bool // a step of the path has it
	built    bool // a list at an end of a path

	predicates []*stage // of any expression but a path
	stages     []*stage // of a step of a path
	group      *node    // a kindObject

	focus    string // @$v
	index    string // #$v
	ancestor *slot  // the step's input is the parent that a % means
	slot     *slot  // of a %
	seeking  []*slot
	tuple    bool // the step, or the path, carries variables along
}

type sortTerm struct {
	expr       *node
	descending bool
}

// stage is a predicate of a step, or the #$v after one.
type stage struct {
	filter *node
	index  string
}

// slot is what a % refers to: the value that was the input of some earlier step.
type slot struct {
	label string
	level int
}
