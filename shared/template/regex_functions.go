package template

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// asRegex gives the regular expression that an argument is.
func asRegex(name string, arg any) (*regex, error) {
	if p, ok := arg.(passed); ok {
		arg = p.fn
	}
	if r, ok := arg.(*regex); ok {
		return r, nil
	}
	return nil, fmt.Errorf("%s looks for a string or a regular expression, such as /[a-z]+/, not for %s", name, describe(arg))
}

func contains(st *state, s string, args []any) (any, error) {
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
	f, err := re.search(st, s)
	if err != nil {
		return nil, err
	}
	at, err := f.first(st)
	return at != nil, err
}

// limitOf reads the optional limit of a function; without one it is endless.
func limitOf(name string, v any) (float64, error) {
	limit, ok := number(v)
	if !ok {
		return maxFuel, nil
	}
	if limit < 0 {
		return 0, fmt.Errorf("the limit of %s cannot be negative", name)
	}
	return limit, nil
}

func match(st *state, s string, args []any) (any, error) {
	limit, err := limitOf("$match", args[1])
	if err != nil {
		return nil, err
	}
	result := newSequence()
	if limit == 0 {
		return result, nil
	}
	re, err := asRegex("$match", args[0])
	if err != nil {
		return nil, err
	}
	f, err := re.search(st, s)
	if err != nil {
		return nil, err
	}
	_, err = f.each(st, limit, func(at []int) error {
		groups, err := f.groups(st, at)
		if err != nil {
			return err
		}
		o, err := f.describe(st, at, "index", groups)
		if err != nil {
			return err
		}
		o.set("groups", groups)
		result.items = append(result.items, o)
		return nil
	})
	return result, err
}

func split(st *state, s string, args []any) (any, error) {
	limit, err := limitOf("$split", args[1])
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		return newList([]any{}), nil
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

func splitText(st *state, s, separator string, limit float64) (any, error) {
	if separator == "" && s == "" {
		return newList([]any{}), nil
	}
	n := strings.Count(s, separator) + 1
	if separator == "" {
		n = utf8.RuneCountInString(s)
	}
	if limit < float64(n) {
		n = max(int(limit), 0)
	}
	if err := st.collect(n); err != nil {
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
	return newList(items), nil
}

func splitMatches(st *state, s string, separator *regex, limit float64) (any, error) {
	start, result := 0, newList([]any{})
	f, err := separator.search(st, s)
	if err != nil {
		return nil, err
	}
	add := func(part string) error {
		if err := st.collect(2); err != nil {
			return err
		}
		result.items = append(result.items, part)
		return nil
	}
	n, err := f.each(st, limit, func(at []int) error {
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

func replace(st *state, s string, args []any) (any, error) {
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
	f, err := re.search(st, s)
	if err != nil {
		return nil, err
	}
	r := &replacer{st: st, found: f, with: args[1], b: builder{st: st}}
	return r.run(limit)
}

func replaceText(st *state, s, pattern string, replacement any, limit float64) (any, error) {
	with, ok := replacement.(string)
	if !ok {
		return nil, fmt.Errorf("$replace needs a string to put in, not %s; a function needs a regular expression", describe(replacement))
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
	if err := st.allocate(len(s) + n*len(with)); err != nil {
		return nil, err
	}
	return strings.Replace(s, pattern, with, n), nil
}

// replacer puts texts in for the matches of a regular expression.
type replacer struct {
	st    *state
	found *found
	with  any // a string or a function
	b     builder
}

func (r *replacer) run(limit float64) (any, error) {
	position := 0
	_, err := r.found.each(r.st, limit, func(at []int) error {
		if err := r.b.write(r.found.text[position:at[0]]); err != nil {
			return err
		}
		position = at[1]
		return r.replacement(at)
	})
	if err != nil {
		return nil, err
	}
	if err := r.b.write(r.found.text[position:]); err != nil {
		return nil, err
	}
	return r.b.String(), nil
}

// replacement writes the text that replaces a match.
func (r *replacer) replacement(at []int) error {
	switch with := r.with.(type) {
	case string:
		return r.expand(at, with)
	case function:
		o, err := r.found.object(r.st, at)
		if err != nil {
			return err
		}
		v, err := invoke(r.st, with, []any{o}, null)
		if err != nil {
			return err
		}
		if s, ok := settle(v).(string); ok {
			return r.b.write(s)
		}
		return fmt.Errorf("the function for $replace must give a string, not %s", describe(v))
	}
	return errors.New("$replace needs what to put in")
}

// expand writes a replacement, with $0 (the match), $1 … (its groups) and $$ (a $)
// filled in.
func (r *replacer) expand(at []int, replacement string) error {
	if err := r.st.spend(len(replacement) / 8); err != nil {
		return err
	}
	for {
		before, rest, found := strings.Cut(replacement, "$")
		if err := r.b.write(before); err != nil || !found {
			return err
		}
		with, size := r.reference(at, rest)
		if err := r.b.write(with); err != nil {
			return err
		}
		replacement = rest[size:]
	}
}

// reference gives what stands for a $ and the size bytes after it.
func (r *replacer) reference(at []int, rest string) (with string, size int) {
	switch {
	case strings.HasPrefix(rest, "$"):
		return "$", 1
	case strings.HasPrefix(rest, "0"):
		return r.found.text[at[0]:at[1]], 1
	}
	groups := len(at)/2 - 1
	n, size := groupNumber(rest, groups)
	if size == 0 {
		return "$", 0
	}
	if n >= 1 && n <= groups {
		with, _ = r.found.group(at, n).(string)
	}
	return with, size
}

// groupNumber reads the number of a group: as many digits as the largest number
// has, or one less if they would be too large. size is how many were read.
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
