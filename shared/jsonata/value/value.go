// Package value has what expressions work on: the values of JSON and a few more, how they
// are compared, read and written, and what an evaluation may use of time and memory. It
// knows nothing of syntax, and of functions only how to call one.
package value

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"sort"
	"strconv"
)

// The values that templates work on. They are those of JSON and a few more:
//
//	nil          undefined: what a path that leads nowhere gives
//	nullValue    null
//	bool, string
//	float64      any number
//	whole        a whole number that a float64 cannot hold
//	*array       a list, or a sequence (see array)
//	*object      an object whose keys have an order
//	function     a built-in, a lambda, a composition ...

// NullValue is the type of null.
type NullValue struct{}

var Null = NullValue{}

// Whole is a whole number beyond 2^53. It reckons as a float64 and is written as
// it was read, so that an identifier keeps its digits.
type Whole struct {
	Approx float64
	digits string
}

// Array is a list. The flags are those of the JSONata reference implementation,
// whose flattening rules depend on how a list came about.
type Array struct {
	Items []any
	// Sequence: made by a path or a function that collects results. One element
	// alone stands for itself, none for undefined.
	Sequence bool
	// Keep: a sequence that stays a list even with one element (the [] suffix).
	Keep bool
	// Built: made by [...] at an end of a path; the path does not flatten it.
	Built bool
	// Root: the wrapper around an input that is itself a list.
	Root bool
	// Tuples: the items are *tuple, see tuple.go.
	Tuples bool
	// room is where $append may write what comes next; most lists have none.
	room *spare
}

func NewSequence(items ...any) *Array { return &Array{Items: items, Sequence: true} }

func NewList(items []any) *Array { return &Array{Items: items} }

// Settle is what a finished expression does with a sequence: none is undefined,
// one is itself.
func Settle(v any) any {
	a, ok := v.(*Array)
	if !ok || !a.Sequence || a.Tuples {
		return v
	}
	switch {
	case len(a.Items) == 0:
		return nil
	case len(a.Items) == 1 && !a.Keep:
		return a.Items[0]
	}
	return a
}

// Elements gives the elements of a list, or the value itself as the only one.
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

func NewObject(size int) *Object {
	return &Object{Fields: make(map[string]any, size), order: make([]string, 0, size)}
}

func (o *Object) Get(key string) any { return o.Fields[key] }

func (o *Object) Set(key string, v any) {
	if _, ok := o.Fields[key]; !ok && o.order != nil {
		o.order = append(o.order, key)
	}
	o.Fields[key] = v
}

// Remove takes fields away.
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

// Keys lists the keys in JavaScript's order, which is the reference's: those that
// look like list indexes first, by value, the others as they were written.
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

// listIndex tells whether JavaScript sees a key as a list index: a whole number
// below 2^32-1 in its shortest form.
func listIndex(key string) (uint64, bool) {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || (key[0] == '0' && len(key) > 1) {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 64)
	return n, err == nil && n < math.MaxUint32
}

// Truth is the boolean that a value stands for; undefined counts as false.
func Truth(st *State, v any) (bool, error) { return truthAt(st, v, 0) }

func truthAt(st *State, v any, level int) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		return v != "", nil
	case float64:
		return v != 0, nil
	case Whole:
		return true, nil
	case *Object:
		return len(v.Fields) > 0, nil
	case *Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return false, err
		}
		for _, item := range v.Items {
			if yes, err := truthAt(st, item, level+1); yes || err != nil {
				return yes, err
			}
		}
	}
	return false, nil
}

// hashSeed differs from process to process, so that no input can be made whose values
// have the same hash.
var hashSeed = maphash.MakeSeed()

// HashOf gives the same number for values that are equal, and another for most others.
func HashOf(st *State, v any, level int) (uint64, error) {
	if f, ok := Number(v); ok {
		return maphash.Comparable(hashSeed, f+0), st.Spend(1)
	}
	switch v := v.(type) {
	case string:
		return maphash.String(hashSeed, v), st.Spend(1 + len(v)/64)
	case bool:
		return maphash.Comparable(hashSeed, v), st.Spend(1)
	case *Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return 0, err
		}
		all := maphash.Comparable(hashSeed, len(v.Items))
		for _, item := range v.Items {
			hash, err := HashOf(st, item, level+1)
			if err != nil {
				return 0, err
			}
			all = maphash.Comparable(hashSeed, [2]uint64{all, hash})
		}
		return all, nil
	case *Object:
		if err := st.Descend(level, len(v.Fields)); err != nil {
			return 0, err
		}
		all := uint64(len(v.Fields)) // the order of the fields is of no matter
		for key, field := range v.Fields {
			hash, err := HashOf(st, field, level+1)
			if err != nil {
				return 0, err
			}
			all += maphash.Comparable(hashSeed, [2]uint64{maphash.String(hashSeed, key), hash})
		}
		return all, nil
	}
	return uint64(Letter(v)), st.Spend(1)
}
