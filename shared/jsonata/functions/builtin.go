package functions

import (
	"fmt"

	"commerce-segment/shared/jsonata/value"
)

// Builtin is a function that is written in Go.
type Builtin struct {
	Name      string // with the $
	Params    int    // the number of parameters in the reference implementation
	signature *Signature
	charged   charged
	run       func(st *value.State, args []any) (any, error)
}

// charged decides how much of its arguments a function is charged for before it runs.
type charged int

const (
	// The zero value charges for everything in them, at any depth.
	_ charged = iota
	// surface charges for each byte of a text and each element of a list. If the function
	// reads anything inside elements and fields, it must charge for that itself.
	surface
	// nothing charges for nothing. It is for $append: in a loop it must not be charged for
	// the whole list each time.
	nothing
)

// Arity returns the number of arguments that the function can use.
func (b *Builtin) Arity() int { return b.Params }

// Apply completes the arguments by the signature and calls the function.
func (b *Builtin) Apply(st *value.State, args []any, context any) (any, error) {
	args, err := b.signature.Apply(st, b.Name, args, context)
	if err != nil {
		return nil, err
	}
	return b.call(st, args)
}

// ApplyPartial calls the function for a partial application. The signature must accept the
// arguments as they are, as in the reference implementation.
func (b *Builtin) ApplyPartial(st *value.State, args []any) (any, error) {
	for i, p := range b.signature.params {
		if i < len(args) && !p.acceptsExactly(args[i]) {
			return nil, fmt.Errorf("argument %d of %s, which is applied partially, cannot be %s: write a function(…){…} that converts it", i+1, b.Name, value.Describe(args[i]))
		}
	}
	return b.call(st, args)
}

// MaxArgs returns how many arguments a call with given arguments can have after the
// signature completed them.
func (b *Builtin) MaxArgs(given int) int { return max(given, b.Params, len(b.signature.params)) }

func (b *Builtin) call(st *value.State, args []any) (any, error) {
	for len(args) < b.MaxArgs(0) {
		args = append(args, nil)
	}
	if err := b.charge(st, args); err != nil {
		return nil, err
	}
	if err := st.Enter(builtinNesting); err != nil {
		return nil, err
	}
	v, err := b.run(st, args)
	st.Leave(builtinNesting)
	return v, err
}

// charge charges for reading the arguments. Every call of a built-in function calls it.
func (b *Builtin) charge(st *value.State, args []any) error {
	switch b.charged {
	case nothing:
		return nil
	case surface:
		return st.SpendReading(args)
	}
	return st.SpendReadingAll(args)
}

// builtinNesting is what the call of a built-in function adds to the depth. It is needed if
// a callback calls the function again in a tail call, where the callback no longer adds to
// the depth.
const builtinNesting = 2
