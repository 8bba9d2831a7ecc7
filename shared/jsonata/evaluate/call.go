package evaluate

import (
	"fmt"
	"slices"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// call compiles the call of a function. before is an argument that comes first, or nil.
func (c *compiler) call(n *syntax.Node, before evaluation) evaluation {
	fn := c.expression(n.Left)
	args := c.each(n.List)
	if before != nil {
		args = slices.Insert(args, 0, before)
	}
	line := n.Line
	name, isBuiltin := c.calledName(n.Left)
	tail, unfinished, keep := n.Tail && before == nil, n.HasAttachments(), n.KeepArray
	return func(st *value.State, f frame, context any) (any, error) {
		called, err := fn(st, f, context)
		if err != nil {
			return nil, err
		}
		given, room := argumentList(st, called, len(args), tail)
		for i, arg := range args {
			v, err := arg(st, f, context)
			if err != nil {
				return nil, err
			}
			given[i] = value.AsArgument(v)
		}
		if err := chargeCall(st, called, given); err != nil {
			return nil, fault.At(line, err)
		}
		function, ok := called.(value.Function)
		if !ok {
			return nil, fault.At(line, notFunction(name, isBuiltin, called))
		}
		if tail {
			return &value.TailCall{Fn: function, Args: given, Context: context, InheritContext: true, Line: line}, nil
		}
		v, err := value.Invoke(st, function, given, context)
		if err != nil {
			return nil, fault.At(line, err)
		}
		st.Pop(room)
		if unfinished {
			return v, nil
		}
		return finish(v, keep), nil
	}
}

// argumentList returns a list for n arguments of a call. The list is on the stack, where
// it takes room values. For a tail call it is not, and room is 0, because that call is made
// after the lambda has returned.
func argumentList(st *value.State, called any, n int, tail bool) (args []any, room int) {
	if tail {
		return make([]any, n), 0
	}
	room = n
	if b, ok := called.(*functions.Builtin); ok {
		room = b.MaxArgs(n)
	}
	return st.Push(room)[:n], room
}

// chargeCall charges for a call. It does not charge for reading the arguments: a lambda
// does not read them, and a built-in function charges for that itself.
func chargeCall(st *value.State, called any, given []any) error {
	switch called.(type) {
	case *closure, *functions.Builtin:
		return st.Spend(1 + len(given)/4)
	}
	if err := st.Spend(1); err != nil {
		return err
	}
	return st.SpendReading(given)
}

// calledName returns the name of the called function for errors. isBuiltin reports whether
// the name is that of a built-in function, written without its $.
func (c *compiler) calledName(n *syntax.Node) (name string, isBuiltin bool) {
	switch {
	case n.Kind == syntax.KindVariable:
		return "$" + n.Text, false
	case n.Kind == syntax.KindPath && len(n.List) == 1 && n.List[0].Kind == syntax.KindName:
		return n.List[0].Text, c.functions["$"+n.List[0].Text] != nil
	}
	return "", false
}

// partial compiles f(?, x).
func (c *compiler) partial(n *syntax.Node) evaluation {
	fn := c.expression(n.Left)
	codes, open := []evaluation{fn}, []int(nil)
	for i, arg := range n.List {
		if arg.Kind == syntax.KindPlaceholder {
			open = append(open, i)
			codes = append(codes, constant(nil))
			continue
		}
		codes = append(codes, c.expression(arg))
	}
	name, isBuiltin := c.calledName(n.Left)
	return operation(n.Line, func(st *value.State, args []any) (any, error) {
		fn, ok := args[0].(value.Function)
		if !ok {
			return nil, notFunction(name, isBuiltin, args[0])
		}
		if p, ok := fn.(value.Passed); ok {
			fn = p.Fn
		}
		if b, ok := fn.(*functions.Builtin); ok && b.Params == 0 {
			return nil, fmt.Errorf("%s cannot be applied partially: write a function(…){…} that calls it", b.Name)
		}
		return &partial{fn: fn, args: slices.Clone(args[1:]), open: open}, nil
	}, codes...)
}

// function compiles function($a, $b){…}.
func (c *compiler) function(n *syntax.Node) evaluation {
	names := make([]string, len(n.List))
	for i, param := range n.List {
		names[i] = param.Text
	}
	body, nesting := c.lambda(names, n.Left)
	line := n.Line
	var signature *functions.Signature
	if n.Signature != "" {
		var err error
		signature, err = functions.ParseSignature(n.Signature[1 : len(n.Signature)-1])
		fault.Stop(line, err)
	}
	return func(st *value.State, f frame, context any) (any, error) {
		if err := st.Allocate(value.BytesPerFunction); err != nil {
			return nil, fault.At(line, err)
		}
		return &closure{lambda: body.lambda(f, context), signature: signature, nesting: nesting}, nil
	}
}

// lambda compiles the body of a function. It also returns how deep its expressions
// nest. Of several parameters with one name the last is in effect.
func (c *compiler) lambda(params []string, body *syntax.Node) (p *Plan, nesting int) {
	noAssignment, depth, deepest := c.noAssignment, c.depth, c.deepest
	c.noAssignment, c.deepest = false, c.depth
	p = &Plan{outer: c.scope.plan}
	p.params = c.open(p, params, body)
	p.body = c.expression(body)
	p.locals = c.scope.locals
	c.close()
	nesting = c.deepest - depth + 1
	c.noAssignment, c.deepest = noAssignment, max(deepest, c.deepest)
	return p, nesting
}

// apply compiles a ~> f.
func (c *compiler) apply(n *syntax.Node) evaluation {
	left := c.expression(n.Left)
	if n.Right.Kind == syntax.KindCall {
		call := *n.Right
		call.KeepArray, call.Predicates, call.Group = n.KeepArray, n.Predicates, n.Group
		return c.call(&call, left)
	}
	right := c.expression(n.Right)
	unfinished, keep := n.HasAttachments(), n.KeepArray
	return operation(n.Line, func(st *value.State, args []any) (any, error) {
		v, err := applyFunction(st, args[0], args[1])
		if unfinished {
			return v, err
		}
		return finish(v, keep), err
	}, left, right)
}
