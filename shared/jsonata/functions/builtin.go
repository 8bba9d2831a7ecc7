package functions

import (
	"fmt"

	"commerce-segment/shared/jsonata/value"
)

// Builtin is a function of the library, or of ours.
type Builtin struct {
	Name      string
	signature *Signature
	Params    int
	pays      bool // for looking at its arguments, itself
	run       func(st *value.State, args []any) (any, error)
}

func (b *Builtin) Arity() int { return b.Params }

func (b *Builtin) Apply(st *value.State, args []any, context any) (any, error) {
	args, err := b.signature.Apply(st, b.Name, args, context)
	if err != nil {
		return nil, err
	}
	return b.call(st, args)
}

// ApplyExactly calls it without completing the arguments, as the reference does
// for a partial application.
func (b *Builtin) ApplyExactly(st *value.State, args []any) (any, error) {
	for i, p := range b.signature.params {
		if i < len(args) && !p.acceptsExactly(args[i]) {
			return nil, fmt.Errorf("argument %d of %s, which is applied partially, cannot be %s: write a function(…){…} that converts it", i+1, b.Name, value.Describe(args[i]))
		}
	}
	return b.call(st, args)
}

func (b *Builtin) call(st *value.State, args []any) (any, error) {
	for len(args) < max(b.Params, len(b.signature.params)) {
		args = append(args, nil)
	}
	if !b.pays {
		if err := st.Touch(args); err != nil {
			return nil, err
		}
	}
	if err := st.Nest(builtinNesting); err != nil {
		return nil, err
	}
	v, err := b.run(st, args)
	st.Depth -= builtinNesting
	return v, err
}

// builtinNesting is what a built-in counts for in the limit on depth. It counts,
// because a callback may call it again at its end, when the callback itself no
// longer does.
const builtinNesting = 2
