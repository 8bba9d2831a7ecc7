// Package evaluate compiles a tree to closures and runs them: paths with their predicates,
// groups and sorts, operators, calls, and the scopes of variables. It has no functions of
// the language; the caller passes them in a functions.Library.
package evaluate

import (
	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/regex"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// compiler turns the tree of an expression into closures.
//
// The context is an argument of the closures. A variable is in the frame of the
// function to which it belongs; functions inside that use it share it in a cell: see
// variable.
type compiler struct {
	functions    functions.Library
	scope        *scope // the innermost open scope
	outermost    *scope // of the variables that the caller binds
	program      *Plan
	bindings     []string // the variables that the caller binds, in the order of the program's parameters
	depth        int      // of the nested expressions that are being compiled
	deepest      int      // the largest depth in the current function
	regexes      int      // the sum of the sizes of all regular expressions
	noAssignment bool     // an assignment is refused: see assign
}

// evaluation is a compiled expression. It returns the value in a context.
type evaluation func(st *value.State, f frame, context any) (any, error)

// run computes an operation from the values of its operands. It must not keep args,
// which the next operation uses again.
type run func(st *value.State, args []any) (any, error)

// maxChained bounds how deep expressions nest if chains of operators are included.
const maxChained = 2 * syntax.MaxNesting

// Compile compiles a resolved tree. It also returns the names of the variables that the
// caller must pass to Run, in their order.
func Compile(tree *syntax.Node, functions functions.Library) (*Plan, []string, error) {
	c := &compiler{functions: functions, program: &Plan{}}
	c.open(c.program, nil)
	c.outermost = c.scope
	c.open(c.program, nil, tree)
	body, err := c.expression(tree)
	if err != nil {
		return nil, nil, err
	}
	c.program.body, c.program.locals = body, c.scope.locals
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

// lightOperation is operation without the charge, for operations that charge themselves
// for what they read.
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
func (c *compiler) each(nodes []*syntax.Node) ([]evaluation, error) {
	codes := make([]evaluation, len(nodes))
	for i, n := range nodes {
		code, err := c.expression(n)
		if err != nil {
			return nil, err
		}
		codes[i] = code
	}
	return codes, nil
}

// expression compiles an expression with its predicates and its group.
func (c *compiler) expression(n *syntax.Node) (evaluation, error) {
	if c.depth++; c.depth > maxChained {
		return nil, fault.Newf(n.Line, "expressions are nested more than %d deep: name parts of it with := in a block", maxChained)
	}
	c.deepest = max(c.deepest, c.depth)
	defer func() { c.depth-- }()
	if n.Focus != "" {
		return nil, fault.Newf(n.Line, "@$%s must be followed by a step, as in a@$%s.b", n.Focus, n.Focus)
	}
	code, err := c.kind(n)
	if err != nil || n.Kind == syntax.KindPath || !n.HasAttachments() {
		return code, err
	}
	return c.attached(n, code)
}

func (c *compiler) attached(n *syntax.Node, code evaluation) (evaluation, error) {
	vars := carriedBy(n)
	filters, err := c.filters(n.Predicates, vars)
	if err != nil {
		return nil, err
	}
	var group *grouping
	if n.Group != nil {
		if group, err = c.grouping(n.Group, vars); err != nil {
			return nil, err
		}
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
	}, nil
}

// finish is value.Collapse for an expression that can have the suffix [].
func finish(v any, keep bool) any {
	if a, ok := v.(*value.Array); ok && keep && a.Sequence {
		a.KeepArray = true
	}
	return value.Collapse(v)
}

func (c *compiler) kind(n *syntax.Node) (evaluation, error) {
	switch n.Kind {
	case syntax.KindString:
		return constant(n.Text), nil
	case syntax.KindNumber:
		return constant(n.Number), nil
	case syntax.KindLiteral:
		return constant(literals[n.Text]), nil
	case syntax.KindRegex:
		return c.regex(n)
	case syntax.KindVariable:
		return c.variable(n), nil
	case syntax.KindParent:
		return c.reference(n.Slot.Label), nil
	case syntax.KindName, syntax.KindWildcard, syntax.KindDescendants:
		return c.lookup(n), nil
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
	return nil, fault.Newf(n.Line, "unexpected %s", n.Text)
}

func (c *compiler) regex(n *syntax.Node) (evaluation, error) {
	re, err := regex.New(n.Text, n.Flags)
	if err != nil {
		return nil, fault.At(n.Line, err)
	}
	if c.regexes += re.Size; c.regexes > regex.MaxTotalSize {
		return nil, fault.Newf(n.Line, "the regular expressions of the template are too large together: name one with := and use it again")
	}
	return constant(re), nil
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

// lookup compiles a name, * or ** that is not a step of a path or has predicates of its
// own.
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

func (c *compiler) negate(n *syntax.Node) (evaluation, error) {
	code, err := c.expression(n.Left)
	if err != nil {
		return nil, err
	}
	return operation(n.Line, negate, code), nil
}

// withoutAssignment compiles something in which an assignment is refused.
func (c *compiler) withoutAssignment(compile func() error) error {
	before := c.noAssignment
	c.noAssignment = true
	err := compile()
	c.noAssignment = before
	return err
}

func (c *compiler) array(n *syntax.Node) (code evaluation, err error) {
	var codes []evaluation
	if err := c.withoutAssignment(func() (err error) {
		codes, err = c.each(n.List)
		return err
	}); err != nil {
		return nil, err
	}
	whole := make([]bool, len(n.List)) // a list within a list stays one element
	for i, item := range n.List {
		whole[i] = item.Kind == syntax.KindArray
	}
	built := n.Constructor
	return operation(n.Line, func(st *value.State, args []any) (any, error) {
		return makeArray(st, args, whole, built)
	}, codes...), nil
}

func (c *compiler) object(n *syntax.Node) (evaluation, error) {
	group, err := c.grouping(n, nil)
	if err != nil {
		return nil, err
	}
	line := n.Line
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := group.apply(st, f, context)
		return v, fault.At(line, err)
	}, nil
}

func (c *compiler) binary(n *syntax.Node) (evaluation, error) {
	codes, err := c.each([]*syntax.Node{n.Left, n.Right})
	if err != nil {
		return nil, err
	}
	switch n.Text {
	case "and":
		return choice(truthOf(n.Line, codes[0]), truthOf(n.Line, codes[1]), constant(false)), nil
	case "or":
		return choice(truthOf(n.Line, codes[0]), constant(true), truthOf(n.Line, codes[1])), nil
	}
	if n.Text == "&" || n.Text == "in" {
		return lightOperation(n.Line, binary[n.Text], codes...), nil
	}
	return operation(n.Line, binary[n.Text], codes...), nil
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

// block compiles (a; b; c), which has a scope of its own.
func (c *compiler) block(n *syntax.Node) (evaluation, error) {
	noAssignment := c.noAssignment
	c.noAssignment = false
	c.open(c.scope.plan, nil, n.List...)
	statements := make([]evaluation, len(n.List))
	var err error
	for i, statement := range n.List {
		if i < len(n.List)-1 {
			statements[i], err = c.expression(statement)
		} else {
			statements[i], err = c.collapsed(statement)
		}
		if err != nil {
			return nil, err
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
	}, nil
}

// markSet marks the variables that a statement of a block always assigns.
func (c *compiler) markSet(statement *syntax.Node) {
	for n := statement; n.Kind == syntax.KindAssign; n = n.Right {
		c.scope.variables[n.Left.Text].set = true
	}
}

func (c *compiler) condition(n *syntax.Node) (evaluation, error) {
	test, err := c.expression(n.Left)
	if err != nil {
		return nil, err
	}
	branches := []evaluation{constant(nil), constant(nil)}
	for i, branch := range n.List {
		if branches[i], err = c.collapsed(branch); err != nil {
			return nil, err
		}
	}
	return choice(truthOf(n.Line, test), branches[0], branches[1]), nil
}

// alternative compiles a ?? b and a ?: b.
func (c *compiler) alternative(n *syntax.Node) (evaluation, error) {
	left, err := c.expression(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := c.expression(n.Right)
	if err != nil {
		return nil, err
	}
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
	}, nil
}

// collapsed compiles a part whose result another expression returns. A callback of $map
// and the like can return a sequence within a sequence; each expression that returns it
// collapses one of them.
func (c *compiler) collapsed(n *syntax.Node) (evaluation, error) {
	code, err := c.expression(n)
	if err != nil || !n.MayReturnSequence() {
		return code, err
	}
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := code(st, f, context)
		return value.Collapse(v), err
	}, nil
}

// assign compiles an assignment. In a list or an object it is refused, because the
// reference implementation gives the elements separate variables, and in a sort,
// because the last value would depend on the order of the comparisons.
func (c *compiler) assign(n *syntax.Node) (evaluation, error) {
	if c.noAssignment {
		return nil, fault.Newf(n.Line, "$%s := … cannot stand directly within a list, an object or a sort. Put it in a block of its own: ($%s := …; …)", n.Left.Text, n.Left.Text)
	}
	right, err := c.collapsed(n.Right)
	if err != nil {
		return nil, err
	}
	variable := c.scope.variables[n.Left.Text]
	return func(st *value.State, f frame, context any) (any, error) {
		v, err := right(st, f, context)
		variable.assign(f, v)
		return v, err
	}, nil
}
