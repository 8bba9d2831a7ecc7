package template

import (
	"fmt"
	"slices"
)

// call compiles the call of a function; before is an argument that comes first.
func (c *compiler) call(n *node, before evaluation) (evaluation, error) {
	fn, err := c.expression(n.left)
	if err != nil {
		return nil, err
	}
	args, err := c.each(n.list)
	if err != nil {
		return nil, err
	}
	if before != nil {
		args = slices.Insert(args, 0, before)
	}
	line, name := n.line, calledName(n.left)
	tail, unfinished, keep := n.tail && before == nil, n.unfinished(), n.keep
	return func(st *state, f frame, context any) (any, error) {
		called, err := fn(st, f, context)
		if err != nil {
			return nil, err
		}
		given := make([]any, len(args)) // a function may keep it
		for i, arg := range args {
			v, err := arg(st, f, context)
			if err != nil {
				return nil, err
			}
			given[i] = pass(v)
		}
		if err := st.spendOnCall(called, given); err != nil {
			return nil, at(line, err)
		}
		function, ok := called.(function)
		if !ok {
			return nil, at(line, notFunction(name, called))
		}
		if tail {
			return &tailCall{fn: function, args: given, context: context, inherits: true, line: line}, nil
		}
		v, err := invoke(st, function, given, context)
		if err != nil || unfinished {
			return v, at(line, err)
		}
		return finish(v, keep), nil
	}, nil
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

// partial compiles f(?, x).
func (c *compiler) partial(n *node) (evaluation, error) {
	fn, err := c.expression(n.left)
	if err != nil {
		return nil, err
	}
	codes, open := []evaluation{fn}, []int(nil)
	for i, arg := range n.list {
		if arg.kind == kindPlaceholder {
			open = append(open, i)
			codes = append(codes, constant(nil))
			continue
		}
		code, err := c.expression(arg)
		if err != nil {
			return nil, err
		}
		codes = append(codes, code)
	}
	name := calledName(n.left)
	return operation(n.line, func(st *state, args []any) (any, error) {
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

// function compiles function($a, $b){…}.
func (c *compiler) function(n *node) (evaluation, error) {
	names := make([]string, len(n.list))
	for i, param := range n.list {
		names[i] = param.text
	}
	body, nesting, err := c.lambda(names, n.left)
	if err != nil {
		return nil, err
	}
	line, signature := n.line, n.signature
	return func(st *state, f frame, context any) (any, error) {
		if err := st.allocate(bytesPerFunction); err != nil {
			return nil, at(line, err)
		}
		return &closure{lambda: body.lambda(f, context), signature: signature, nesting: nesting}, nil
	}, nil
}

// lambda compiles the body of a function, and tells how deep its expressions nest.
// Of several parameters with one name the last is in effect.
func (c *compiler) lambda(params []string, body *node) (p *plan, nesting int, err error) {
	noBinding, depth, deepest := c.noBinding, c.depth, c.deepest
	c.noBinding, c.deepest = false, c.depth
	p = &plan{outer: c.scope.plan}
	p.params = c.open(p, params, body)
	if p.body, err = c.expression(body); err != nil {
		return nil, 0, err
	}
	p.locals = c.scope.locals
	c.close()
	nesting = c.deepest - depth + 1
	c.noBinding, c.deepest = noBinding, max(deepest, c.deepest)
	return p, nesting, nil
}

// apply compiles a ~> f.
func (c *compiler) apply(n *node) (evaluation, error) {
	left, err := c.expression(n.left)
	if err != nil {
		return nil, err
	}
	if n.right.kind == kindCall {
		call := *n.right
		call.keep, call.predicates, call.group = n.keep, n.predicates, n.group
		return c.call(&call, left)
	}
	right, err := c.expression(n.right)
	if err != nil {
		return nil, err
	}
	unfinished, keep := n.unfinished(), n.keep
	return operation(n.line, func(st *state, args []any) (any, error) {
		v, err := applyFunction(st, args[0], args[1])
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}, left, right), nil
}

// transform compiles |pattern|update,remove|. Its parts are evaluated when it is
// called, so they are functions.
func (c *compiler) transform(n *node) (evaluation, error) {
	cloner := c.reference("clone")
	plans, nesting := make([]*plan, len(n.list)), 0
	for i, part := range n.list {
		if len(assigned([]*node{part})) > 0 {
			return nil, faultf(n.line, "an assignment := cannot stand directly within a transformation |…|. Put it in a block of its own: ($name := …; …)")
		}
		body, deep, err := c.lambda(nil, part)
		if err != nil {
			return nil, err
		}
		plans[i], nesting = body, max(nesting, deep+1)
	}
	line := n.line
	return func(st *state, f frame, context any) (any, error) {
		if err := st.allocate(bytesPerFunction); err != nil {
			return nil, at(line, err)
		}
		clone, err := cloner(st, f, context)
		if err != nil {
			return nil, at(line, err)
		}
		t := &transformation{line: line, nesting: nesting, clone: clone,
			pattern: plans[0].lambda(f, context), update: plans[1].lambda(f, context)}
		if len(plans) == 3 {
			t.remove = plans[2].lambda(f, context)
		}
		return t, nil
	}, nil
}
