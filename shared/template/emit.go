package template

import (
	"fmt"
	"slices"
	"strconv"
)

// emitter writes the program that the library's evaluator runs: JSONata again, but
// only literals, variables, assignments, conditionals, blocks, lambdas and calls.
// Everything else has become the call of an operation (see operation.go), because
// the library gets it wrong in some case:
//
//	order.items[0].sku & "!"   ->   $o2($s, $o1($s, $c), "!")
//
// $s is the state of the evaluation, $c the context; both are ordinary variables.
// A part that needs another context is a lambda whose parameter is $c. Operations in
// one another are one operation wherever that makes no difference (see emitted), and so
// the example is $o1($s, $c).
type emitter struct {
	operations map[string]any // by name; also holds constants
	variables  map[string]string
	read       map[string]bool // the variables that the program reads from the library
	depth      int
	deepest    int
	cheap      int  // expressions since the last lambda that no operation pays for
	atRoot     bool // the context is the input
	regexes    int  // the size of all regular expressions
	noBinding  bool // an assignment here would be lost: see bind
	// pending is how many assignments to a variable are still to come.
	pending map[string]int
}

// newEmitter is for a template with so many assignments to each variable.
func newEmitter(assignments map[string]int) *emitter {
	e := &emitter{operations: map[string]any{}, variables: map[string]string{}, read: map[string]bool{}, pending: map[string]int{}, atRoot: true}
	for name, count := range assignments {
		e.pending[e.variable(name)] = count
	}
	return e
}

// maxEmitted bounds how deep the expressions of a template nest once chains of
// operators are counted too.
const maxEmitted = 2 * maxSourceNesting

// variable gives the name that a variable of the template has in the program.
func (e *emitter) variable(name string) string {
	v, ok := e.variables[name]
	if !ok {
		v = "v" + strconv.Itoa(len(e.variables))
		e.variables[name] = v
	}
	return "$" + v
}

// register gives a Go function or a constant a name in the program.
func (e *emitter) register(v any) string {
	name := "o" + strconv.Itoa(len(e.operations))
	e.operations[name] = v
	return "$" + name
}

// part emits a part that is evaluated in another context. vars are variables of
// the template that it gets as further parameters.
func (e *emitter) part(vars []string, body func() (*emitted, error)) (*emitted, error) {
	cheap, atRoot, noBinding := e.cheap, e.atRoot, e.noBinding
	e.cheap, e.atRoot, e.noBinding = 0, false, true
	params := []string{"$c"}
	for _, v := range vars {
		params = append(params, e.variable(v))
	}
	code, err := body()
	if err != nil {
		return nil, err
	}
	code = e.pay(code)
	e.cheap, e.atRoot, e.noBinding = cheap, atRoot, noBinding
	return partOf(params, code), nil
}

// pay makes a body that has many expressions but few operations cost fuel.
func (e *emitter) pay(code *emitted) *emitted {
	if e.cheap < 20 {
		return code
	}
	units := e.cheap
	return compound(formSequence, callOf(0, func(st *state, _ []any) (any, error) { return nil, st.spend(units) }), code)
}

func (e *emitter) in(n *node, vars ...string) (*emitted, error) {
	return e.part(vars, func() (*emitted, error) { return e.expression(n) })
}

// lambda makes of a body what may be called after the expression that it stands in
// is done. It is native if the variables that it sees have their values for good when
// it is made. Else, as where it calls itself, the library keeps it in the scope that
// it stands in.
func (e *emitter) lambda(params []string, body *emitted) *emitted {
	if body.native {
		if p := plan(params, body); !slices.ContainsFunc(p.captures, e.isPending) {
			return lambdaOf(p)
		}
	}
	return textOnly(lambdaText(params, e.program(body)))
}

func (e *emitter) isPending(variable string) bool { return e.pending[variable] > 0 }

// context is the variable that has the current context.
func (e *emitter) context() *emitted {
	if e.atRoot {
		return variableOf("$root")
	}
	return variableOf("$c")
}

// each emits several expressions.
func (e *emitter) each(nodes []*node) ([]*emitted, error) {
	codes := make([]*emitted, len(nodes))
	for i, n := range nodes {
		code, err := e.expression(n)
		if err != nil {
			return nil, err
		}
		codes[i] = code
	}
	return codes, nil
}

// expression emits an expression with what is attached to it: its predicates and
// its group.
func (e *emitter) expression(n *node) (*emitted, error) {
	if e.depth++; e.depth > maxEmitted {
		return nil, faultf(n.line, "expressions are nested more than %d deep: name parts of it with := in a block", maxEmitted)
	}
	e.deepest = max(e.deepest, e.depth)
	e.cheap++
	defer func() { e.depth-- }()
	if n.focus != "" {
		return nil, faultf(n.line, "@$%s must be followed by a step, as in a@$%s.b", n.focus, n.focus)
	}
	code, err := e.kind(n)
	if err != nil || n.kind == kindPath || (len(n.predicates) == 0 && n.group == nil) {
		return code, err
	}
	return e.attached(n, code)
}

// unfinished tells whether the predicates and the group of an expression must see
// the sequence that it makes, even if that has one element or none.
func (n *node) unfinished() bool { return len(n.predicates) > 0 || n.group != nil }

func (e *emitter) attached(n *node, code *emitted) (*emitted, error) {
	args, vars := []*emitted{code}, carriedBy(n)
	filters, lambdas, err := e.filters(n.predicates, vars)
	if err != nil {
		return nil, err
	}
	args = append(args, lambdas...)
	var group *grouping
	if n.group != nil {
		g, lambdas, err := e.grouping(n.group, vars)
		if err != nil {
			return nil, err
		}
		group, args = g, append(args, lambdas...)
	}
	keep := n.keep
	return callOf(n.line, func(st *state, args []any) (any, error) {
		v, rest, err := filters.apply(st, args[0], args[1:])
		if err != nil {
			return nil, err
		}
		if group != nil {
			return group.apply(st, v, rest)
		}
		return finish(v, keep), nil
	}, args...), nil
}

// finish is settle for an expression that may have the [] suffix.
func finish(v any, keep bool) any {
	if a, ok := v.(*array); ok && keep && a.sequence {
		a.keep = true
	}
	return settle(v)
}

func (e *emitter) kind(n *node) (*emitted, error) {
	switch n.kind {
	case kindString:
		return constantOf(n.text), nil
	case kindNumber, kindLiteral:
		return constantOf(n.value), nil
	case kindRegex:
		re, err := newRegex(n.text, n.flags)
		if err != nil {
			return nil, at(n.line, err)
		}
		if e.regexes += re.cost; e.regexes > maxRegexes {
			return nil, faultf(n.line, "the regular expressions of the template are too large together: name one with := and use it again")
		}
		return constantOf(re), nil
	case kindVariable:
		return e.variableNode(n), nil
	case kindParent:
		return variableOf(e.variable(n.slot.label)), nil
	case kindName, kindWildcard, kindDescendants:
		return e.lookup(n), nil
	case kindPath:
		return e.path(n)
	case kindNegate:
		return e.negate(n)
	case kindArray:
		return e.array(n)
	case kindObject:
		return e.object(n)
	case kindBinary:
		return e.binary(n)
	case kindCall:
		return e.call(n, nil)
	case kindPartial:
		return e.partial(n)
	case kindLambda:
		return e.function(n)
	case kindApply:
		return e.apply(n)
	case kindBlock:
		return e.block(n)
	case kindCondition:
		return e.condition(n)
	case kindCoalesce, kindDefault:
		return e.alternative(n)
	case kindBind:
		return e.bind(n)
	case kindTransform:
		return e.transform(n)
	}
	return nil, faultf(n.line, "unexpected %s", n.text)
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

func (e *emitter) variableNode(n *node) *emitted {
	switch {
	case n.text == "" && e.atRoot:
		return variableOf("$input")
	case n.text == "":
		return callOf(n.line, func(_ *state, args []any) (any, error) { return unwrap(args[0]), nil }, e.context())
	}
	return variableOf(e.variable(n.text))
}

// lookup emits a name, * or ** that is not a step of a path or has predicates of
// its own.
func (e *emitter) lookup(n *node) *emitted {
	run, name := wildcard, n.text
	switch n.kind {
	case kindDescendants:
		run = descendants
	case kindName:
		run = func(st *state, v any) (any, error) { return lookup(st, v, name, 0) }
	}
	unfinished, keep := n.unfinished(), n.keep
	return callOf(n.line, func(st *state, args []any) (any, error) {
		v, err := run(st, args[0])
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}, e.context())
}

func (e *emitter) negate(n *node) (*emitted, error) {
	code, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	return callOf(n.line, negate, code), nil
}

func (e *emitter) array(n *node) (*emitted, error) {
	noBinding := e.noBinding
	e.noBinding = true
	codes, err := e.each(n.list)
	e.noBinding = noBinding
	if err != nil {
		return nil, err
	}
	whole := make([]bool, len(n.list)) // a list within a list stays one element
	for i, item := range n.list {
		whole[i] = item.kind == kindArray
	}
	built := n.built
	return callOf(n.line, func(st *state, args []any) (any, error) {
		return makeArray(st, args, whole, built)
	}, codes...), nil
}

func (e *emitter) object(n *node) (*emitted, error) {
	group, lambdas, err := e.grouping(n, nil)
	if err != nil {
		return nil, err
	}
	return callOf(n.line, func(st *state, args []any) (any, error) {
		return group.apply(st, args[0], args[1:])
	}, append([]*emitted{e.context()}, lambdas...)...), nil
}

func (e *emitter) binary(n *node) (*emitted, error) {
	codes, err := e.each([]*node{n.left, n.right})
	if err != nil {
		return nil, err
	}
	switch n.text {
	case "and":
		return compound(formCondition, truthOf(n.line, codes[0]), truthOf(n.line, codes[1]), constantOf(false)), nil
	case "or":
		return compound(formCondition, truthOf(n.line, codes[0]), constantOf(true), truthOf(n.line, codes[1])), nil
	}
	return callOf(n.line, binary[n.text], codes...), nil
}

func truthOf(line int, code *emitted) *emitted {
	return callOf(line, func(st *state, args []any) (any, error) { return truth(st, args[0]) }, code)
}

// call emits the call of a function; before is an argument that comes first.
func (e *emitter) call(n *node, before *emitted) (*emitted, error) {
	fn, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	codes, err := e.each(n.list)
	if err != nil {
		return nil, err
	}
	args := []*emitted{e.context(), fn}
	if before != nil {
		args = append(args, before)
	}
	return callOf(n.line, e.caller(n, before != nil), append(args, codes...)...), nil
}

func (e *emitter) caller(n *node, applied bool) func(st *state, args []any) (any, error) {
	line, keep := n.line, n.keep
	tail, unfinished := n.tail && !applied, n.unfinished()
	name := calledName(n.left)
	return func(st *state, args []any) (any, error) {
		fn, ok := args[1].(function)
		if !ok {
			return nil, notFunction(name, args[1])
		}
		context, args := args[0], slices.Clone(args[2:])
		for i := range args {
			args[i] = pass(args[i])
		}
		if tail {
			return &tailCall{fn: fn, args: args, context: context, line: line}, nil
		}
		v, err := invoke(st, fn, args, context)
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}
}

// calledName is the name to use for what is called, in errors.
func calledName(n *node) string {
	switch {
	case n.kind == kindVariable:
		return "$" + n.text
	case n.kind == kindPath && len(n.list) == 1 && n.list[0].kind == kindName:
		return n.list[0].text
	}
	return ""
}

func (e *emitter) partial(n *node) (*emitted, error) {
	fn, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	codes, open := []*emitted{fn}, []int(nil)
	for i, arg := range n.list {
		if arg.kind == kindPlaceholder {
			open = append(open, i)
			codes = append(codes, constantOf(nil))
			continue
		}
		code, err := e.expression(arg)
		if err != nil {
			return nil, err
		}
		codes = append(codes, code)
	}
	name := calledName(n.left)
	return callOf(n.line, func(st *state, args []any) (any, error) {
		fn, ok := args[0].(function)
		if !ok {
			return nil, notFunction(name, args[0])
		}
		if p, ok := fn.(passed); ok {
			fn = p.fn
		}
		if b, ok := fn.(*builtin); ok && b.params == 0 {
			return nil, fmt.Errorf("%s cannot be applied partially: write a function(…){…} that calls it", b.name)
		}
		return &partial{fn: fn, args: slices.Clone(args[1:]), open: open}, nil
	}, codes...), nil
}

func (e *emitter) function(n *node) (*emitted, error) {
	names := make([]string, len(n.list))
	for i, param := range n.list {
		names[i] = e.variable(param.text)
	}
	cheap, noBinding, depth, deepest := e.cheap, e.noBinding, e.depth, e.deepest
	e.cheap, e.noBinding, e.deepest = 0, false, e.depth
	body, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	lambda := e.lambda(uniqueNames(names), e.pay(body))
	nesting := e.deepest - depth + 1
	e.cheap, e.noBinding, e.deepest = cheap, noBinding, max(deepest, e.deepest)
	signature := n.signature
	return callOf(n.line, func(st *state, args []any) (any, error) {
		if err := st.allocate(bytesPerFunction); err != nil {
			return nil, err
		}
		return &closure{fn: args[0], params: len(names), signature: signature, nesting: nesting}, nil
	}, lambda), nil
}

// uniqueNames renames all but the last of several parameters of one name, which
// the library's parser refuses; the last is the one that counts.
func uniqueNames(names []string) []string {
	unique := make([]string, len(names))
	seen := map[string]bool{}
	for i := len(names) - 1; i >= 0; i-- {
		unique[i] = names[i]
		if seen[names[i]] {
			unique[i] = "$unused" + strconv.Itoa(i)
		}
		seen[names[i]] = true
	}
	return unique
}

func (e *emitter) apply(n *node) (*emitted, error) {
	left, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	if n.right.kind == kindCall {
		call := *n.right
		call.keep, call.predicates, call.group = n.keep, n.predicates, n.group
		return e.call(&call, left)
	}
	right, err := e.expression(n.right)
	if err != nil {
		return nil, err
	}
	unfinished, keep := n.unfinished(), n.keep
	return callOf(n.line, func(st *state, args []any) (any, error) {
		v, err := applyFunction(st, args[0], args[1])
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}, left, right), nil
}

func (e *emitter) block(n *node) (*emitted, error) {
	noBinding := e.noBinding
	e.noBinding = false
	codes, err := e.each(n.list[:max(0, len(n.list)-1)])
	if err == nil && len(n.list) > 0 {
		var last *emitted
		last, err = e.settled(n.list[len(n.list)-1])
		codes = append(codes, last)
	}
	e.noBinding = noBinding
	if err != nil {
		return nil, err
	}
	return sequenceOf(codes...), nil
}

func (e *emitter) condition(n *node) (*emitted, error) {
	condition, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	branches := []*emitted{constantOf(nil), constantOf(nil)}
	for i, branch := range n.list {
		if branches[i], err = e.settled(branch); err != nil {
			return nil, err
		}
	}
	return compound(formCondition, truthOf(n.line, condition), branches[0], branches[1]), nil
}

// alternative emits a ?? b and a ?: b.
func (e *emitter) alternative(n *node) (*emitted, error) {
	left, err := e.expression(n.left)
	if err != nil {
		return nil, err
	}
	right, err := e.later(n.right)
	if err != nil {
		return nil, err
	}
	byTruth := n.kind == kindDefault
	return callOf(n.line, func(st *state, args []any) (any, error) {
		use := args[0] != nil
		if use && byTruth {
			var err error
			if use, err = truth(st, args[0]); err != nil {
				return nil, err
			}
		}
		if use {
			return settle(args[0]), nil
		}
		v, err := enter(st, args[1])
		return settle(v), err
	}, left, right), nil
}

// later emits a part that is evaluated in the same context, but perhaps not at all.
func (e *emitter) later(n *node) (*emitted, error) {
	noBinding := e.noBinding
	e.noBinding = true
	code, err := e.expression(n)
	e.noBinding = noBinding
	if err != nil {
		return nil, err
	}
	return partOf(nil, code), nil
}

// settled emits a part whose result is passed on by an expression of another kind.
// What a callback of $map or the like collected may still be a sequence within a
// sequence; each expression that passes it on settles one of them.
func (e *emitter) settled(n *node) (*emitted, error) {
	code, err := e.expression(n)
	if err != nil || !n.mayNestSequences() {
		return code, err
	}
	return callOf(n.line, func(_ *state, args []any) (any, error) { return settle(args[0]), nil }, code), nil
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

// bind emits an assignment. Where the part has become a lambda the variable would
// be lost at its end, and is refused.
func (e *emitter) bind(n *node) (*emitted, error) {
	if e.noBinding {
		return nil, faultf(n.line, "$%s := … cannot stand directly within a list, an object, a predicate, a sort or after ?? and ?:. Put it in a block of its own: ($%s := …; …)", n.left.text, n.left.text)
	}
	code, err := e.settled(n.right)
	if err != nil {
		return nil, err
	}
	variable := e.variable(n.left.text)
	e.pending[variable]--
	return bindOf(variable, code), nil
}

func (e *emitter) transform(n *node) (*emitted, error) {
	codes := []*emitted{variableOf(e.variable("clone"))}
	depth, deepest := e.depth, e.deepest
	e.deepest = e.depth
	for _, part := range n.list {
		code, err := e.in(part)
		if err != nil {
			return nil, err
		}
		codes = append(codes, e.lambda(code.params, code.inner[0]))
	}
	nesting := e.deepest - depth + 2
	e.deepest = max(deepest, e.deepest)
	line := n.line
	return callOf(n.line, func(st *state, args []any) (any, error) {
		if err := st.allocate(bytesPerFunction); err != nil {
			return nil, err
		}
		t := &transformation{line: line, nesting: nesting, clone: args[0], pattern: args[1], update: args[2]}
		if len(args) == 4 {
			t.remove = args[3]
		}
		return t, nil
	}, codes...), nil
}
