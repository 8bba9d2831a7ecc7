package value

import "commerce-segment/shared/jsonata/fault"

// Function is a value that can be called: a built-in function, a lambda, a composition,
// a partial application, a regular expression or a transformation.
type Function interface {
	// Arity returns how many arguments the function can use. Higher-order functions such
	// as $map pass the index and the list only to a function that can use them.
	Arity() int
	// Apply calls the function. context replaces a missing argument if the signature
	// allows it. The result may be a *TailCall.
	Apply(st *State, args []any, context any) (any, error)
}

// Unlisted is a function that the JSON of an object leaves out, together with its field.
type Unlisted interface {
	Function
	// Unlisted does nothing. It marks the function.
	Unlisted()
}

// TailCall is a call that a function returns instead of its result. The caller of the
// function makes it.
type TailCall struct {
	Fn      Function
	Args    []any
	Context any
	// InheritContext is set if the context is that of the call before it, as in the
	// reference implementation.
	InheritContext bool
	Line           int
}

// Invoke calls a function and returns its result.
func Invoke(st *State, fn Function, args []any, context any) (any, error) {
	call := &TailCall{Fn: fn, Args: args, Context: context}
	return call.Run(st)
}

// Run makes the call, and the tail calls that it returns, until there is a result.
func (c *TailCall) Run(st *State) (any, error) {
	for {
		if err := st.Spend(CallCost); err != nil {
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
		if next.InheritContext {
			next.Context = c.Context
		}
		c = next
	}
}

// Composition is f ~> g.
type Composition struct{ First, Second Function }

// Arity returns 1.
func (c *Composition) Arity() int { return 1 }

// Apply calls First, then Second with its result.
func (c *Composition) Apply(st *State, args []any, _ any) (any, error) {
	if err := st.Enter(1); err != nil {
		return nil, err
	}
	v, err := Invoke(st, c.First, args[:min(len(args), 1)], Null)
	st.Leave(1)
	if err != nil {
		return nil, err
	}
	return &TailCall{Fn: c.Second, Args: []any{Collapse(v)}, Context: Null}, nil
}

// Passed is a function that was passed as an argument. Under its new name it does not
// receive the context.
type Passed struct{ Fn Function }

// Arity returns the arity of the function.
func (p Passed) Arity() int { return p.Fn.Arity() }

// Apply calls the function without a context.
func (p Passed) Apply(st *State, args []any, _ any) (any, error) {
	return &TailCall{Fn: p.Fn, Args: args, Context: Null}, nil
}

// AsArgument returns the value that a call passes for an argument.
func AsArgument(arg any) any {
	switch fn := arg.(type) {
	case Passed:
		return fn
	case Function:
		return Passed{fn}
	}
	return arg
}
