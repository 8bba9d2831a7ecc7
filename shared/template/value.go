package template

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

// nullValue is the type of null.
type nullValue struct{}

var null = nullValue{}

// whole is a whole number beyond 2^53. It reckons as a float64 and is written as
// it was read, so that an identifier keeps its digits.
type whole struct {
	approx float64
	digits string
}

// array is a list. The flags are those of the JSONata reference implementation,
// whose flattening rules depend on how a list came about.
type array struct {
	items []any
	// sequence: made by a path or a function that collects results. One element
	// alone stands for itself, none for undefined.
	sequence bool
	// keep: a sequence that stays a list even with one element (the [] suffix).
	keep bool
	// built: made by [...] at an end of a path; the path does not flatten it.
	built bool
	// root: the wrapper round an input that is itself a list.
	root bool
	// tuples: the items are *tuple, see tuple.go.
	tuples bool
	// room is where $append may write what comes next; most lists have none.
	room *spare
}

func newSequence(items ...any) *array { return &array{items: items, sequence: true} }

func newList(items []any) *array { return &array{items: items} }

// settle is what a finished expression does with a sequence: none is undefined,
// one is itself.
func settle(v any) any {
	a, ok := v.(*array)
	if !ok || !a.sequence || a.tuples {
		return v
	}
	switch {
	case len(a.items) == 0:
		return nil
	case len(a.items) == 1 && !a.keep:
		return a.items[0]
	}
	return a
}

// elements gives the elements of a list, or the value itself as the only one.
func elements(v any) []any {
	if a, ok := v.(*array); ok {
		return a.items
	}
	return []any{v}
}

// object is a JSON object.
type object struct {
	fields map[string]any
	// order has the keys as they were written. It is nil for an object that was
	// read from a Go map: such an object lists its keys alphabetically.
	order []string
}

func newObject(size int) *object {
	return &object{fields: make(map[string]any, size), order: make([]string, 0, size)}
}

func (o *object) get(key string) any { return o.fields[key] }

func (o *object) set(key string, v any) {
	if _, ok := o.fields[key]; !ok && o.order != nil {
		o.order = append(o.order, key)
	}
	o.fields[key] = v
}

// remove takes fields away.
func (o *object) remove(keys []string) {
	before := len(o.fields)
	for _, key := range keys {
		delete(o.fields, key)
	}
	if o.order == nil || len(o.fields) == before {
		return
	}
	kept := make([]string, 0, len(o.fields))
	for _, key := range o.order {
		if _, ok := o.fields[key]; ok {
			kept = append(kept, key)
		}
	}
	o.order = kept
}

// keys lists the keys in JavaScript's order, which is the reference's: those that
// look like list indexes first, by value, the others as they were written.
func (o *object) keys() []string {
	keys := o.order
	if keys == nil {
		keys = make([]string, 0, len(o.fields))
		for k := range o.fields {
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

// number gives the value of a number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case whole:
		return v.approx, true
	}
	return 0, false
}

// truth is the boolean that a value stands for; undefined counts as false.
func truth(st *state, v any) (bool, error) { return truthAt(st, v, 0) }

func truthAt(st *state, v any, level int) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		return v != "", nil
	case float64:
		return v != 0, nil
	case whole:
		return true, nil
	case *object:
		return len(v.fields) > 0, nil
	case *array:
		if err := st.descend(level, len(v.items)); err != nil {
			return false, err
		}
		for _, item := range v.items {
			if yes, err := truthAt(st, item, level+1); yes || err != nil {
				return yes, err
			}
		}
	}
	return false, nil
}

// equal compares two values as = does, by content.
func equal(st *state, a, b any) (bool, error) { return equalAt(st, a, b, 0) }

func equalAt(st *state, a, b any, level int) (bool, error) {
	switch a := a.(type) {
	case *array:
		b, ok := b.(*array)
		if !ok || len(a.items) != len(b.items) {
			return false, nil
		}
		if a == b {
			return true, nil
		}
		return equalItems(st, a.items, b.items, level)
	case *object:
		b, ok := b.(*object)
		if !ok || len(a.fields) != len(b.fields) {
			return false, nil
		}
		if a == b {
			return true, nil
		}
		return equalFields(st, a, b, level)
	}
	return same(st, a, b)
}

func equalItems(st *state, a, b []any, level int) (bool, error) {
	if err := st.descend(level, len(a)); err != nil {
		return false, err
	}
	for i := range a {
		if yes, err := equalAt(st, a[i], b[i], level+1); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

func equalFields(st *state, a, b *object, level int) (bool, error) {
	if err := st.descend(level, len(a.fields)); err != nil {
		return false, err
	}
	for k, v := range a.fields {
		other, ok := b.fields[k]
		if !ok {
			return false, nil
		}
		if yes, err := equalAt(st, v, other, level+1); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

// same compares two values that are not both lists or both objects: simple values
// by content, everything else by identity.
func same(st *state, a, b any) (bool, error) {
	s, sOK := a.(string)
	t, tOK := b.(string)
	if sOK && tOK {
		if len(s) != len(t) {
			return false, nil
		}
		return s == t, st.spend(len(s) / 64)
	}
	x, xOK := a.(whole)
	y, yOK := b.(whole)
	if xOK && yOK {
		return x.digits == y.digits, nil
	}
	m, mOK := number(a)
	n, nOK := number(b)
	if mOK || nOK {
		return mOK && nOK && m == n, nil
	}
	return a == b, nil
}

// hashSeed differs from process to process, so that no input can be made whose values
// have the same hash.
var hashSeed = maphash.MakeSeed()

// hashOf gives the same number for values that are equal, and another for most others.
func hashOf(st *state, v any, level int) (uint64, error) {
	if f, ok := number(v); ok {
		return maphash.Comparable(hashSeed, f+0), st.spend(1)
	}
	switch v := v.(type) {
	case string:
		return maphash.String(hashSeed, v), st.spend(1 + len(v)/64)
	case bool:
		return maphash.Comparable(hashSeed, v), st.spend(1)
	case *array:
		if err := st.descend(level, len(v.items)); err != nil {
			return 0, err
		}
		all := maphash.Comparable(hashSeed, len(v.items))
		for _, item := range v.items {
			hash, err := hashOf(st, item, level+1)
			if err != nil {
				return 0, err
			}
			all = maphash.Comparable(hashSeed, [2]uint64{all, hash})
		}
		return all, nil
	case *object:
		if err := st.descend(level, len(v.fields)); err != nil {
			return 0, err
		}
		all := uint64(len(v.fields)) // the order of the fields is of no matter
		for key, field := range v.fields {
			hash, err := hashOf(st, field, level+1)
			if err != nil {
				return 0, err
			}
			all += maphash.Comparable(hashSeed, [2]uint64{maphash.String(hashSeed, key), hash})
		}
		return all, nil
	}
	return uint64(letter(v)), st.spend(1)
}

// lessString orders strings by their UTF-16 code units, as JavaScript does. Bytes
// give the same order except for characters beyond the Basic Multilingual Plane:
// UTF-16 writes them with surrogates, which come before U+E000 to U+FFFF.
func lessString(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) {
		return len(a) < len(b)
	}
	x, y := a[i], b[i]
	if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
		return x >= 0xF0
	}
	return x < y
}
