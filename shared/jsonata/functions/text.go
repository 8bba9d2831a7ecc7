package functions

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"commerce-segment/shared/jsonata/value"
)

func (l Library) addText() {
	l.defineStrict("string", "x-b?:s", 1, func(st *value.State, args []any) (any, error) {
		return value.Stringify(st, args[0], args[1] == true)
	})
	l.DefineText("length", "s-:n", 1, func(_ *value.State, s string, _ []any) (any, error) {
		return float64(utf8.RuneCountInString(s)), nil
	})
	l.DefineText("substring", "s-nn?:s", 3, substring)
	l.DefineText("substringBefore", "s-s:s", 2, substringBefore)
	l.DefineText("substringAfter", "s-s:s", 2, substringAfter)
	l.DefineText("lowercase", "s-:s", 1, lowercase)
	l.DefineText("uppercase", "s-:s", 1, uppercase)
	l.DefineText("trim", "s-:s", 1, trim)
	l.DefineText("pad", "s-ns?:s", 3, pad)
	l.defineStrict("join", "a<s>s?:s", 2, joinText)
	l.DefineText("contains", "s-(sf):b", 2, contains)
	l.DefineText("split", "s-(sf)n?:a<s>", 3, split)
	l.DefineText("match", "s-f<s:o>n?:a<o>", 3, match)
	l.DefineText("replace", "s-(sf)(sf)n?:s", 4, replace)
	l.DefineText("base64encode", "s-:s", 1, base64encode)
	l.DefineText("base64decode", "s-:s", 1, base64decode)
	l.DefineText("encodeUrlComponent", "s-:s", 1, func(st *value.State, s string, _ []any) (any, error) {
		return percentEncode(st, s, &urlComponent)
	})
	l.DefineText("encodeUrl", "s-:s", 1, func(st *value.State, s string, _ []any) (any, error) {
		return percentEncode(st, s, &wholeURL)
	})
	l.DefineText("decodeUrlComponent", "s-:s", 1, func(st *value.State, s string, _ []any) (any, error) {
		return percentDecode(st, s, "")
	})
	l.DefineText("decodeUrl", "s-:s", 1, func(st *value.State, s string, _ []any) (any, error) {
		return percentDecode(st, s, reserved+"#")
	})
}

// substring counts characters (code points), as the reference implementation does.
func substring(st *value.State, s string, args []any) (any, error) {
	if err := st.Spend(len(s) / 32); err != nil { // substring reads the text up to three times
		return nil, err
	}
	start, ok := value.Number(args[0])
	if !ok && args[1] == nil {
		return s, nil
	}
	if !ok {
		return "", nil
	}
	chars := utf8.RuneCountInString(s)
	size := float64(chars)
	if size+start < 0 {
		start = 0
	}
	end := size
	if length, ok := value.Number(args[1]); ok {
		if length <= 0 {
			return "", nil
		}
		end = start + length
		if start < 0 {
			end += size
		}
	}
	from, to := sliceIndex(start, chars), sliceIndex(end, chars)
	if from >= to {
		return "", nil
	}
	s = s[byteIndex(s, from):]
	return s[:byteIndex(s, to-from)], nil
}

// byteIndex returns the offset of the character at index i.
func byteIndex(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	for at := range s {
		if i == 0 {
			return at
		}
		i--
	}
	return len(s)
}

// sliceIndex converts an index as JavaScript's slice does: it removes the fraction,
// takes a negative index from the end, and keeps it within bounds.
func sliceIndex(f float64, size int) int {
	f = math.Trunc(f)
	if f < 0 {
		f += float64(size)
	}
	return int(max(0, min(f, float64(size))))
}

func substringBefore(_ *value.State, s string, args []any) (any, error) {
	mark, ok := args[0].(string)
	if !ok {
		return s, nil
	}
	before, _, _ := strings.Cut(s, mark)
	return before, nil
}

func substringAfter(_ *value.State, s string, args []any) (any, error) {
	mark, ok := args[0].(string)
	if !ok {
		return s, nil
	}
	if _, after, found := strings.Cut(s, mark); found {
		return after, nil
	}
	return s, nil
}

// uppercase expands characters such as ß to SS, as JavaScript does.
func uppercase(st *value.State, s string, _ []any) (any, error) {
	if isASCII(s) {
		if err := st.Allocate(len(s)); err != nil {
			return nil, err
		}
		return strings.ToUpper(s), nil
	}
	if err := st.Allocate(4 * len(s)); err != nil { // one character may become three
		return nil, err
	}
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		part := s[:byteIndex(s, caseAtOnce)]
		if err := st.Spend(len(part) / 4); err != nil {
			return nil, err
		}
		b.WriteString(strings.ToUpper(expansions.Replace(part)))
		s = s[len(part):]
	}
	return b.String(), nil
}

// caseAtOnce is how many characters or bytes are converted between two checks of the
// context. Each of them needs a search in tables.
const caseAtOnce = 10_000

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lowercase converts a sigma at the end of a word to its final form, as JavaScript does.
func lowercase(st *value.State, s string, _ []any) (any, error) {
	if isASCII(s) {
		if err := st.Allocate(len(s)); err != nil {
			return nil, err
		}
		return strings.ToLower(s), nil
	}
	if err := st.Allocate(4 * len(s)); err != nil {
		return nil, err
	}
	s = strings.ReplaceAll(s, "İ", "i̇")
	var b strings.Builder
	b.Grow(len(s))
	afterLetter, paid := false, 0
	for i, r := range s {
		if i >= paid {
			if err := st.Spend(min(len(s)-i, caseAtOnce) / 2); err != nil {
				return nil, err
			}
			paid += caseAtOnce
		}
		if r == 'Σ' && afterLetter && !startsWithLetter(s[i+len("Σ"):]) {
			b.WriteRune('ς')
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		afterLetter = hasCase(r)
	}
	return b.String(), nil
}

func startsWithLetter(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && hasCase(r)
}

// hasCase reports whether the upper case of a character differs from the lower case.
func hasCase(r rune) bool { return unicode.ToLower(r) != unicode.ToUpper(r) }

// expansions replaces the characters whose upper case is several characters.
// Source: Unicode SpecialCasing.txt, the unconditional mappings.
var expansions = strings.NewReplacer(
	"ß", "SS", "ŉ", "ʼN", "ǰ", "J̌", "ΐ", "Ϊ́", "ΰ", "Ϋ́", "և", "ԵՒ",
	"ẖ", "H̱", "ẗ", "T̈", "ẘ", "W̊", "ẙ", "Y̊", "ẚ", "Aʾ",
	"ﬀ", "FF", "ﬁ", "FI", "ﬂ", "FL", "ﬃ", "FFI", "ﬄ", "FFL", "ﬅ", "ST", "ﬆ", "ST",
)

// trim replaces each run of whitespace by one space, and removes the whitespace at the ends.
func trim(st *value.State, s string, _ []any) (any, error) {
	const spaces = " \t\n\r"
	s = strings.Trim(s, spaces)
	if !strings.ContainsAny(s, spaces[1:]) && !strings.Contains(s, "  ") {
		return s, nil
	}
	if err := st.Allocate(2 * len(s)); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case strings.IndexByte(spaces, s[i]) < 0:
			b = append(b, s[i])
		case b[len(b)-1] != ' ':
			b = append(b, ' ')
		}
	}
	return string(b), nil
}

func pad(st *value.State, s string, args []any) (any, error) {
	width, ok := value.Number(args[0])
	if !ok {
		return s, nil
	}
	with, _ := args[1].(string)
	if with == "" {
		with = " "
	}
	missing := math.Abs(math.Trunc(width)) - float64(utf8.RuneCountInString(s))
	if missing <= 0 {
		return s, nil
	}
	if missing > value.MaxBytes {
		return nil, value.ErrBytes
	}
	chars := utf8.RuneCountInString(with)
	rounds, rest := int(missing)/chars, with[:byteIndex(with, int(missing)%chars)]
	size := len(s) + rounds*len(with) + len(rest)
	if err := st.Allocate(size); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(size)
	if width > 0 {
		b.WriteString(s)
	}
	for range rounds {
		b.WriteString(with)
	}
	b.WriteString(rest)
	if width < 0 {
		b.WriteString(s)
	}
	return b.String(), nil
}

func joinText(st *value.State, args []any) (any, error) {
	list := args[0].(*value.Array)
	separator, _ := args[1].(string)
	if err := st.AllocateItems(len(list.Items)); err != nil {
		return nil, err
	}
	size := 0
	parts := make([]string, len(list.Items))
	for i, item := range list.Items {
		s, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("$join joins strings, not %s", value.Describe(item))
		}
		parts[i] = s
		size += len(s) + len(separator)
	}
	if err := st.Allocate(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, separator), nil
}

// lowBytes converts a text to bytes as Node.js does: it keeps the lower eight bits of
// each UTF-16 code unit, so characters above U+00FF are lost.
func lowBytes(s string) []byte {
	raw := make([]byte, 0, len(s))
	for _, r := range s {
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			raw = append(raw, byte(high), byte(low))
		} else {
			raw = append(raw, byte(r))
		}
	}
	return raw
}

func base64encode(st *value.State, s string, _ []any) (any, error) {
	if err := st.Allocate(4 * len(s)); err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString(lowBytes(s)), nil
}

// base64Alphabet has the characters of the standard and of the URL-safe encoding.
const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"

// base64decode skips characters that are not part of base64, and ends at the first =, as
// the reference implementation does in Node.js. Each decoded byte becomes a character, from
// U+0000 to U+00FF.
func base64decode(st *value.State, s string, _ []any) (any, error) {
	if err := st.Allocate(4 * len(s)); err != nil {
		return nil, err
	}
	raw, _, _ := bytes.Cut(lowBytes(s), []byte("="))
	var b strings.Builder
	b.Grow(len(raw))
	bits, held := uint(0), 0
	for _, c := range raw {
		digit := strings.IndexByte(base64Alphabet, c)
		if digit < 0 {
			continue
		}
		if digit >= 64 { // - and _ have the values of + and /
			digit -= 2
		}
		bits, held = bits<<6|uint(digit), held+6
		if held >= 8 {
			held -= 8
			b.WriteRune(rune(byte(bits >> held)))
		}
	}
	return b.String(), nil
}

// The characters that URL functions do not encode, from ECMA-262 (encodeURI).
const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
	reserved   = ";/?:@&=+$,"
)

// The bytes that are not encoded in a part of a URL, and in a whole URL.
var urlComponent, wholeURL = bytesOf(unreserved), bytesOf(unreserved + reserved + "#")

func bytesOf(chars string) (set [256]bool) {
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}

func percentEncode(st *value.State, s string, leave *[256]bool) (any, error) {
	size := len(s)
	for i := 0; i < len(s); i++ {
		if !leave[s[i]] {
			size += 2
		}
	}
	if err := st.Allocate(size); err != nil {
		return nil, err
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(size)
	for i := 0; i < len(s); i++ {
		if leave[s[i]] {
			b.WriteByte(s[i])
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[s[i]>>4])
			b.WriteByte(hex[s[i]&15])
		}
	}
	return b.String(), nil
}

var errPercent = errors.New("the text is not a well-formed URL: % must be followed by two hexadecimal digits that make UTF-8")

// percentDecode is the inverse of percentEncode. It does not decode the characters in
// leave.
func percentDecode(st *value.State, s, leave string) (any, error) {
	if err := st.Allocate(len(s)); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if s[i] != '%' {
			b.WriteByte(s[i])
			i++
			continue
		}
		raw, end, ok := percentRun(s, i)
		if !ok {
			return nil, errPercent
		}
		if len(raw) == 1 && strings.IndexByte(leave, raw[0]) >= 0 {
			b.WriteString(s[i:end])
		} else {
			b.Write(raw)
		}
		i = end
	}
	return b.String(), nil
}

// percentRun decodes the character that is encoded as %XX… at i.
func percentRun(s string, i int) (raw []byte, end int, ok bool) {
	for end = i; len(raw) < utf8.UTFMax; {
		if len(s) < end+3 || s[end] != '%' {
			return nil, 0, false
		}
		high, low := hexDigit(s[end+1]), hexDigit(s[end+2])
		if high < 0 || low < 0 {
			return nil, 0, false
		}
		raw = append(raw, byte(high<<4|low))
		end += 3
		if utf8.FullRune(raw) {
			r, size := utf8.DecodeRune(raw)
			return raw, end, size == len(raw) && (r != utf8.RuneError || size > 1)
		}
	}
	return nil, 0, false
}

func hexDigit(c byte) int {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return strings.IndexByte("0123456789abcdef", c)
}
