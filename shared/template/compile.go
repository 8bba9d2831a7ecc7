package template

// compiler turns the tree of a template into closures, in one step.
//
// The context travels as an argument of the closures, a variable lies in the frame of
// the function that it stands in, and what a function sees of those around it in cells
// that they share: see variable.
type compiler struct {
	scope     *scope // that is open
	outermost *scope // of the variables that the caller binds
	program   *plan
	bindings  []string // the variables that the caller binds, in the order of the program's parameters
	depth     int
	deepest   int
	regexes   int  // the size of all regular expressions
	noBinding bool // an assignment here is refused: see bind
}

// evaluation is a compiled expression: it gives the value in a context.
type evaluation func(st *state, f frame, context any) (any, error)

// run is what an operation does with its operands. It must not keep the list of them:
// the next operation gets the same one.
type run func(st *state, args []any) (any, error)

// maxChained bounds how deep the expressions of a template nest once chains of
// operators are counted too.
const maxChained = 2 * maxSourceNesting

// compileTree compiles a template.
func compileTree(tree *node) (*plan, []string, error) {
	c := &compiler{program: &plan{}}
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

func constant(v any) evaluation {
	return func(*state, frame, any) (any, error) { return v, nil }
}

// contextOf is the operand that is the context itself.
func contextOf(_ *state, _ frame, context any) (any, error) { return context, nil }

// operation evaluates operands and does something with them. It pays for looking at
// them. Errors get the line.
func operation(line int, run run, operands ...evaluation) evaluation {
	return lightOperation(line, func(st *state, args []any) (any, error) {
		if err := st.touch(args); err != nil {
			return nil, err
		}
		return run(st, args)
	}, operands...)
}

// lightOperation is operation for what looks at its operands only as far as it pays
// for itself.
func lightOperation(line int, run run, operands ...evaluation) evaluation {
	return func(st *state, f frame, context any) (any, error) {
		args := st.push(len(operands))
		for i, operand := range operands {
			var err error
			if args[i], err = operand(st, f, context); err != nil {
				return nil, err
			}
		}
		if err := st.spend(1); err != nil {
			return nil, at(line, err)
		}
		v, err := run(st, args)
		if err != nil {
			return nil, at(line, err)
		}
		st.pop(len(operands))
		return v, nil
	}
}

// each compiles several expressions.
func (c *compiler) each(nodes []*node) ([]evaluation, error) {
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

// expression compiles an expression with what is attached to it: its predicates and
// its group.
func (c *compiler) expression(n *node) (evaluation, error) {
	if c.depth++; c.depth > maxChained {
		return nil, faultf(n.line, "expressions are nested more than %d deep: name parts of it with := in a block", maxChained)
	}
	c.deepest = max(c.deepest, c.depth)
	defer func() { c.depth-- }()
	if n.focus != "" {
		return nil, faultf(n.line, "@$%s must be followed by a step, as in a@$%s.b", n.focus, n.focus)
	}
	code, err := c.kind(n)
	if err != nil || n.kind == kindPath || !n.unfinished() {
		return code, err
	}
	return c.attached(n, code)
}

// unfinished tells whether the predicates and the group of an expression must see
// the sequence that it makes, even if that has one element or none.
func (n *node) unfinished() bool { return len(n.predicates) > 0 || n.group != nil }

func (c *compiler) attached(n *node, code evaluation) (evaluation, error) {
	vars := carriedBy(n)
	filters, err := c.filters(n.predicates, vars)
	if err != nil {
		return nil, err
	}
	var group *grouping
	if n.group != nil {
		if group, err = c.grouping(n.group, vars); err != nil {
			return nil, err
		}
	}
	line, keep := n.line, n.keep
	return func(st *state, f frame, context any) (any, error) {
		v, err := code(st, f, context)
		if err != nil {
			return nil, err
		}
		if v, err = filters.apply(st, f, v); err == nil && group != nil {
			v, err = group.apply(st, f, v)
		}
		if err != nil || group != nil {
			return v, at(line, err)
		}
		return finish(v, keep), nil
	}, nil
}

// finish is settle for an expression that may have the [] suffix.
func finish(v any, keep bool) any {
	if a, ok := v.(*array); ok && keep && a.sequence {
		a.keep = true
	}
	return settle(v)
}

func (c *compiler) kind(n *node) (evaluation, error) {
	switch n.kind {
	case kindString:
		return constant(n.text), nil
	case kindNumber, kindLiteral:
		return constant(n.value), nil
	case kindRegex:
		return c.regex(n)
	case kindVariable:
		return c.variable(n), nil
	case kindParent:
		return c.reference(n.slot.label), nil
	case kindName, kindWildcard, kindDescendants:
		return c.lookup(n), nil
	case kindPath:
		return c.path(n)
	case kindNegate:
		return c.negate(n)
	case kindArray:
		return c.array(n)
	case kindObject:
		return c.object(n)
	case kindBinary:
		return c.binary(n)
	case kindCall:
		return c.call(n, nil)
	case kindPartial:
		return c.partial(n)
	case kindLambda:
		return c.function(n)
	case kindApply:
		return c.apply(n)
	case kindBlock:
		return c.block(n)
	case kindCondition:
		return c.condition(n)
	case kindCoalesce, kindDefault:
		return c.alternative(n)
	case kindBind:
		return c.bind(n)
	case kindTransform:
		return c.transform(n)
	}
	return nil, faultf(n.line, "unexpected %s", n.text)
}

func (c *compiler) regex(n *node) (evaluation, error) {
	re, err := newRegex(n.text, n.flags)
	if err != nil {
		return nil, at(n.line, err)
	}
	if c.regexes += re.cost; c.regexes > maxRegexes {
		return nil, faultf(n.line, "the regular expressions of the template are too large together: name one with := and use it again")
	}
	return constant(re), nil
}

// unwrap is what $ gives: the context, without the wrapper round an input that is a
// list.
func unwrap(v any) any {
	if list, ok := v.(*array); ok {
		if list.root {
			return list.items[0]
		}
		return settle(list)
	}
	return v
}

func (c *compiler) variable(n *node) evaluation {
	if n.text == "" {
		return func(_ *state, _ frame, context any) (any, error) { return unwrap(context), nil }
	}
	return c.reference(n.text)
}

// lookup compiles a name, * or ** that is not a step of a path or has predicates of
// its own.
func (c *compiler) lookup(n *node) evaluation {
	run, name := wildcard, n.text
	switch n.kind {
	case kindDescendants:
		run = descendants
	case kindName:
		run = func(st *state, v any) (any, error) { return lookup(st, v, name, 0) }
	}
	unfinished, keep := n.unfinished(), n.keep
	return operation(n.line, func(st *state, args []any) (any, error) {
		v, err := run(st, args[0])
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}, contextOf)
}

func (c *compiler) negate(n *node) (evaluation, error) {
	code, err := c.expression(n.left)
	if err != nil {
		return nil, err
	}
	return operation(n.line, negate, code), nil
}

// withoutBinding compiles something in which an assignment is refused.
func (c *compiler) withoutBinding(compile func() error) error {
	before := c.noBinding
	c.noBinding = true
	err := compile()
	c.noBinding = before
	return err
}

func (c *compiler) array(n *node) (code evaluation, err error) {
	var codes []evaluation
	if err := c.withoutBinding(func() (err error) {
		codes, err = c.each(n.list)
		return err
	}); err != nil {
		return nil, err
	}
	whole := make([]bool, len(n.list)) // a list within a list stays one element
	for i, item := range n.list {
		whole[i] = item.kind == kindArray
	}
	built := n.built
	return operation(n.line, func(st *state, args []any) (any, error) {
		return makeArray(st, args, whole, built)
	}, codes...), nil
}

func (c *compiler) object(n *node) (evaluation, error) {
	group, err := c.grouping(n, nil)
	if err != nil {
		return nil, err
	}
	line := n.line
	return func(st *state, f frame, context any) (any, error) {
		v, err := group.apply(st, f, context)
		return v, at(line, err)
	}, nil
}

func (c *compiler) binary(n *node) (evaluation, error) {
	codes, err := c.each([]*node{n.left, n.right})
	if err != nil {
		return nil, err
	}
	switch n.text {
	case "and":
		return choice(truthOf(n.line, codes[0]), truthOf(n.line, codes[1]), constant(false)), nil
	case "or":
		return choice(truthOf(n.line, codes[0]), constant(true), truthOf(n.line, codes[1])), nil
	}
	if n.text == "&" || n.text == "in" {
		return lightOperation(n.line, binary[n.text], codes...), nil
	}
	return operation(n.line, binary[n.text], codes...), nil
}

func truthOf(line int, code evaluation) evaluation {
	return operation(line, func(st *state, args []any) (any, error) { return truth(st, args[0]) }, code)
}

// choice evaluates one of two expressions, by a test that gives a boolean.
func choice(test, yes, no evaluation) evaluation {
	return func(st *state, f frame, context any) (any, error) {
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

// block compiles (a; b; c), a scope of its own.
func (c *compiler) block(n *node) (evaluation, error) {
	noBinding := c.noBinding
	c.noBinding = false
	c.open(c.scope.plan, nil, n.list...)
	statements := make([]evaluation, len(n.list))
	var err error
	for i, statement := range n.list {
		if i < len(n.list)-1 {
			statements[i], err = c.expression(statement)
		} else {
			statements[i], err = c.settled(statement)
		}
		if err != nil {
			return nil, err
		}
		c.markSet(statement)
	}
	locals := c.scope.locals
	c.close()
	c.noBinding = noBinding
	units := len(statements)/4 + len(locals)
	return func(st *state, f frame, context any) (v any, err error) {
		if err := st.spend(units); err != nil {
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

// markSet notes what a statement of a block has surely assigned to.
func (c *compiler) markSet(statement *node) {
	for n := statement; n.kind == kindBind; n = n.right {
		c.scope.variables[n.left.text].set = true
	}
}

func (c *compiler) condition(n *node) (evaluation, error) {
	test, err := c.expression(n.left)
	if err != nil {
		return nil, err
	}
	branches := []evaluation{constant(nil), constant(nil)}
	for i, branch := range n.list {
		if branches[i], err = c.settled(branch); err != nil {
			return nil, err
		}
	}
	return choice(truthOf(n.line, test), branches[0], branches[1]), nil
}

// alternative compiles a ?? b and a ?: b.
func (c *compiler) alternative(n *node) (evaluation, error) {
	left, err := c.expression(n.left)
	if err != nil {
		return nil, err
	}
	right, err := c.expression(n.right)
	if err != nil {
		return nil, err
	}
	line, use := n.line, func(_ *state, v any) (bool, error) { return v != nil, nil }
	if n.kind == kindDefault {
		use = truth
	}
	return func(st *state, f frame, context any) (any, error) {
		v, err := left(st, f, context)
		if err != nil {
			return nil, err
		}
		if err := st.spend(1); err != nil {
			return nil, at(line, err)
		}
		result := settle(v)
		if call, ok := v.(*tailCall); ok {
			if result, err = call.finish(st); err != nil {
				return nil, err
			}
			v = settle(result)
		}
		yes, err := use(st, v)
		if err != nil {
			return nil, at(line, err)
		}
		if yes {
			return result, nil
		}
		v, err = right(st, f, context)
		return settle(v), err
	}, nil
}

// settled compiles a part whose result is passed on by an expression of another kind.
// What a callback of $map or the like collected may still be a sequence within a
// sequence; each expression that passes it on settles one of them.
func (c *compiler) settled(n *node) (evaluation, error) {
	code, err := c.expression(n)
	if err != nil || !n.mayNestSequences() {
		return code, err
	}
	return func(st *state, f frame, context any) (any, error) {
		v, err := code(st, f, context)
		return settle(v), err
	}, nil
}

// mayNestSequences is false for expressions that surely give no sequence that is
// still to be settled.
func (n *node) mayNestSequences() bool {
	switch n.kind {
	case kindCall, kindApply, kindCondition, kindBlock, kindCoalesce, kindDefault, kindBind, kindParent:
		return !n.tail
	case kindPath:
		for _, step := range n.list {
			if step.kind != kindName && step.kind != kindObject {
				return true
			}
		}
	}
	return n.unfinished()
}

// bind compiles an assignment. In a list or an object it is refused, because the
// reference keeps the variables of the elements apart in ways of its own, and in a
// sort, because the last value would depend on the order of the comparisons.
func (c *compiler) bind(n *node) (evaluation, error) {
	if c.noBinding {
		return nil, faultf(n.line, "$%s := … cannot stand directly within a list, an object or a sort. Put it in a block of its own: ($%s := …; …)", n.left.text, n.left.text)
	}
	value, err := c.settled(n.right)
	if err != nil {
		return nil, err
	}
	variable := c.scope.variables[n.left.text]
	return func(st *state, f frame, context any) (any, error) {
		v, err := value(st, f, context)
		variable.assign(f, v)
		return v, err
	}, nil
}
