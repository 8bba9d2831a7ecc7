package template

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// regex is a regular expression literal: a function that finds the matches in a
// text. Go's engine takes linear time whatever the expression; in return it has no
// lookaround and no back references, which are refused.
type regex struct {
	re *regexp.Regexp
	// rest is for a search that goes on within a text: it skips the character
	// before, which ^ and \b want to see. It is nil if nothing wants to.
	rest *regexp.Regexp
	// nullable: it can match nothing at all.
	nullable bool
	// lines: ^ and $ match at line ends too.
	lines bool
	// folds: upper and lower case are the same.
	folds bool
	// cost is what a byte of text costs, in 1/16 units: the size of the program.
	cost int
}

// newRegex translates a JavaScript regular expression.
func newRegex(source, flags string) (*regex, error) {
	t := &regexTranslator{source: source}
	translated, err := t.translate()
	if err != nil {
		return nil, fmt.Errorf("the regular expression %s: %w", shortened(source), err)
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
		return nil, fmt.Errorf("the regular expression %s is not valid: %w", shortened(source), err)
	}
	if skipsGroup(tree, false, false) {
		return nil, fmt.Errorf("the regular expression %s has a group (…) that a repetition may skip; what it holds then differs between engines: write (?:…) for it, or repeat without it", shortened(source))
	}
	if tree.MaxCap() > maxGroups {
		return nil, fmt.Errorf("the regular expression %s has more than %d groups: write (?:…) for those that nothing refers to", shortened(source), maxGroups)
	}
	if r.cost = programSize(tree); r.cost > maxRegex {
		return nil, fmt.Errorf("the regular expression %s is too large: repeat less, as in {1,100}, or write + or * and look at $length", shortened(source))
	}
	r.nullable = minLength(tree) == 0
	if r.re, err = regexp.Compile(translated); err != nil {
		return nil, err
	}
	if looksBack(tree) {
		r.cost *= 2
		r.rest, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + translated + `)`)
	}
	return r, err
}

// looksBack tells whether what matches depends on the character before.
func looksBack(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return slices.ContainsFunc(re.Sub, looksBack)
}

// What a regular expression may take, in instructions of Go's engine. An
// instruction takes about 100 bytes, and some nanoseconds for each byte of a text.
const (
	maxRegex   = 2_000
	maxRegexes = 20_000 // all of a template
	maxGroups  = 99
)

// programSize is about how many instructions a regular expression takes. It does
// not count beyond what is too much.
func programSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)/8
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpRepeat:
		size = 0
	}
	for _, sub := range re.Sub {
		size = min(size+programSize(sub), 2*maxRegex)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(1, re.Min, re.Max)
	}
	return min(size+count(re.Op == syntax.OpCapture), 2*maxRegex)
}

// shortened quotes a regular expression of which there may be much.
func shortened(source string) string {
	const most = 60
	if len(source) <= most {
		return "/" + source + "/"
	}
	return "/" + strings.ToValidUTF8(source[:most], "") + "…"
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

// search begins a search, and refuses the few texts on which Go's engine and
// JavaScript's differ.
func (r *regex) search(st *state, s string) (*found, error) {
	if r.lines && strings.ContainsAny(s, "\r\u2028\u2029") {
		return nil, errors.New("a regular expression with the flag m cannot search a text with line ends other than \\n")
	}
	if r.folds && strings.ContainsAny(s, "\u017f\u212a") {
		return nil, errors.New("a regular expression with the flag i cannot search a text with the characters U+017F or U+212A")
	}
	return &found{regex: r, text: s}, st.spend(10 + len(s)/16*count(r.lines || r.folds))
}

// found is the matches of a regular expression in a text. A match is the byte
// offsets of it and of its groups, as package regexp gives them.
type found struct {
	regex *regex
	text  string
	units int // the offset in UTF-16 units ...
	bytes int // ... of this byte
}

// first gives the first match; nil if there is none.
func (f *found) first(st *state) ([]int, error) { return f.from(st, 0, -1) }

// next gives the match after another; nil if there is none. One that is empty
// would be found for ever, so it is an error, as in the reference.
func (f *found) next(st *state, at []int) ([]int, error) {
	end := at[1]
	if end >= len(f.text) {
		return nil, nil
	}
	pos := end
	if at[0] == end {
		pos += f.width(end)
	}
	next, err := f.from(st, pos, end)
	if err != nil {
		return nil, err
	}
	empty := next != nil && next[0] == next[1]
	if empty || f.regex.nullable && (next == nil || next[0] > end) {
		return nil, errors.New("the regular expression matches nothing at all, which would go on for ever: use + instead of *")
	}
	return next, nil
}

// from gives the first match from a place on that is not empty at the end of the
// one before it.
func (f *found) from(st *state, pos, previousEnd int) ([]int, error) {
	for {
		at, err := f.regex.find(st, f.text, pos)
		if err != nil || at == nil || at[1] > pos || pos != previousEnd {
			return at, err
		}
		if pos == len(f.text) {
			return nil, nil
		}
		pos += f.width(pos)
	}
}

func (f *found) width(pos int) int {
	_, size := utf8.DecodeRuneInString(f.text[pos:])
	return size
}

// find gives the first match from a place on. It lets Go's engine read the text
// rune by rune, and pays for each: even an engine that takes linear time for a
// match may read to the end of the text for each of many.
func (r *regex) find(st *state, text string, pos int) ([]int, error) {
	if err := st.collect(2 + r.re.NumSubexp()); err != nil {
		return nil, err
	}
	re, start, own := r.re, pos, 0
	if pos > 0 && r.rest != nil {
		_, size := utf8.DecodeLastRuneInString(text[:pos])
		re, start, own = r.rest, pos-size, 2
	}
	m := &meter{st: st, text: text[start:], cost: r.cost + 4}
	at := re.FindReaderSubmatchIndex(m)
	if m.err == nil {
		m.err = st.spend(5 + m.owed/5)
	}
	if m.err != nil || at == nil {
		return nil, m.err
	}
	at = at[own:]
	for i := range at {
		if at[i] >= 0 {
			at[i] += start
		}
	}
	return at, nil
}

// meter reads a text for Go's engine until nothing is left to pay with.
type meter struct {
	st   *state
	text string
	cost int // of a rune, in 1/8 units
	owed int
	err  error
}

func (m *meter) ReadRune() (rune, int, error) {
	if m.text == "" || m.err != nil {
		return 0, 0, io.EOF
	}
	if m.owed += m.cost; m.owed >= 8*1024 {
		if m.err = m.st.spend(m.owed / 5); m.err != nil {
			return 0, 0, io.EOF
		}
		m.owed = 0
	}
	r, size := utf8.DecodeRuneInString(m.text)
	m.text = m.text[size:]
	return r, size, nil
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
		if err := r.write(r.found.text[position:at[0]]); err != nil {
			return err
		}
		position = at[1]
		return r.replacement(at)
	})
	if err != nil {
		return nil, err
	}
	if err := r.write(r.found.text[position:]); err != nil {
		return nil, err
	}
	return r.b.String(), nil
}

func (r *replacer) write(s string) error {
	if err := r.b.take(len(s)); err != nil {
		return err
	}
	r.b.WriteString(s)
	return nil
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
			return r.write(s)
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
		if err := r.write(before); err != nil || !found {
			return err
		}
		with, size := r.reference(at, rest)
		if err := r.write(with); err != nil {
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
