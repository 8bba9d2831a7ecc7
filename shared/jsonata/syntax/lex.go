package syntax

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/jsonata/fault"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenOperator
	tokenName
	tokenVariable
	tokenString
	tokenNumber
	tokenLiteral // true, false, null
	tokenRegex
)

type token struct {
	kind   tokenKind
	text   string // operator, name, variable without $, string, regex source
	flags  string // of a regex
	number float64
	line   int
}

// is reports whether the token is the given operator.
func (t token) is(operator string) bool { return t.kind == tokenOperator && t.text == operator }

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the template"
	case tokenVariable:
		return "$" + t.text
	case tokenString:
		return strconv.Quote(t.text)
	case tokenNumber:
		return t.text
	case tokenRegex:
		return "/" + t.text + "/"
	}
	return t.text
}

// symbols lists the operators that are not words, the longer ones first.
var symbols = []string{
	"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??",
	".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":", "?", "+", "-", "*",
	"/", "%", "|", "=", "<", ">", "^", "&", "!", "~",
}

const (
	whitespace = " \t\n\r\v"
	// nameStops has the characters that end a name: whitespace and operators.
	nameStops = whitespace + ".[]{}(),@#;:?+-*/%|=<>^&!~"
)

// lexer splits the source into tokens, by the grammar of the reference implementation. A
// slash after an operand is a division. Elsewhere it begins a regular expression.
type lexer struct {
	source string
	pos    int
	line   int
}

// next reads a token. If afterOperand is true, a slash is a division.
func (l *lexer) next(afterOperand bool) (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	t := token{line: l.line}
	if l.pos == len(l.source) {
		return t, nil
	}
	c := l.source[l.pos]
	switch {
	case c == '/' && !afterOperand:
		return l.regex(t)
	case c == '"' || c == '\'':
		return l.text(t, c)
	case c >= '0' && c <= '9':
		return l.number(t)
	case c == '`':
		return l.quotedName(t)
	}
	if symbol := l.symbol(); symbol != "" {
		l.pos += len(symbol)
		t.kind, t.text = tokenOperator, symbol
		return t, nil
	}
	return l.name(t)
}

// skip skips whitespace and comments, and counts lines.
func (l *lexer) skip() error {
	for l.pos < len(l.source) {
		switch {
		case l.source[l.pos] == '\n':
			l.line++
			l.pos++
		case strings.IndexByte(whitespace, l.source[l.pos]) >= 0:
			l.pos++
		case strings.HasPrefix(l.source[l.pos:], "/*"):
			end := strings.Index(l.source[l.pos+2:], "*/")
			if end < 0 {
				return fault.Newf(l.line, "the comment has no end: close it with */")
			}
			l.advance(2 + end + 2)
		default:
			return nil
		}
	}
	return nil
}

// advance skips n bytes, and counts lines.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.source[l.pos:l.pos+n], "\n")
	l.pos += n
}

func (l *lexer) symbol() string {
	for _, s := range symbols {
		if strings.HasPrefix(l.source[l.pos:], s) {
			return s
		}
	}
	return ""
}

func (l *lexer) name(t token) (token, error) {
	rest := l.source[l.pos:]
	if end := strings.IndexAny(rest, nameStops); end >= 0 {
		rest = rest[:end]
	}
	if r, hidden := chars.Hidden(rest); hidden {
		return t, fault.Newf(t.line, "there is %s, which cannot be seen: delete it, or write the name in backticks", chars.Name(r))
	}
	l.pos += len(rest)
	t.text = rest
	if strings.HasPrefix(rest, "$") {
		t.kind, t.text = tokenVariable, rest[1:]
		return t, nil
	}
	t.kind = tokenName
	switch rest {
	case "and", "or", "in":
		t.kind = tokenOperator
	case "true", "false", "null":
		t.kind = tokenLiteral
	}
	return t, nil
}

func (l *lexer) quotedName(t token) (token, error) {
	end := strings.IndexByte(l.source[l.pos+1:], '`')
	if end < 0 {
		return t, fault.Newf(t.line, "the name in backticks has no end: close it with `")
	}
	t.kind, t.text = tokenName, l.source[l.pos+1:l.pos+1+end]
	l.advance(end + 2)
	return t, nil
}

func (l *lexer) number(t token) (token, error) {
	end := numberEnd(l.source, l.pos)
	text := l.source[l.pos:end]
	l.pos = end
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return t, fault.Newf(t.line, "the number %s is out of range", text)
	}
	t.kind, t.text, t.number = tokenNumber, text, f
	return t, nil
}

// numberEnd returns the end of a JSON number without a sign: digits, a fraction, an
// exponent. It stops before a fraction or an exponent that is not complete.
func numberEnd(s string, pos int) int {
	if s[pos] == '0' {
		pos++
	} else {
		pos = skipDigits(s, pos)
	}
	if pos < len(s) && s[pos] == '.' {
		if end := skipDigits(s, pos+1); end > pos+1 {
			pos = end
		}
	}
	if pos < len(s) && (s[pos] == 'e' || s[pos] == 'E') {
		start := pos + 1
		if start < len(s) && (s[start] == '+' || s[start] == '-') {
			start++
		}
		if end := skipDigits(s, start); end > start {
			pos = end
		}
	}
	return pos
}

func skipDigits(s string, pos int) int {
	for pos < len(s) && s[pos] >= '0' && s[pos] <= '9' {
		pos++
	}
	return pos
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (l *lexer) text(t token, quote byte) (token, error) {
	var b strings.Builder
	for i := l.pos + 1; i < len(l.source); i++ {
		switch c := l.source[i]; {
		case c == quote:
			t.kind, t.text = tokenString, b.String()
			l.advance(i + 1 - l.pos)
			return t, nil
		case c != '\\':
			b.WriteByte(c)
		default:
			i++
			r, size, err := Unescape(l.source[i:])
			if err != "" {
				return t, fault.Newf(t.line, "%s", err)
			}
			b.WriteRune(r)
			i += size - 1
		}
	}
	return t, fault.Newf(t.line, "the text has no end: close it with %c", quote)
}

// Unescape decodes the characters after a backslash. It returns how many bytes they are, or
// a problem: a text that describes what is wrong with them.
func Unescape(s string) (r rune, size int, problem string) {
	if s == "" {
		return 0, 0, "the text has no end"
	}
	if c, ok := escapes[s[0]]; ok {
		return rune(c), 1, ""
	}
	if s[0] != 'u' {
		c, _ := utf8.DecodeRuneInString(s)
		return 0, 0, `\` + string(c) + ` is not an escape: for a backslash itself write \\`
	}
	r, ok := ParseHex4(s[1:])
	if !ok {
		return 0, 0, `\u must be followed by four hexadecimal digits`
	}
	if !utf16.IsSurrogate(r) {
		return r, 5, ""
	}
	if len(s) > 7 && s[5] == '\\' && s[6] == 'u' {
		if low, ok := ParseHex4(s[7:]); ok {
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				return full, 11, ""
			}
		}
	}
	return 0, 0, `half of a surrogate pair is no character: write the character itself, or both halves`
}

// ParseHex4 returns the value of the four hexadecimal digits at the beginning of s.
func ParseHex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 32)
	return rune(n), err == nil
}

// regex reads a regular expression. It ends at a slash that is neither escaped nor inside
// brackets of any kind.
func (l *lexer) regex(t token) (token, error) {
	depth := 0
	for i := l.pos + 1; i < len(l.source); i++ {
		switch l.source[i] {
		case '\\':
			i++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '/':
			if depth != 0 {
				continue
			}
			t.kind, t.text = tokenRegex, l.source[l.pos+1:i]
			l.advance(i + 1 - l.pos)
			return l.regexFlags(t)
		}
	}
	return t, fault.Newf(t.line, "the regular expression has no end: close it with /")
}

func (l *lexer) regexFlags(t token) (token, error) {
	if t.text == "" {
		return t, fault.Newf(t.line, "a regular expression cannot be empty")
	}
	start := l.pos
	for l.pos < len(l.source) && (l.source[l.pos] == 'i' || l.source[l.pos] == 'm') {
		l.pos++
	}
	t.flags = l.source[start:l.pos]
	return t, nil
}
