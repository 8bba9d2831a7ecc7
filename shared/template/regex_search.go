package template

import (
	"errors"
	"fmt"
	"unicode/utf16"
)

func (r *regex) arity() int { return 1 }

// apply finds the first match in a text: an object that leads to the next.
func (r *regex) apply(st *state, args []any, _ any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("a regular expression needs a text to search")
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a regular expression searches strings, not %s", describe(args[0]))
	}
	f, err := r.search(st, s)
	if err != nil {
		return nil, err
	}
	at, err := f.first(st)
	if err != nil || at == nil {
		return nil, err
	}
	return f.object(st, at)
}

// search begins a search.
func (r *regex) search(st *state, s string) (*found, error) {
	return &found{regex: r, text: s}, st.spend(10)
}

// found is the matches of a regular expression in a text. A match is the byte
// offsets of it and of its groups, -1 for a group that took no part.
type found struct {
	regex *regex
	text  string
	units int // the offset in UTF-16 units ...
	bytes int // ... of this byte
}

// first gives the first match; nil if there is none.
func (f *found) first(st *state) ([]int, error) { return f.regex.find(st, f.text, 0) }

// next gives the match after another; nil if there is none. One that is empty
// would be found for ever, so it is an error, as in the reference.
func (f *found) next(st *state, at []int) ([]int, error) {
	if at[1] >= len(f.text) {
		return nil, nil
	}
	next, err := f.regex.find(st, f.text, at[1])
	if err == nil && next != nil && next[0] == next[1] {
		return nil, errors.New("the regular expression matches nothing at all, which would go on for ever: use + instead of *")
	}
	return next, err
}

// each goes through the matches, at most limit of them, and says how many they were.
func (f *found) each(st *state, limit float64, do func(at []int) error) (int, error) {
	n := 0
	at, err := f.first(st)
	for ; at != nil && err == nil && float64(n) < limit; n++ {
		if err := do(at); err != nil {
			return 0, err
		}
		at, err = f.next(st, at)
	}
	return n, err
}

// group gives what a group of a match holds; undefined if it took no part.
func (f *found) group(at []int, n int) any {
	if at[2*n] < 0 {
		return nil
	}
	return f.text[at[2*n]:at[2*n+1]]
}

func (f *found) groups(st *state, at []int) (*array, error) {
	n := len(at)/2 - 1
	if err := st.collect(2 + n); err != nil {
		return nil, err
	}
	groups := make([]any, n)
	for i := range groups {
		groups[i] = f.group(at, i+1)
	}
	return newList(groups), nil
}

// object makes the object for a match.
func (f *found) object(st *state, at []int) (any, error) {
	groups, err := f.groups(st, at)
	if err != nil {
		return nil, err
	}
	o, err := f.describe(st, at, "start", groups)
	if err != nil {
		return nil, err
	}
	end, err := f.offset(st, at[1])
	if err != nil {
		return nil, err
	}
	o.set("end", end)
	o.set("groups", groups)
	o.set("next", nextMatch{f, at})
	return o, nil
}

// describe begins the object for a match.
func (f *found) describe(st *state, at []int, startName string, groups *array) (*object, error) {
	if err := st.build(5); err != nil {
		return nil, err
	}
	start, err := f.offset(st, at[0])
	if err != nil {
		return nil, err
	}
	o := newObject(5)
	o.set("match", f.text[at[0]:at[1]])
	o.set(startName, start)
	return o, nil
}

// offset is an offset as JavaScript counts. Offsets are mostly asked for in rising
// order.
func (f *found) offset(st *state, byteOffset int) (float64, error) {
	if byteOffset < f.bytes {
		f.units, f.bytes = 0, 0
	}
	between := f.text[f.bytes:byteOffset]
	if err := st.spend(len(between) / 64); err != nil {
		return 0, err
	}
	for _, r := range between {
		f.units += utf16.RuneLen(r)
	}
	f.bytes = byteOffset
	return float64(f.units), nil
}

// nextMatch is the field next of a match: it gives the one after it.
type nextMatch struct {
	found *found
	at    []int
}

func (n nextMatch) arity() int { return 0 }

func (n nextMatch) apply(st *state, _ []any, _ any) (any, error) {
	at, err := n.found.next(st, n.at)
	if err != nil || at == nil {
		return nil, err
	}
	return n.found.object(st, at)
}
