package regex

import (
	"errors"
	"fmt"
	"unicode/utf16"

	"commerce-segment/shared/jsonata/value"
)

// Arity returns 1: the function takes a text.
func (r *Regex) Arity() int { return 1 }

// Apply returns the object of the first match in a text, whose field next leads to the
// next match.
func (r *Regex) Apply(st *value.State, args []any, _ any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("a regular expression needs a text to search")
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a regular expression searches strings, not %s", value.Describe(args[0]))
	}
	search, err := r.Search(st, text)
	if err != nil {
		return nil, err
	}
	at, err := search.First(st)
	if err != nil || at == nil {
		return nil, err
	}
	return search.Object(st, at)
}

// Search starts a search in a text.
func (r *Regex) Search(st *value.State, text string) (*Search, error) {
	return &Search{regex: r, Text: text}, st.Spend(10)
}

// Search finds the matches of a regular expression in a text. A match is a list of byte
// offsets: the beginning and the end of the match, then those of each group. The offsets of
// a group that took no part in the match are -1.
type Search struct {
	regex *Regex
	Text  string
	units int // the offset in UTF-16 units ...
	bytes int // ... of this byte
}

// First returns the first match, or nil.
func (s *Search) First(st *value.State) ([]int, error) { return s.regex.find(st, s.Text, 0) }

// next returns the match after another one, or nil. An empty match would be found again
// without end, so it is an error, as in the reference implementation.
func (s *Search) next(st *value.State, at []int) ([]int, error) {
	if at[1] >= len(s.Text) {
		return nil, nil
	}
	next, err := s.regex.find(st, s.Text, at[1])
	if err == nil && next != nil && next[0] == next[1] {
		return nil, errors.New("the regular expression matches an empty text, so the search would never end: use + instead of *")
	}
	return next, err
}

// Each calls do for each match, at most limit times, and returns the number of calls.
func (s *Search) Each(st *value.State, limit float64, do func(at []int) error) (int, error) {
	n := 0
	at, err := s.First(st)
	for ; at != nil && err == nil && float64(n) < limit; n++ {
		if err := do(at); err != nil {
			return 0, err
		}
		at, err = s.next(st, at)
	}
	return n, err
}

// Group returns the text of a group of a match, which may be undefined.
func (s *Search) Group(at []int, n int) any {
	if at[2*n] < 0 {
		return nil
	}
	return s.Text[at[2*n]:at[2*n+1]]
}

// groups returns the texts of all groups of a match.
func (s *Search) groups(st *value.State, at []int) (*value.Array, error) {
	n := len(at)/2 - 1
	if err := st.AllocateItems(2 + n); err != nil {
		return nil, err
	}
	groups := make([]any, n)
	for i := range groups {
		groups[i] = s.Group(at, i+1)
	}
	return value.NewList(groups), nil
}

// Element returns the object of a match in the result of $match: match, index, groups.
func (s *Search) Element(st *value.State, at []int) (any, error) {
	groups, err := s.groups(st, at)
	if err != nil {
		return nil, err
	}
	o, err := s.object(st, at, "index")
	if err != nil {
		return nil, err
	}
	o.Set("groups", groups)
	return o, nil
}

// Object returns the object of a match for a function: match, start, end, groups, next.
func (s *Search) Object(st *value.State, at []int) (any, error) {
	groups, err := s.groups(st, at)
	if err != nil {
		return nil, err
	}
	o, err := s.object(st, at, "start")
	if err != nil {
		return nil, err
	}
	end, err := s.offset(st, at[1])
	if err != nil {
		return nil, err
	}
	o.Set("end", end)
	o.Set("groups", groups)
	o.Set("next", nextMatch{s, at})
	return o, nil
}

// object returns an object with the text and the start of a match.
func (s *Search) object(st *value.State, at []int, startName string) (*value.Object, error) {
	if err := st.AllocateObject(5); err != nil {
		return nil, err
	}
	start, err := s.offset(st, at[0])
	if err != nil {
		return nil, err
	}
	o := value.NewObject(5)
	o.Set("match", s.Text[at[0]:at[1]])
	o.Set(startName, start)
	return o, nil
}

// offset converts an offset in bytes to one in UTF-16 code units, which JavaScript uses. It
// is fast if each call has a larger offset than the one before.
func (s *Search) offset(st *value.State, byteOffset int) (float64, error) {
	if byteOffset < s.bytes {
		s.units, s.bytes = 0, 0
	}
	between := s.Text[s.bytes:byteOffset]
	if err := st.Spend(len(between) / 64); err != nil {
		return 0, err
	}
	for _, r := range between {
		s.units += utf16.RuneLen(r)
	}
	s.bytes = byteOffset
	return float64(s.units), nil
}

// nextMatch is the function in the field next of a match. It returns the object of the
// next match.
type nextMatch struct {
	search *Search
	at     []int
}

// Unlisted marks the function, so that the JSON of the match leaves it out.
func (n nextMatch) Unlisted() {}

// Arity returns 0.
func (n nextMatch) Arity() int { return 0 }

// Apply returns the object of the next match.
func (n nextMatch) Apply(st *value.State, _ []any, _ any) (any, error) {
	at, err := n.search.next(st, n.at)
	if err != nil || at == nil {
		return nil, err
	}
	return n.search.Object(st, at)
}
