package functions

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"commerce-segment/shared/jsonata/regex"
	"commerce-segment/shared/jsonata/value"
)

// asRegex returns the regular expression in an argument.
func asRegex(name string, arg any) (*regex.Regex, error) {
	if p, ok := arg.(value.Passed); ok {
		arg = p.Fn
	}
	if r, ok := arg.(*regex.Regex); ok {
		return r, nil
	}
	return nil, fmt.Errorf("%s looks for a string or a regular expression, such as /[a-z]+/, not for %s", name, value.Describe(arg))
}

func contains(st *value.State, s string, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	if token, ok := args[0].(string); ok {
		return strings.Contains(s, token), nil
	}
	re, err := asRegex("$contains", args[0])
	if err != nil {
		return nil, err
	}
	search, err := re.Search(st, s)
	if err != nil {
		return nil, err
	}
	at, err := search.First(st)
	return at != nil, err
}

// limitOf returns the optional limit of a function. If there is none, it returns a number
// that is larger than any number of matches.
func limitOf(name string, v any) (float64, error) {
	limit, ok := value.Number(v)
	if !ok {
		return value.MaxFuel, nil
	}
	if limit < 0 {
		return 0, fmt.Errorf("the limit of %s cannot be negative", name)
	}
	return limit, nil
}

func match(st *value.State, s string, args []any) (any, error) {
	limit, err := limitOf("$match", args[1])
	if err != nil {
		return nil, err
	}
	result := value.NewSequence()
	if limit == 0 {
		return result, nil
	}
	re, err := asRegex("$match", args[0])
	if err != nil {
		return nil, err
	}
	search, err := re.Search(st, s)
	if err != nil {
		return nil, err
	}
	_, err = search.Each(st, limit, func(at []int) error {
		o, err := search.Element(st, at)
		result.Items = append(result.Items, o)
		return err
	})
	return result, err
}

func split(st *value.State, s string, args []any) (any, error) {
	limit, err := limitOf("$split", args[1])
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		return value.NewList([]any{}), nil
	}
	if args[0] == nil {
		return nil, errors.New("$split needs a separator")
	}
	if separator, ok := args[0].(string); ok {
		return splitText(st, s, separator, limit)
	}
	re, err := asRegex("$split", args[0])
	if err != nil {
		return nil, err
	}
	return splitMatches(st, s, re, limit)
}

func splitText(st *value.State, s, separator string, limit float64) (any, error) {
	if separator == "" && s == "" {
		return value.NewList([]any{}), nil
	}
	var n int
	if separator == "" {
		n = utf8.RuneCountInString(s)
	} else {
		n = strings.Count(s, separator) + 1
	}
	if limit < float64(n) {
		n = max(int(limit), 0)
	}
	if err := st.AllocateItems(n); err != nil {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		var part string
		if separator == "" {
			_, size := utf8.DecodeRuneInString(s)
			part, s = s[:size], s[size:]
		} else {
			part, s, _ = strings.Cut(s, separator)
		}
		items[i] = part
	}
	return value.NewList(items), nil
}

func splitMatches(st *value.State, s string, separator *regex.Regex, limit float64) (any, error) {
	start, result := 0, value.NewList([]any{})
	search, err := separator.Search(st, s)
	if err != nil {
		return nil, err
	}
	add := func(part string) error {
		if err := st.AllocateItems(2); err != nil {
			return err
		}
		result.Items = append(result.Items, part)
		return nil
	}
	n, err := search.Each(st, limit, func(at []int) error {
		part := s[start:at[0]]
		start = at[1]
		return add(part)
	})
	if err != nil {
		return nil, err
	}
	if float64(n) < limit || n == 0 {
		err = add(s[start:])
	}
	return result, err
}

func replace(st *value.State, s string, args []any) (any, error) {
	if args[0] == "" {
		return nil, errors.New("$replace cannot replace the empty string")
	}
	limit, err := limitOf("$replace", args[2])
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		return s, nil
	}
	if args[0] == nil {
		return nil, errors.New("$replace needs what to replace")
	}
	if pattern, ok := args[0].(string); ok {
		return replaceText(st, s, pattern, args[1], limit)
	}
	re, err := asRegex("$replace", args[0])
	if err != nil {
		return nil, err
	}
	search, err := re.Search(st, s)
	if err != nil {
		return nil, err
	}
	r := &replacer{st: st, search: search, with: args[1], b: value.TextBuilder{State: st}}
	return r.run(limit)
}

func replaceText(st *value.State, s, pattern string, replacement any, limit float64) (any, error) {
	with, ok := replacement.(string)
	if !ok {
		return nil, fmt.Errorf("$replace needs a string to put in, not %s; a function needs a regular expression", value.Describe(replacement))
	}
	n := strings.Count(s, pattern)
	if limit < float64(n) {
		n = int(limit)
		if float64(n) < limit {
			n++
		}
	}
	if n == 0 {
		return s, nil
	}
	if err := st.Allocate(len(s) + n*len(with)); err != nil {
		return nil, err
	}
	return strings.Replace(s, pattern, with, n), nil
}

// replacer replaces the matches of a regular expression.
type replacer struct {
	st     *value.State
	search *regex.Search
	with   any // a string or a function
	b      value.TextBuilder
}

func (r *replacer) run(limit float64) (any, error) {
	position := 0
	_, err := r.search.Each(r.st, limit, func(at []int) error {
		if err := r.b.Write(r.search.Text[position:at[0]]); err != nil {
			return err
		}
		position = at[1]
		return r.replacement(at)
	})
	if err != nil {
		return nil, err
	}
	if err := r.b.Write(r.search.Text[position:]); err != nil {
		return nil, err
	}
	return r.b.String(), nil
}

// replacement writes the replacement of a match.
func (r *replacer) replacement(at []int) error {
	switch with := r.with.(type) {
	case string:
		return r.expand(at, with)
	case value.Function:
		o, err := r.search.Object(r.st, at)
		if err != nil {
			return err
		}
		v, err := value.Invoke(r.st, with, []any{o}, value.Null)
		if err != nil {
			return err
		}
		if s, ok := value.Collapse(v).(string); ok {
			return r.b.Write(s)
		}
		return fmt.Errorf("the function for $replace must give a string, not %s", value.Describe(v))
	}
	return errors.New("$replace needs what to put in")
}

// expand writes a replacement text. In it, $0 stands for the match, $1, $2, … for its
// groups, and $$ for a $.
func (r *replacer) expand(at []int, replacement string) error {
	for {
		if err := r.st.Spend(1); err != nil {
			return err
		}
		before, rest, found := strings.Cut(replacement, "$")
		if err := r.b.Write(before); err != nil || !found {
			return err
		}
		with, size := r.reference(at, rest)
		if err := r.b.Write(with); err != nil {
			return err
		}
		replacement = rest[size:]
	}
}

// reference returns the text that replaces a $, and how many of the bytes after the $ belong
// to it.
func (r *replacer) reference(at []int, rest string) (with string, size int) {
	switch {
	case strings.HasPrefix(rest, "$"):
		return "$", 1
	case strings.HasPrefix(rest, "0"):
		return r.search.Text[at[0]:at[1]], 1
	}
	groups := len(at)/2 - 1
	n, size := groupNumber(rest, groups)
	if size == 0 {
		return "$", 0
	}
	if n >= 1 && n <= groups {
		with, _ = r.search.Group(at, n).(string)
	}
	return with, size
}

// groupNumber reads the number of a group. It has as many digits as the highest group
// number, or one digit less if the number would be too high. size is the number of digits.
func groupNumber(s string, groups int) (n, size int) {
	digits := 1
	for limit := groups; limit >= 10; limit /= 10 {
		digits++
	}
	for size < digits && size < len(s) && s[size] >= '0' && s[size] <= '9' {
		n = n*10 + int(s[size]-'0')
		size++
	}
	if digits > 1 && n > groups && size == digits {
		n, size = n/10, size-1
	}
	return n, size
}
