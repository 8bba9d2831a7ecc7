package evaluate

import (
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/value"
)

// closure is a lambda in the source of an expression, with an optional signature.
type closure struct {
	*lambda
	signature *functions.Signature
	nesting   int // how deep the expressions of the body nest, for the limit on depth
}

// Arity returns the number of parameters.
func (c *closure) Arity() int { return len(c.params) }

// Apply calls the lambda with arguments that its signature completes.
func (c *closure) Apply(st *value.State, args []any, context any) (any, error) {
	if c.signature != nil {
		var err error
		if args, err = c.signature.Apply(st, "the function", args, context); err != nil {
			return nil, err
		}
	}
	return c.call(st, args)
}

// call calls the lambda with exactly these arguments.
func (c *closure) call(st *value.State, args []any) (any, error) {
	if err := st.EnterLambda(c.nesting); err != nil {
		return nil, err
	}
	for i, arg := range args {
		args[i] = value.Collapse(arg)
	}
	v, err := c.enter(st, c.context, args)
	st.LeaveLambda(c.nesting)
	return v, err
}

// partial is f(?, x): a function with values for some of its arguments.
type partial struct {
	fn   value.Function
	args []any
	open []int // the indexes of the ? in args
}

// Arity returns the number of open arguments, those written as ?.
func (p *partial) Arity() int { return len(p.open) }

// Apply calls the function with the open arguments filled in.
func (p *partial) Apply(st *value.State, args []any, context any) (any, error) {
	if err := st.Spend(len(p.args) / 4); err != nil {
		return nil, err
	}
	all := append([]any(nil), p.args...)
	for i, place := range p.open {
		if i < len(args) {
			all[place] = args[i]
		}
	}
	switch fn := p.fn.(type) {
	case *functions.Builtin:
		return fn.ApplyPartial(st, all)
	case *closure:
		return fn.call(st, all)
	}
	return &value.TailCall{Fn: p.fn, Args: all, Context: context}, nil
}
