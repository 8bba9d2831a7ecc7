package evaluate

import "commerce-segment/shared/jsonata/value"

// Run evaluates the expression on an input, with the values of the variables that
// Compile returned.
func (p *Plan) Run(st *value.State, input any, args []any) (any, error) {
	return (&lambda{Plan: p}).enter(st, rootOf(input), args)
}

// rootOf wraps an input that is a list, so that it is one value.
func rootOf(input any) any {
	if _, ok := input.(*value.Array); ok {
		return &value.Array{Items: []any{input}, Sequence: true, Root: true}
	}
	return input
}
