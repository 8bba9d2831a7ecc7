package template

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// regex is a regular expression literal: a function that finds the matches in a
// text. Go's engine takes linear time whatever the expression; in return it has no
// lookaround and no back references, which are refused.
type regex struct {
	re *regexp.Regexp
	// nullable: it can match nothing at all.
	nullable bool
	// lines: ^ and $ match at line ends too.
	lines bool
	// folds: upper and lower case are the same.
	folds bool
	// cost is what a byte of text costs, in 1/16 units.
	cost int
}

// newRegex translates a JavaScript regular expression.
func newRegex(source, flags string) (*regex, error) {
	t := &regexTranslator{source: source}
	translated, err := t.translate()
	if err != nil {
		return nil, fmt.Errorf("the regular expression /%s/: %w", source, err)
	}
	r := &regex{lines: strings.Contains(flags, "m"), folds: strings.Contains(flags, "i")}
	if r.lines {
		translated = "(?m)" + translated
	}
	if r.folds {
		translated = "(?i)" + translated
	}
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the regular expression /%s/ is not valid: %w", source, err)
	}
	if skipsGroup(tree, false, false) {
		return nil, fmt.Errorf("the regular expression /%s/ has a group (…) that a repetition may skip; what it holds then differs between engines: write (?:…) for it, or repeat without it", source)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("the regular expression /%s/ is not valid: %w", source, err)
	}
	r.nullable = minLength(tree) == 0
	r.cost = len(program.Inst)
	r.re, err = regexp.Compile(translated)
	return r, err
}

// minLength is zero for what may match nothing.
func minLength(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return minLength(re.Sub[0])
	case syntax.OpRepeat:
		return min(re.Min, 1) * minLength(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, sub := range re.Sub {
			n = max(n, minLength(sub))
		}
		return n
	case syntax.OpAlternate:
		n := 1
		for _, sub := range re.Sub {
			n = min(n, minLength(sub))
		}
		return n
	}
	return 0
}

// skipsGroup finds a group within a repetition that some round of it may skip.
// JavaScript then empties the group, Go keeps what an earlier round put there.
func skipsGroup(re *syntax.Regexp, repeated, optional bool) bool {
	switch re.Op {
	case syntax.OpCapture:
		if repeated && optional {
			return true
		}
	case syntax.OpStar, syntax.OpPlus:
		optional = repeated && (optional || re.Op == syntax.OpStar)
		repeated = true
	case syntax.OpRepeat:
		optional = repeated && (optional || re.Min == 0)
		repeated = repeated || re.Max != 1
	case syntax.OpQuest, syntax.OpAlternate:
		optional = repeated
	}
	for _, sub := range re.Sub {
		if skipsGroup(sub, repeated, optional) {
			return true
		}
	}
	return false
}

// regexTranslator writes a JavaScript expression (without the u flag) in Go's
// syntax. Sources: ECMA-262 "RegExp patterns" and its annex B; Go's regexp/syntax.
type regexTranslator struct {
	source string
	pos    int
	b      strings.Builder
}

const (
	// whitespaceClass is \s: ECMA-262 WhiteSpace and LineTerminator.
	whitespaceClass = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	// notWhitespaceClass is \S.
	notWhitespaceClass = `\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
)

func (t *regexTranslator) translate() (string, error) {
	for t.pos < len(t.source) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	return t.b.String(), nil
}

func (t *regexTranslator) next() error {
	c := t.source[t.pos]
	switch c {
	case '\\':
		return t.escape(false)
	case '[':
		return t.class()
	case '(':
		return t.group()
	case '.':
		t.b.WriteString(`[^\n\r\x{2028}\x{2029}]`)
	default:
		t.b.WriteByte(c)
	}
	t.pos++
	return nil
}

func (t *regexTranslator) group() error {
	rest := t.source[t.pos:]
	switch {
	case !strings.HasPrefix(rest, "(?"), strings.HasPrefix(rest, "(?:"):
	case strings.HasPrefix(rest, "(?<") && !strings.HasPrefix(rest, "(?<=") && !strings.HasPrefix(rest, "(?<!"):
	default:
		return errors.New("lookahead and lookbehind, as in (?=…), are not supported: match more and use $replace or $substringBefore")
	}
	t.b.WriteByte('(')
	t.pos++
	return nil
}

func (t *regexTranslator) class() error {
	rest := t.source[t.pos:]
	switch {
	case strings.HasPrefix(rest, "[]"):
		return errors.New("[] matches nothing: write the characters in it")
	case strings.HasPrefix(rest, "[^]"):
		t.b.WriteString(`(?s:.)`)
		t.pos += 3
		return nil
	}
	t.b.WriteByte('[')
	t.pos++
	if strings.HasPrefix(rest, "[^") {
		t.b.WriteByte('^')
		t.pos++
	}
	for t.pos < len(t.source) {
		switch c := t.source[t.pos]; c {
		case ']':
			t.b.WriteByte(']')
			t.pos++
			return nil
		case '\\':
			if err := t.escape(true); err != nil {
				return err
			}
			continue
		case '[':
			t.b.WriteString(`\[`)
		default:
			t.b.WriteByte(c)
		}
		t.pos++
	}
	return errors.New("a [ is not closed")
}

func (t *regexTranslator) escape(inClass bool) error {
	if t.pos+1 >= len(t.source) {
		return errors.New("it ends in a backslash")
	}
	c, size := utf8.DecodeRuneInString(t.source[t.pos+1:])
	switch {
	case c == 's':
		t.whitespace(whitespaceClass, inClass)
	case c == 'S':
		t.whitespace(notWhitespaceClass, inClass)
	case c == 'b' && inClass:
		t.b.WriteString(`\x08`)
	case strings.ContainsRune("dDwWbBtnvfr", c) && (c != 'B' || !inClass):
		t.b.WriteString(`\` + string(c))
	case c == 'x' || c == 'u':
		return t.codeUnit(c)
	case c == '0' && (t.pos+2 == len(t.source) || t.source[t.pos+2] < '0' || t.source[t.pos+2] > '9'):
		t.b.WriteString(`\x00`)
	case c >= '0' && c <= '9' || c == 'k':
		return errors.New(`a back reference such as \1 is not supported`)
	case c == 'p' || c == 'P' || c == 'c':
		return fmt.Errorf(`\%c is not supported: list the characters in […]`, c)
	case c == '-' || c == '^':
		t.b.WriteString(`\` + string(c))
	default:
		t.b.WriteString(regexp.QuoteMeta(string(c)))
	}
	t.pos += 1 + size
	return nil
}

func (t *regexTranslator) whitespace(class string, inClass bool) {
	if inClass {
		t.b.WriteString(class)
		return
	}
	t.b.WriteString("[" + class + "]")
}

// codeUnit translates \xHH and \uHHHH, also two of the latter that make one
// character.
func (t *regexTranslator) codeUnit(c rune) error {
	s, size, ok := t.source[t.pos+2:], 0, false
	var r rune
	if c == 'x' && len(s) >= 2 {
		r, ok = hex4("00" + s[:2])
		size = 2
	} else if c == 'u' {
		r, ok = hex4(s)
		size = 4
	}
	if !ok {
		return fmt.Errorf(`\%c must be followed by %s hexadecimal digits`, c, map[rune]string{'x': "two", 'u': "four"}[c])
	}
	if utf16.IsSurrogate(r) {
		full, taken, problem := unescape(t.source[t.pos+1:])
		if problem != "" {
			return errors.New(problem)
		}
		r, size = full, taken-1
	}
	fmt.Fprintf(&t.b, `\x{%x}`, r)
	t.pos += 2 + size
	return nil
}

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
	if err := r.pay(st, s); err != nil {
		return nil, err
	}
	found := &found{regex: r, text: s, all: r.re.FindAllStringSubmatchIndex(s, -1)}
	if err := st.collect(len(found.all) * (2 + r.re.NumSubexp())); err != nil {
		return nil, err
	}
	return found.object(st, 0)
}

// pay pays for a search, and refuses the few texts on which Go's engine and
// JavaScript's differ.
func (r *regex) pay(st *state, s string) error {
	if r.lines && strings.ContainsAny(s, "\r\u2028\u2029") {
		return errors.New("a regular expression with the flag m cannot search a text with line ends other than \\n")
	}
	if r.folds && strings.ContainsAny(s, "\u017f\u212a") {
		return errors.New("a regular expression with the flag i cannot search a text with the characters U+017F or U+212A")
	}
	return st.spend(50 + len(s)*(1+r.cost)/16)
}

// found is all matches of a regular expression in a text.
type found struct {
	regex *regex
	text  string
	all   [][]int // byte offsets
	units int     // the offset in UTF-16 units ...
	bytes int     // ... of this byte
}

// object makes the object for the match at i; undefined if there is none.
func (f *found) object(st *state, i int) (any, error) {
	if i >= len(f.all) {
		return nil, nil
	}
	at := f.all[i]
	if err := st.spend(50); err != nil {
		return nil, err
	}
	if err := st.allocate(at[1] - at[0] + 16*bytesPerItem); err != nil {
		return nil, err
	}
	groups := newList([]any{})
	for g := 2; g < len(at); g += 2 {
		var group any
		if at[g] >= 0 {
			group = f.text[at[g]:at[g+1]]
		}
		groups.items = append(groups.items, group)
	}
	o := newObject(5)
	o.set("match", f.text[at[0]:at[1]])
	o.set("start", f.offset(at[0]))
	o.set("end", f.offset(at[1]))
	o.set("groups", groups)
	o.set("next", nextMatch{f, i + 1})
	return o, nil
}

// offset is an offset as JavaScript counts. Offsets are asked for in rising order.
func (f *found) offset(byteOffset int) float64 {
	if byteOffset < f.bytes {
		f.units, f.bytes = 0, 0
	}
	for _, r := range f.text[f.bytes:byteOffset] {
		f.units += utf16.RuneLen(r)
	}
	f.bytes = byteOffset
	return float64(f.units)
}

// nextMatch is the field next of a match.
type nextMatch struct {
	found *found
	i     int
}

func (n nextMatch) arity() int { return 0 }

// apply finds the match after the last. One that is empty would be found for ever,
// so it is an error, as in the reference.
func (n nextMatch) apply(st *state, _ []any, _ any) (any, error) {
	f := n.found
	end := f.all[n.i-1][1]
	if end >= len(f.text) {
		return nil, nil
	}
	var next []int
	if n.i < len(f.all) {
		next = f.all[n.i]
	}
	empty := next != nil && next[0] == next[1]
	if empty || f.regex.nullable && (next == nil || next[0] > end) {
		return nil, errors.New("the regular expression matches nothing at all, which would go on for ever: use + instead of *")
	}
	return f.object(st, n.i)
}

// aMatch is what a matcher gives: a regular expression or a function of a template
// that behaves like one.
type aMatch struct {
	text       string
	start, end int // in UTF-16 units
	groups     *array
	object     *object
}

// firstMatch asks a matcher for its first match in a text; nil if there is none.
func firstMatch(st *state, matcher function, s string) (*aMatch, error) {
	return askMatcher(st, matcher, []any{s})
}

func (m *aMatch) next(st *state) (*aMatch, error) {
	next, ok := m.object.get("next").(function)
	if !ok {
		return nil, errMatcher
	}
	return askMatcher(st, next, nil)
}

var errMatcher = errors.New("the function that finds matches must give objects with match, start, end, groups and next, a function")

func askMatcher(st *state, matcher function, args []any) (*aMatch, error) {
	v, err := invoke(st, matcher, args, null)
	if err != nil || settle(v) == nil {
		return nil, err
	}
	o, ok := settle(v).(*object)
	if !ok {
		return nil, errMatcher
	}
	text, textOK := o.get("match").(string)
	start, startOK := number(o.get("start"))
	end, endOK := number(o.get("end"))
	if !textOK || !startOK || !endOK {
		return nil, errMatcher
	}
	groups, ok := o.get("groups").(*array)
	if !ok {
		groups = newList(nil)
	}
	return &aMatch{text: text, start: int(start), end: int(end), groups: groups, object: o}, nil
}

// slicer cuts a text at offsets in UTF-16 units.
type slicer struct {
	text  string
	units []uint16 // nil for a text that has as many bytes
}

func newSlicer(s string) *slicer {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return &slicer{text: s, units: utf16.Encode([]rune(s))}
		}
	}
	return &slicer{text: s}
}

func (s *slicer) cut(from, to int) string {
	size := len(s.text)
	if s.units != nil {
		size = len(s.units)
	}
	from, to = min(max(from, 0), size), min(max(to, 0), size)
	if from > to {
		from, to = to, from
	}
	if s.units == nil {
		return s.text[from:to]
	}
	return string(utf16.Decode(s.units[from:to]))
}

func (s *slicer) rest(from int) string { return s.cut(from, len(s.text)) }

func contains(st *state, s string, args []any) (any, error) {
	switch token := args[0].(type) {
	case string:
		return strings.Contains(s, token), nil
	case function:
		m, err := firstMatch(st, token, s)
		return m != nil, err
	}
	return nil, nil
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

// eachMatch goes through the matches of a matcher, at most limit of them.
func eachMatch(st *state, matcher function, s string, limit float64, do func(*aMatch) error) (int, error) {
	n := 0
	m, err := firstMatch(st, matcher, s)
	for m != nil && err == nil && float64(n) < limit {
		if err := do(m); err != nil {
			return 0, err
		}
		n++
		m, err = m.next(st)
	}
	return n, err
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
	matcher, ok := args[0].(function)
	if !ok {
		return nil, errors.New("$match needs a regular expression")
	}
	_, err = eachMatch(st, matcher, s, limit, func(m *aMatch) error {
		o := newObject(3)
		o.set("match", m.text)
		o.set("index", float64(m.start))
		o.set("groups", m.groups)
		result.items = append(result.items, o)
		return st.collect(8)
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
	switch separator := args[0].(type) {
	case string:
		return splitText(st, s, separator, int(limit))
	case function:
		return splitMatches(st, s, separator, limit)
	}
	return nil, errors.New("$split needs a separator")
}

func splitText(st *state, s, separator string, limit int) (any, error) {
	if separator == "" && s == "" {
		return newList([]any{}), nil
	}
	if err := st.collect(strings.Count(s, separator) + 1); err != nil {
		return nil, err
	}
	parts := strings.Split(s, separator)
	items := make([]any, min(limit, len(parts)))
	for i := range items {
		items[i] = parts[i]
	}
	return newList(items), nil
}

func splitMatches(st *state, s string, separator function, limit float64) (any, error) {
	text, start, result := newSlicer(s), 0, newList([]any{})
	n, err := eachMatch(st, separator, s, limit, func(m *aMatch) error {
		result.items = append(result.items, text.cut(start, m.start))
		start = m.end
		return st.collect(2)
	})
	if err != nil {
		return nil, err
	}
	if float64(n) < limit || n == 0 {
		result.items = append(result.items, text.rest(start))
	}
	return result, nil
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
	switch pattern := args[0].(type) {
	case string:
		return replaceText(st, s, pattern, args[1], limit)
	case function:
		return replaceMatches(st, s, pattern, args[1], limit)
	}
	return nil, errors.New("$replace needs what to replace")
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
	if err := st.allocate(n * len(with)); err != nil {
		return nil, err
	}
	return strings.Replace(s, pattern, with, n), nil
}

func replaceMatches(st *state, s string, pattern function, replacement any, limit float64) (any, error) {
	text, position := newSlicer(s), 0
	var b strings.Builder
	_, err := eachMatch(st, pattern, s, limit, func(m *aMatch) error {
		with, err := substitute(st, m, replacement)
		if err != nil {
			return err
		}
		before := text.cut(position, m.start)
		b.WriteString(before)
		b.WriteString(with)
		position = m.start + len(utf16.Encode([]rune(m.text)))
		return st.allocate(len(before) + len(with))
	})
	if err != nil {
		return nil, err
	}
	b.WriteString(text.rest(position))
	return b.String(), nil
}

// substitute makes the text that replaces a match.
func substitute(st *state, m *aMatch, replacement any) (string, error) {
	switch replacement := replacement.(type) {
	case string:
		return expand(m, replacement), nil
	case function:
		v, err := invoke(st, replacement, []any{m.object}, null)
		if err != nil {
			return "", err
		}
		if s, ok := settle(v).(string); ok {
			return s, nil
		}
		return "", fmt.Errorf("the function for $replace must give a string, not %s", describe(v))
	}
	return "", errors.New("$replace needs what to put in")
}

// expand fills in $0 (the match), $1 … (its groups) and $$ (a $).
func expand(m *aMatch, replacement string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(replacement, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		replacement = rest
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			replacement = rest[1:]
		case strings.HasPrefix(rest, "0"):
			b.WriteString(m.text)
			replacement = rest[1:]
		default:
			group, size := groupNumber(rest, len(m.groups.items))
			if size == 0 {
				b.WriteByte('$')
			} else if group >= 1 && group <= len(m.groups.items) {
				s, _ := m.groups.items[group-1].(string)
				b.WriteString(s)
			}
			replacement = rest[size:]
		}
	}
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
