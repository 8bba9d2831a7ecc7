package value

import "commerce-segment/shared/jsonata/fault"

// Function is a value that can be called: a built-in, a lambda, a composition, a
// partial application, a regular expression or a transformation.
type Function interface {
	// Arity is how many arguments it can use. Higher-order functions such as $map
	// pass the index and the list only to a function that can use them.
	Arity() int
	// Apply calls it. context stands in for a missing argument where the
	// signature allows that. The result may be a *tailCall.
	Apply(st *State, args []any, context any) (any, error)
}

// Unlisted is a function that is no part of the JSON of the object that it is a field of.
type Unlisted interface {
	Function
	Unlisted()
}

// TailCall is a call that a lambda leaves to the caller of the lambda.
type TailCall struct {
	Fn      Function
	Args    []any
	Context any
	// Inherits: the context is that of the call before it, as in the reference.
	Inherits bool
	Line     int
}

// Invoke calls a function to the end.
func Invoke(st *State, fn Function, args []any, context any) (any, error) {
	call := &TailCall{Fn: fn, Args: args, Context: context}
	return call.Finish(st)
}

// Finish makes the call, and those that it leaves.
func (c *TailCall) Finish(st *State) (any, error) {
	for {
		if err := st.Spend(CostOfCall); err != nil {
			return nil, err
		}
		v, err := c.Fn.Apply(st, c.Args, c.Context)
		if err != nil {
			if c.Line > 0 {
				err = fault.At(c.Line, err)
			}
			return nil, err
		}
		next, ok := v.(*TailCall)
		if !ok {
			return v, nil
		}
		if next.Inherits {
			next.Context = c.Context
		}
		c = next
	}
}

// Chain is f ~> g.
type Chain struct{ First, Second Function }

func (c *Chain) Arity() int { return 1 }

func (c *Chain) Apply(st *State, args []any, _ any) (any, error) {
	if err := st.Nest(1); err != nil {
		return nil, err
	}
	v, err := Invoke(st, c.First, args[:min(len(args), 1)], Null)
	st.Depth--
	if err != nil {
		return nil, err
	}
	return &TailCall{Fn: c.Second, Args: []any{Settle(v)}, Context: Null}, nil
}

// Passed is a function that was passed as an argument. Called by its new name it
// no longer sees the context.
type Passed struct{ Fn Function }

func (p Passed) Arity() int { return p.Fn.Arity() }

func (p Passed) Apply(st *State, args []any, _ any) (any, error) {
	return &TailCall{Fn: p.Fn, Args: args, Context: Null}, nil
}

// Pass prepares an argument of a call.
func Pass(arg any) any {
	switch fn := arg.(type) {
	case Passed:
		return fn
	case Function:
		return Passed{fn}
	}
	return arg
}

// Iteration gives a callback the arguments it can use: the element, its index or
// key, and the whole.
func Iteration(fn Function, args ...any) []any {
	return args[:max(1, min(fn.Arity(), len(args)))]
}
