package template

import "fmt"

// function is a value that can be called: a built-in, a lambda, a composition, a
// partial application, a regular expression or a transformation.
type function interface {
	// arity is how many arguments it can use. Higher-order functions such as $map
	// pass the index and the list only to a function that can use them.
	arity() int
	// apply calls it. context stands in for a missing argument where the
	// signature allows that. The result may be a *tailCall.
	apply(st *state, args []any, context any) (any, error)
}

// tailCall is a call that a lambda leaves to whoever called the lambda.
type tailCall struct {
	fn      function
	args    []any
	context any
	// inherits: the context is that of the call before it, as in the reference.
	inherits bool
	line     int
}

// invoke calls a function to the end.
func invoke(st *state, fn function, args []any, context any) (any, error) {
	call := &tailCall{fn: fn, args: args, context: context}
	return call.finish(st)
}

// finish makes the call, and those that it leaves.
func (c *tailCall) finish(st *state) (any, error) {
	for {
		if err := st.spend(costOfCall); err != nil {
			return nil, err
		}
		v, err := c.fn.apply(st, c.args, c.context)
		if err != nil {
			if c.line > 0 {
				err = at(c.line, err)
			}
			return nil, err
		}
		next, ok := v.(*tailCall)
		if !ok {
			return v, nil
		}
		if next.inherits {
			next.context = c.context
		}
		c = next
	}
}

// builtin is a function of the library, or of ours.
type builtin struct {
	name      string
	signature *signature
	params    int
	pays      bool // for looking at its arguments, itself
	run       func(st *state, args []any) (any, error)
}

func (b *builtin) arity() int { return b.params }

func (b *builtin) apply(st *state, args []any, context any) (any, error) {
	args, err := b.signature.apply(st, b.name, args, context)
	if err != nil {
		return nil, err
	}
	return b.call(st, args)
}

// applyExactly calls it without completing the arguments, as the reference does
// for a partial application.
func (b *builtin) applyExactly(st *state, args []any) (any, error) {
	for i, p := range b.signature.params {
		if i < len(args) && !p.acceptsExactly(args[i]) {
			return nil, fmt.Errorf("argument %d of %s, which is applied partially, cannot be %s: write a function(…){…} that converts it", i+1, b.name, describe(args[i]))
		}
	}
	return b.call(st, args)
}

func (b *builtin) call(st *state, args []any) (any, error) {
	for len(args) < max(b.params, len(b.signature.params)) {
		args = append(args, nil)
	}
	if !b.pays {
		if err := st.touch(args); err != nil {
			return nil, err
		}
	}
	if err := st.nest(builtinNesting); err != nil {
		return nil, err
	}
	v, err := b.run(st, args)
	st.depth -= builtinNesting
	return v, err
}

// builtinNesting is what a built-in counts for in the limit on depth. It counts,
// because a callback may call it again at its end, when the callback itself no
// longer does.
const builtinNesting = 2

// closure is a lambda of a template.
type closure struct {
	*lambda
	signature *signature
	nesting   int // of its body, for the limit on depth
}

func (c *closure) arity() int { return len(c.params) }

func (c *closure) apply(st *state, args []any, context any) (any, error) {
	if c.signature != nil {
		var err error
		if args, err = c.signature.apply(st, "the function", args, context); err != nil {
			return nil, err
		}
	}
	return c.call(st, args)
}

func (c *closure) call(st *state, args []any) (any, error) {
	if st.calls++; st.calls > maxCalls {
		return nil, errCalls
	}
	if err := st.nest(c.nesting); err != nil {
		return nil, err
	}
	for i, arg := range args {
		args[i] = settle(arg)
	}
	v, err := c.enter(st, c.context, args)
	st.depth -= c.nesting
	st.calls--
	return v, err
}

// chain is f ~> g.
type chain struct{ first, second function }

func (c *chain) arity() int { return 1 }

func (c *chain) apply(st *state, args []any, _ any) (any, error) {
	if err := st.nest(1); err != nil {
		return nil, err
	}
	v, err := invoke(st, c.first, args[:min(len(args), 1)], null)
	st.depth--
	if err != nil {
		return nil, err
	}
	return &tailCall{fn: c.second, args: []any{settle(v)}, context: null}, nil
}

// partial is f(?, x): fn with some arguments given.
type partial struct {
	fn   function
	args []any
	open []int // the places of the ? in args
}

func (p *partial) arity() int { return len(p.open) }

func (p *partial) apply(st *state, args []any, context any) (any, error) {
	if err := st.spend(len(p.args) / 4); err != nil {
		return nil, err
	}
	all := append([]any(nil), p.args...)
	for i, place := range p.open {
		if i < len(args) {
			all[place] = args[i]
		}
	}
	switch fn := p.fn.(type) {
	case *builtin:
		return fn.applyExactly(st, all)
	case *closure:
		return fn.call(st, all)
	}
	return &tailCall{fn: p.fn, args: all, context: context}, nil
}

// passed is a function that was passed as an argument. Called by its new name it
// no longer sees the context.
type passed struct{ fn function }

func (p passed) arity() int { return p.fn.arity() }

func (p passed) apply(st *state, args []any, _ any) (any, error) {
	return &tailCall{fn: p.fn, args: args, context: null}, nil
}

// pass prepares an argument of a call.
func pass(arg any) any {
	switch fn := arg.(type) {
	case passed:
		return fn
	case function:
		return passed{fn}
	}
	return arg
}

// iteration gives a callback the arguments it can use: the element, its index or
// key, and the whole.
func iteration(fn function, args ...any) []any {
	return args[:max(1, min(fn.arity(), len(args)))]
}
