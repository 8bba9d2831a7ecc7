// Package value has the values that expressions work on, how they are compared, parsed and
// formatted, and the State that limits the time and the memory of an evaluation. It knows
// no syntax, and no functions of the language.
//
// The values are those of JSON and a few more:
//
//	nil            undefined: the value of a path that leads to nothing
//	NullValue      null
//	bool, string
//	float64        a number
//	LargeInteger   a whole number that a float64 cannot hold
//	*Array         a list, or a sequence
//	*Object        an object, whose keys have an order
//	Function       a built-in function, a lambda, a composition ...
package value

// NullValue is the type of null.
type NullValue struct{}

// Null is null.
var Null = NullValue{}

// LargeInteger is a whole number beyond 2^53. Operators use its value as a float64;
// JSON has the digits that were read, so an identifier does not change.
type LargeInteger struct {
	Approx float64 // the nearest float64
	digits string
}

// Array is a list. Its flags are those of the reference implementation, whose
// flattening rules depend on how a list was made.
type Array struct {
	Items []any
	// Sequence is set for the result of a path, and of a function that collects results:
	// a sequence with one element is that element, an empty one is undefined.
	Sequence bool
	// KeepArray is set for a sequence that stays a list even with one element (the suffix
	// [] in an expression).
	KeepArray bool
	// Constructed is set for [...] at an end of a path, which does not flatten it.
	Constructed bool
	// Root is set for the wrapper around an input that is a list.
	Root bool
	// Tuples is set if the items are elements with the variables of a path.
	Tuples bool
	// room is the room in which Append can add elements; most lists have none.
	room *spareRoom
}

// NewSequence returns a sequence of the items.
func NewSequence(items ...any) *Array { return &Array{Items: items, Sequence: true} }

// NewList returns a list that is not a sequence.
func NewList(items []any) *Array { return &Array{Items: items} }

// Collapse returns the value of a finished expression: undefined for an empty sequence,
// the element of a sequence of one, any other value as it is.
func Collapse(v any) any {
	a, ok := v.(*Array)
	if !ok || !a.Sequence || a.Tuples {
		return v
	}
	switch {
	case len(a.Items) == 0:
		return nil
	case len(a.Items) == 1 && !a.KeepArray:
		return a.Items[0]
	}
	return a
}

// Elements returns the elements of a list, or the value itself as the only one.
func Elements(v any) []any {
	if a, ok := v.(*Array); ok {
		return a.Items
	}
	return []any{v}
}
