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

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strconv"
)

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

// Object is a JSON object.
type Object struct {
	Fields map[string]any
	// order has the keys as they were written. It is nil for an object that was
	// read from a Go map: such an object lists its keys alphabetically.
	order []string
}

// NewObject returns an empty object with room for a number of fields.
func NewObject(size int) *Object {
	return &Object{Fields: make(map[string]any, size), order: make([]string, 0, size)}
}

// Get returns the value of a field, which may be undefined.
func (o *Object) Get(key string) any { return o.Fields[key] }

// Set sets the value of a field.
func (o *Object) Set(key string, v any) {
	if _, ok := o.Fields[key]; !ok && o.order != nil {
		o.order = append(o.order, key)
	}
	o.Fields[key] = v
}

// Remove removes fields.
func (o *Object) Remove(keys []string) {
	before := len(o.Fields)
	for _, key := range keys {
		delete(o.Fields, key)
	}
	if o.order == nil || len(o.Fields) == before {
		return
	}
	kept := make([]string, 0, len(o.Fields))
	for _, key := range o.order {
		if _, ok := o.Fields[key]; ok {
			kept = append(kept, key)
		}
	}
	o.order = kept
}

// Keys returns the keys in the order of JavaScript, and so of the reference
// implementation: first those that are array indexes, by value, then the others in the
// order in which they were written.
func (o *Object) Keys() []string {
	keys := o.order
	if keys == nil {
		keys = make([]string, 0, len(o.Fields))
		for k := range o.Fields {
			keys = append(keys, k)
		}
		sort.Strings(keys)
	}
	for _, k := range keys {
		if _, ok := listIndex(k); ok {
			return indexesFirst(keys)
		}
	}
	return keys
}

func indexesFirst(keys []string) []string {
	type index struct {
		key string
		n   uint64
	}
	var indexes []index
	others := make([]string, 0, len(keys))
	for _, k := range keys {
		if n, ok := listIndex(k); ok {
			indexes = append(indexes, index{k, n})
		} else {
			others = append(others, k)
		}
	}
	slices.SortFunc(indexes, func(a, b index) int { return cmp.Compare(a.n, b.n) })
	sorted := make([]string, 0, len(keys))
	for _, i := range indexes {
		sorted = append(sorted, i.key)
	}
	return append(sorted, others...)
}

// listIndex reports whether JavaScript treats a key as an array index: a whole number
// below 2^32-1 in its shortest form.
func listIndex(key string) (uint64, bool) {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || (key[0] == '0' && len(key) > 1) {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 64)
	return n, err == nil && n < math.MaxUint32
}
