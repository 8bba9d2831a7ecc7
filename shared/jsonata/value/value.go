// Package value defines the values that expressions work on, compares, parses and formats
// them, and has the State that limits the time and the memory of an evaluation. It does not
// depend on the syntax or on the functions of the language.
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

// LargeInteger is a whole number beyond 2^53. Operators use its value as a float64. In JSON
// it keeps the digits that were read, so an identifier does not change.
type LargeInteger struct {
	Approx float64 // the nearest float64
	digits string
}

// Array is a list. Its flags are those of the reference implementation, whose
// flattening rules depend on how a list was made.
type Array struct {
	Items []any
	// Sequence is set for the result of a path, and for that of a function that collects
	// results. A sequence with one element equals that element, and an empty sequence
	// equals undefined.
	Sequence bool
	// KeepArray is set for a sequence that stays a list even with one element (the suffix
	// [] in an expression).
	KeepArray bool
	// Constructed is set for [...] at either end of a path. The path does not flatten it.
	Constructed bool
	// Root is set for the wrapper around an input that is a list.
	Root bool
	// Tuples is set if the items are tuples: elements with the variables of a path.
	Tuples bool
	// room is the spare room in which Append can add elements. Most lists have none.
	room *spareRoom
}

// NewSequence returns a sequence of the items.
func NewSequence(items ...any) *Array { return &Array{Items: items, Sequence: true} }

// NewList returns a list that is not a sequence.
func NewList(items []any) *Array { return &Array{Items: items} }

// Collapse returns undefined for an empty sequence, the element of a sequence that has
// one, and any other value as it is.
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
