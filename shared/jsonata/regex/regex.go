// Package regex compiles JavaScript's regular expressions and searches texts with them. It
// supports those whose time is in proportion to the length of the text. It does not depend
// on the functions that use them, such as $match.
package regex

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	lexer "commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// Regex is a regular expression literal. It is a function that searches a text. Every
// search takes linear time (see machine). That is not possible with lookaround and back
// references, so they are not supported.
type Regex struct {
	program *syntax.Prog
	groups  int
	// prefix is the text with which every match begins, possibly empty.
	prefix string
	begins beginnings
	// looksAround means that the expression has conditions such as ^ or \b.
	looksAround bool
	// anchored means that a match can begin only at the beginning of the text.
	anchored bool
	// Size is the approximate number of instructions of the program.
	Size int
}

// New compiles a JavaScript regular expression.
func New(source, flags string) (*Regex, error) {
	t := &translator{source: source, folds: strings.Contains(flags, "i")}
	translated, err := t.translate()
	if err != nil {
		return nil, fmt.Errorf("the regular expression %s: %w", shortened(source), err)
	}
	if strings.Contains(flags, "m") {
		translated = "(?m)" + translated
	}
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the regular expression %s is not valid: %w", shortened(source), err)
	}
	if skipsGroup(tree, false, false) {
		return nil, fmt.Errorf("the regular expression %s has a group (…) that a repetition may skip; what it holds then differs between engines: write (?:…) for it, or repeat without it", shortened(source))
	}
	r := &Regex{groups: tree.MaxCap()}
	if r.groups > maxGroups {
		return nil, fmt.Errorf("the regular expression %s has more than %d groups: write (?:…) for those that nothing refers to", shortened(source), maxGroups)
	}
	if r.Size = programSize(tree); r.Size > maxSize {
		return nil, fmt.Errorf("the regular expression %s is too large: repeat less, as in {1,100}, or write + or * and look at $length", shortened(source))
	}
	if r.program, err = syntax.Compile(tree.Simplify()); err != nil {
		return nil, err
	}
	r.prefix, _ = r.program.Prefix()
	r.begins = beginningsOf(r.program)
	r.looksAround = slices.ContainsFunc(r.program.Inst, func(i syntax.Inst) bool { return i.Op == syntax.InstEmptyWidth })
	r.anchored = r.program.StartCond()&syntax.EmptyBeginText != 0
	return r, nil
}

// Limits. An instruction of a program takes about 100 bytes, and some nanoseconds for
// each character of a text.
const (
	maxSize   = 2_000 // of a regular expression, in instructions
	maxGroups = 99
	// MaxTotalSize is the limit of the sizes of all regular expressions of a template.
	MaxTotalSize = 20_000
)

// programSize returns approximately how many instructions a regular expression takes,
// up to a bound above maxSize.
func programSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)/8
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpRepeat:
		size = 0
	}
	for _, sub := range re.Sub {
		size = min(size+programSize(sub), 2*maxSize)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(1, re.Min, re.Max)
	}
	return min(size+value.BoolToInt(re.Op == syntax.OpCapture), 2*maxSize)
}

// shortened quotes a regular expression that may be long.
func shortened(source string) string {
	const most = 60
	if len(source) <= most {
		return "/" + source + "/"
	}
	return "/" + strings.ToValidUTF8(source[:most], "") + "…"
}

// skipsGroup reports whether a repetition contains a group that an iteration may skip.
// JavaScript then clears the group, but Go keeps the text from an earlier iteration.
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

// translator rewrites a JavaScript expression (without the u flag) in the syntax of Go.
// Sources: ECMA-262 "RegExp patterns" and its annex B; Go's regexp/syntax.
type translator struct {
	source string
	folds  bool // the flag i is set
	pos    int
	out    []byte
}

const (
	// whitespaceClass is \s: ECMA-262 WhiteSpace and LineTerminator.
	whitespaceClass = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	// notWhitespaceClass is \S.
	notWhitespaceClass = `\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
)

func (t *translator) translate() (string, error) {
	for t.pos < len(t.source) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	return string(t.out), nil
}

func (t *translator) next() error {
	c := t.source[t.pos]
	switch c {
	case '\\':
		return t.escape(false)
	case '[':
		return t.class()
	case '(':
		return t.group()
	case '.':
		t.write(`[^\n\r\x{2028}\x{2029}]`)
	default:
		r, size := utf8.DecodeRuneInString(t.source[t.pos:])
		t.character(r, string(r))
		t.pos += size - 1
	}
	t.pos++
	return nil
}

func (t *translator) write(s string) { t.out = append(t.out, s...) }

// character writes a character that is not in a class. If the flag i makes it equal to
// others, it writes a class of them.
func (t *translator) character(r rune, written string) {
	if t.folds && folds()[r] != nil {
		written = classOf(folds()[r])
	}
	t.write(written)
}

func (t *translator) group() error {
	rest := t.source[t.pos:]
	switch {
	case !strings.HasPrefix(rest, "(?"), strings.HasPrefix(rest, "(?:"):
	case strings.HasPrefix(rest, "(?<") && !strings.HasPrefix(rest, "(?<=") && !strings.HasPrefix(rest, "(?<!"):
		name, _, _ := strings.Cut(rest, ">")
		t.write(name)
		t.pos += len(name)
		return nil
	default:
		return errors.New("lookahead and lookbehind, as in (?=…), are not supported: match more and use $replace or $substringBefore")
	}
	t.write(`(`)
	t.pos++
	return nil
}

func (t *translator) class() error {
	rest := t.source[t.pos:]
	switch {
	case strings.HasPrefix(rest, "[]"):
		return errors.New("[] matches nothing: write the characters in it")
	case strings.HasPrefix(rest, "[^]"):
		t.write(`(?s:.)`)
		t.pos += 3
		return nil
	}
	t.write(`[`)
	t.pos++
	if strings.HasPrefix(rest, "[^") {
		t.write(`^`)
		t.pos++
	}
	body := len(t.out)
	for t.pos < len(t.source) {
		switch c := t.source[t.pos]; c {
		case ']':
			if t.folds {
				t.out = append(t.out[:body], folded(string(t.out[body:]))...)
			}
			t.write(`]`)
			t.pos++
			return nil
		case '\\':
			if err := t.escape(true); err != nil {
				return err
			}
			continue
		case '[':
			t.write(`\[`)
		default:
			t.out = append(t.out, c)
		}
		t.pos++
	}
	return errors.New("a [ is not closed")
}

func (t *translator) escape(inClass bool) error {
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
		t.write(`\x08`)
	case strings.ContainsRune("dDwWbBtnvfr", c) && (c != 'B' || !inClass):
		t.write(`\` + string(c))
	case c == 'x' || c == 'u':
		return t.codeUnit(c, inClass)
	case c == '0' && (t.pos+2 == len(t.source) || t.source[t.pos+2] < '0' || t.source[t.pos+2] > '9'):
		t.write(`\x00`)
	case c >= '0' && c <= '9' || c == 'k':
		return errors.New(`a back reference such as \1 is not supported`)
	case c == 'p' || c == 'P' || c == 'c':
		return fmt.Errorf(`\%c is not supported: list the characters in […]`, c)
	case c == '-' || c == '^':
		t.write(`\` + string(c))
	case inClass:
		t.write(regexp.QuoteMeta(string(c)))
	default:
		t.character(c, regexp.QuoteMeta(string(c)))
	}
	t.pos += 1 + size
	return nil
}

func (t *translator) whitespace(class string, inClass bool) {
	if inClass {
		t.write(class)
		return
	}
	t.write("[" + class + "]")
}

// codeUnit translates \xHH, \uHHHH, and two \uHHHH that are a surrogate pair.
func (t *translator) codeUnit(c rune, inClass bool) error {
	s, size, ok := t.source[t.pos+2:], 0, false
	var r rune
	if c == 'x' && len(s) >= 2 {
		r, ok = lexer.ParseHex4("00" + s[:2])
		size = 2
	} else if c == 'u' {
		r, ok = lexer.ParseHex4(s)
		size = 4
	}
	if !ok {
		return fmt.Errorf(`\%c must be followed by %s hexadecimal digits`, c, map[rune]string{'x': "two", 'u': "four"}[c])
	}
	if utf16.IsSurrogate(r) {
		full, taken, problem := lexer.Unescape(t.source[t.pos+1:])
		if problem != "" {
			return errors.New(problem)
		}
		r, size = full, taken-1
	}
	if written := fmt.Sprintf(`\x{%x}`, r); inClass {
		t.write(written)
	} else {
		t.character(r, written)
	}
	t.pos += 2 + size
	return nil
}
