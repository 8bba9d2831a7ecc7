// Package evaluate compiles a tree to closures and runs them: paths with their predicates,
// groups and sorts, operators, calls, and the scopes of variables. It has none of the
// built-in functions of the language: the caller passes them in a functions.Library.
package evaluate

import (
	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/regex"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// compiler turns the tree of an expression into closures. It stops at the first error with
// fault.Stop.
//
// The context is an argument of the closures. A variable is in the frame of the function
// that binds it. If inner functions use the variable too, all of them share it in a cell:
// see variable.
type compiler struct {
	functions    functions.Library
	scope        *scope // the innermost open scope
	outermost    *scope // of the variables that the caller binds
	program      *Plan
	bindings     []string // the variables that the caller binds, in the order of the program's parameters
	depth        int      // of the nested expressions that are being compiled
	deepest      int      // the largest depth in the current function
	regexes      int      // the sum of the sizes of all regular expressions
	noAssignment bool     // an assignment is not supported here: see assign
}

// evaluation is a compiled expression. It returns the value in a context.
type evaluation func(st *value.State, f frame, context any) (any, error)

// run computes the result of an operation from the values of its operands. It must not keep
// args after it returns, because the next operation uses the same memory.
type run func(st *value.State, args []any) (any, error)

// maxChained limits how deep expressions nest, with each operator of a chain as a level.
const maxChained = 2 * syntax.MaxNesting

// Compile compiles a resolved tree. It also returns the names of the variables that the
// caller must pass to Run, in their order.
func Compile(tree *syntax.Node, functions functions.Library) (plan *Plan, variables []string, err error) {
	defer fault.Catch(&err)
	c := &compiler{functions: functions, program: &Plan{}}
	c.open(c.program, nil)
	c.outermost = c.scope
	c.open(c.program, nil, tree)
	c.program.body, c.program.locals = c.expression(tree), c.scope.locals
	return c.program, c.bindings, nil
}

// literals has the values of true, false and null.
var literals = map[string]any{"true": true, "false": false, "null": value.Null}

func constant(v any) evaluation {
	return func(*value.State, frame, any) (any, error) { return v, nil }
}

// contextOf is the operand for the context itself.
func contextOf(_ *value.State, _ frame, context any) (any, error) { return context, nil }

// operation evaluates operands and computes a value from them. It charges for reading
// them, and adds the line to errors.
func operation(line int, run run, operands ...evaluation) evaluation {
	return lightOperation(line, func(st *value.State, args []any) (any, error) {
		if err := st.SpendReading(args); err != nil {
			return nil, err
		}
		return run(st, args)
	}, operands...)
}

// lightOperation is operation without the charge. It is for operations that charge for
// what they read.
func lightOperation(line int, run run, operands ...evaluation) evaluation {
	return func(st *value.State, f frame, context any) (any, error) {
		args := st.Push(len(operands))
		for i, operand := range operands {
			var err error
			if args[i], err = operand(st, f, context); err != nil {
				return nil, err
			}
		}
		if err := st.Spend(1); err != nil {
			return nil, fault.At(line, err)
		}
		v, err := run(st, args)
		if err != nil {
			return nil, fault.At(line, err)
		}
		st.Pop(len(operands))
		return v, nil
	}
}

// each compiles several expressions.
func (c *compiler) each(nodes []*syntax.Node) []evaluation {
	codes := make([]evaluation, len(nodes))
	for i, n := range nodes {
		codes[i] = c.expression(n)
	}
	return codes
}

// expression compiles an expression with its predicates and its group.
func (c *compiler) expression(n *syntax.Node) evaluation {
	if c.depth++; c.depth > maxChained {
		fault.Stopf(n.Line, "expressions are nested more than %d deep: name parts of it with := in a block", maxChained)
	}
	c.deepest = max(c.deepest, c.depth)
	defer func() { c.depth-- }()
	if n.Focus != "" {
		fault.Stopf(n.Line, "@$%s must be followed by a step, as in a@$%s.b", n.Focus, n.Focus)
	}
	code := c.kind(n)
	if n.Kind == syntax.KindPath || !n.HasAttachments() {
		return code
	}
	return c.attached(n, code)
}

func (c *compiler) attached(n *syntax.Node, code evaluation) evaluation {
	vars := carriedBy(n)
	filters := c.filters(n.Predicates, vars)
	var group *grouping
	if n.Group != nil {
		group = c.grouping(n.Group, vars)
	}
	line, keep := n.Line, n.KeepArray
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := code(st, f, context)
		if err != nil {
			return nil, err
		}
		if v, err = filters.apply(st, f, v); err == nil && group != nil {
			v, err = group.apply(st, f, v)
		}
		if err != nil || group != nil {
			return v, fault.At(line, err)
		}
		return finish(v, keep), nil
	}
}

// finish is value.Collapse for an expression that can have the suffix [].
func finish(v any, keep bool) any {
	if a, ok := v.(*value.Array); ok && keep && a.Sequence {
		a.KeepArray = true
	}
	return value.Collapse(v)
}

func (c *compiler) kind(n *syntax.Node) evaluation {
	switch n.Kind {
	case syntax.KindString:
		return constant(n.Text)
	case syntax.KindNumber:
		return constant(n.Number)
	case syntax.KindLiteral:
		return constant(literals[n.Text])
	case syntax.KindRegex:
		return c.regex(n)
	case syntax.KindVariable:
		return c.variable(n)
	case syntax.KindParent:
		return c.reference(n.Slot.Label)
	case syntax.KindName, syntax.KindWildcard, syntax.KindDescendants:
		return c.lookup(n)
	case syntax.KindPath:
		return c.path(n)
	case syntax.KindNegate:
		return c.negate(n)
	case syntax.KindArray:
		return c.array(n)
	case syntax.KindObject:
		return c.object(n)
	case syntax.KindBinary:
		return c.binary(n)
	case syntax.KindCall:
		return c.call(n, nil)
	case syntax.KindPartial:
		return c.partial(n)
	case syntax.KindLambda:
		return c.function(n)
	case syntax.KindApply:
		return c.apply(n)
	case syntax.KindBlock:
		return c.block(n)
	case syntax.KindCondition:
		return c.condition(n)
	case syntax.KindCoalesce, syntax.KindDefault:
		return c.alternative(n)
	case syntax.KindAssign:
		return c.assign(n)
	case syntax.KindTransform:
		return c.transform(n)
	}
	fault.Stopf(n.Line, "unexpected %s", n.Text)
	return nil
}

func (c *compiler) regex(n *syntax.Node) evaluation {
	re, err := regex.New(n.Text, n.Flags)
	fault.Stop(n.Line, err)
	if c.regexes += re.Size; c.regexes > regex.MaxTotalSize {
		fault.Stopf(n.Line, "the regular expressions of the template are too large together: name one with := and use it again")
	}
	return constant(re)
}

// unwrap returns the value of $: the context, without the wrapper around an input that
// is a list.
func unwrap(v any) any {
	if list, ok := v.(*value.Array); ok {
		if list.Root {
			return list.Items[0]
		}
		return value.Collapse(list)
	}
	return v
}

func (c *compiler) variable(n *syntax.Node) evaluation {
	if n.Text == "" {
		return func(_ *value.State, _ frame, context any) (any, error) { return unwrap(context), nil }
	}
	return c.reference(n.Text)
}

// lookup compiles a name, * or ** that is not a step of a path, or that has predicates.
func (c *compiler) lookup(n *syntax.Node) evaluation {
	run, name := wildcard, n.Text
	switch n.Kind {
	case syntax.KindDescendants:
		run = descendants
	case syntax.KindName:
		run = func(st *value.State, v any) (any, error) { return value.Lookup(st, v, name) }
	}
	unfinished, keep := n.HasAttachments(), n.KeepArray
	return operation(n.Line, func(st *value.State, args []any) (any, error) {
		v, err := run(st, args[0])
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}, contextOf)
}

func (c *compiler) negate(n *syntax.Node) evaluation {
	return operation(n.Line, negate, c.expression(n.Left))
}

// withoutAssignment calls compile for a part in which an assignment is not supported.
func (c *compiler) withoutAssignment(compile func()) {
	before := c.noAssignment
	c.noAssignment = true
	compile()
	c.noAssignment = before
}

func (c *compiler) array(n *syntax.Node) evaluation {
	var codes []evaluation
	c.withoutAssignment(func() { codes = c.each(n.List) })
	whole := make([]bool, len(n.List)) // a list within a list stays one element
	for i, item := range n.List {
		whole[i] = item.Kind == syntax.KindArray
	}
	built := n.Constructor
	return operation(n.Line, func(st *value.State, args []any) (any, error) {
		return makeArray(st, args, whole, built)
	}, codes...)
}

func (c *compiler) object(n *syntax.Node) evaluation {
	group := c.grouping(n, nil)
	line := n.Line
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := group.apply(st, f, context)
		return v, fault.At(line, err)
	}
}

func (c *compiler) binary(n *syntax.Node) evaluation {
	codes := c.each([]*syntax.Node{n.Left, n.Right})
	switch n.Text {
	case "and":
		return choice(truthOf(n.Line, codes[0]), truthOf(n.Line, codes[1]), constant(false))
	case "or":
		return choice(truthOf(n.Line, codes[0]), constant(true), truthOf(n.Line, codes[1]))
	}
	if n.Text == "&" || n.Text == "in" {
		return lightOperation(n.Line, binary[n.Text], codes...)
	}
	return operation(n.Line, binary[n.Text], codes...)
}

func truthOf(line int, code evaluation) evaluation {
	return operation(line, func(st *value.State, args []any) (any, error) { return value.ToBoolean(st, args[0]) }, code)
}

// choice evaluates one of two expressions, depending on a test that returns a boolean.
func choice(test, yes, no evaluation) evaluation {
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := test(st, f, context)
		if err != nil {
			return nil, err
		}
		if v == true {
			return yes(st, f, context)
		}
		return no(st, f, context)
	}
}

// block compiles (a; b; c), which opens a scope.
func (c *compiler) block(n *syntax.Node) evaluation {
	noAssignment := c.noAssignment
	c.noAssignment = false
	c.open(c.scope.plan, nil, n.List...)
	statements := make([]evaluation, len(n.List))
	for i, statement := range n.List {
		if i < len(n.List)-1 {
			statements[i] = c.expression(statement)
		} else {
			statements[i] = c.collapsed(statement)
		}
		c.markSet(statement)
	}
	locals := c.scope.locals
	c.close()
	c.noAssignment = noAssignment
	units := len(statements)/4 + len(locals)
	return func(st *value.State, f frame, context any) (v any, err error) {
		if err := st.Spend(units); err != nil {
			return nil, err
		}
		clearLocals(f, locals)
		for _, evaluate := range statements {
			if v, err = evaluate(st, f, context); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
}

// markSet marks the variables that a statement of a block always assigns.
func (c *compiler) markSet(statement *syntax.Node) {
	for n := statement; n.Kind == syntax.KindAssign; n = n.Right {
		c.scope.variables[n.Left.Text].set = true
	}
}

func (c *compiler) condition(n *syntax.Node) evaluation {
	test := c.expression(n.Left)
	branches := []evaluation{constant(nil), constant(nil)}
	for i, branch := range n.List {
		branches[i] = c.collapsed(branch)
	}
	return choice(truthOf(n.Line, test), branches[0], branches[1])
}

// alternative compiles a ?? b and a ?: b.
func (c *compiler) alternative(n *syntax.Node) evaluation {
	left := c.expression(n.Left)
	right := c.expression(n.Right)
	line, use := n.Line, func(_ *value.State, v any) (bool, error) { return v != nil, nil }
	if n.Kind == syntax.KindDefault {
		use = value.ToBoolean
	}
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := left(st, f, context)
		if err != nil {
			return nil, err
		}
		if err := st.Spend(1); err != nil {
			return nil, fault.At(line, err)
		}
		result := value.Collapse(v)
		if call, ok := v.(*value.TailCall); ok {
			if result, err = call.Run(st); err != nil {
				return nil, err
			}
			v = value.Collapse(result)
		}
		yes, err := use(st, v)
		if err != nil {
			return nil, fault.At(line, err)
		}
		if yes {
			return result, nil
		}
		v, err = right(st, f, context)
		return value.Collapse(v), err
	}
}

// collapsed compiles a part whose value is the result of the expression around it. A
// callback, for example of $map, can return a sequence within a sequence. Each expression
// that passes such a result on collapses one of the two.
func (c *compiler) collapsed(n *syntax.Node) evaluation {
	code := c.expression(n)
	if !n.MayReturnSequence() {
		return code
	}
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := code(st, f, context)
		return value.Collapse(v), err
	}
}

// assign compiles an assignment. It is not supported in a list or an object, because the
// reference implementation gives the elements separate variables. It is not supported in a
// sort, because the last value would depend on the order of the comparisons.
func (c *compiler) assign(n *syntax.Node) evaluation {
	if c.noAssignment {
		fault.Stopf(n.Line, "$%s := … cannot stand directly within a list, an object or a sort. Put it in a block of its own: ($%s := …; …)", n.Left.Text, n.Left.Text)
	}
	right := c.collapsed(n.Right)
	variable := c.scope.variables[n.Left.Text]
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := right(st, f, context)
		variable.assign(f, v)
		return v, err
	}
}
