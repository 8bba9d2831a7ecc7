package regex

import (
	"errors"
	"fmt"
	"unicode/utf16"

	"commerce-segment/shared/jsonata/value"
)

func (r *Regex) Arity() int { return 1 }

// Apply finds the first match in a text: an object that leads to the next.
func (r *Regex) Apply(st *value.State, args []any, _ any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("a regular expression needs a text to search")
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a regular expression searches strings, not %s", value.Describe(args[0]))
	}
	f, err := r.Search(st, s)
	if err != nil {
		return nil, err
	}
	at, err := f.First(st)
	if err != nil || at == nil {
		return nil, err
	}
	return f.Object(st, at)
}

// Search begins a search.
func (r *Regex) Search(st *value.State, s string) (*Found, error) {
	return &Found{regex: r, Text: s}, st.Spend(10)
}

// Found is the matches of a regular expression in a text. A match is the byte
// offsets of it and of its groups, -1 for a group that took no part.
type Found struct {
	regex *Regex
	Text  string
	units int // the offset in UTF-16 units ...
	bytes int // ... of this byte
}

// First gives the first match; nil if there is none.
func (f *Found) First(st *value.State) ([]int, error) { return f.regex.find(st, f.Text, 0) }

// next gives the match after another; nil if there is none. One that is empty
// would be found for ever, so it is an error, as in the reference.
func (f *Found) next(st *value.State, at []int) ([]int, error) {
	if at[1] >= len(f.Text) {
		return nil, nil
	}
	next, err := f.regex.find(st, f.Text, at[1])
	if err == nil && next != nil && next[0] == next[1] {
		return nil, errors.New("the regular expression matches nothing at all, which would go on for ever: use + instead of *")
	}
	return next, err
}

// Each goes through the matches, at most limit of them, and says how many they were.
func (f *Found) Each(st *value.State, limit float64, do func(at []int) error) (int, error) {
	n := 0
	at, err := f.First(st)
	for ; at != nil && err == nil && float64(n) < limit; n++ {
		if err := do(at); err != nil {
			return 0, err
		}
		at, err = f.next(st, at)
	}
	return n, err
}

// Group gives what a group of a match holds; undefined if it took no part.
func (f *Found) Group(at []int, n int) any {
	if at[2*n] < 0 {
		return nil
	}
	return f.Text[at[2*n]:at[2*n+1]]
}

func (f *Found) Groups(st *value.State, at []int) (*value.Array, error) {
	n := len(at)/2 - 1
	if err := st.Collect(2 + n); err != nil {
		return nil, err
	}
	groups := make([]any, n)
	for i := range groups {
		groups[i] = f.Group(at, i+1)
	}
	return value.NewList(groups), nil
}

// Object makes the object for a match.
func (f *Found) Object(st *value.State, at []int) (any, error) {
	groups, err := f.Groups(st, at)
	if err != nil {
		return nil, err
	}
	o, err := f.Describe(st, at, "start", groups)
	if err != nil {
		return nil, err
	}
	end, err := f.offset(st, at[1])
	if err != nil {
		return nil, err
	}
	o.Set("end", end)
	o.Set("groups", groups)
	o.Set("next", nextMatch{f, at})
	return o, nil
}

// Describe begins the object for a match.
func (f *Found) Describe(st *value.State, at []int, startName string, groups *value.Array) (*value.Object, error) {
	if err := st.Build(5); err != nil {
		return nil, err
	}
	start, err := f.offset(st, at[0])
	if err != nil {
		return nil, err
	}
	o := value.NewObject(5)
	o.Set("match", f.Text[at[0]:at[1]])
	o.Set(startName, start)
	return o, nil
}

// offset is an offset as JavaScript counts. Offsets are mostly asked for in rising
// order.
func (f *Found) offset(st *value.State, byteOffset int) (float64, error) {
	if byteOffset < f.bytes {
		f.units, f.bytes = 0, 0
	}
	between := f.Text[f.bytes:byteOffset]
	if err := st.Spend(len(between) / 64); err != nil {
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
	found *Found
	at    []int
}

// Unlisted keeps it out of the JSON of a match.
func (n nextMatch) Unlisted() {}

func (n nextMatch) Arity() int { return 0 }

func (n nextMatch) Apply(st *value.State, _ []any, _ any) (any, error) {
	at, err := n.found.next(st, n.at)
	if err != nil || at == nil {
		return nil, err
	}
	return n.found.Object(st, at)
}
