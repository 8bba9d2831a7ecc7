package template

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

func defineText() {
	defined("string", "x-b?:s", 1, func(st *state, args []any) (any, error) {
		return stringOf(st, args[0], args[1] == true)
	})
	textFunction("length", "s-:n", 1, func(_ *state, s string, _ []any) (any, error) {
		return float64(utf8.RuneCountInString(s)), nil
	})
	textFunction("substring", "s-nn?:s", 3, substring)
	textFunction("substringBefore", "s-s:s", 2, substringBefore)
	textFunction("substringAfter", "s-s:s", 2, substringAfter)
	textFunction("lowercase", "s-:s", 1, func(_ *state, s string, _ []any) (any, error) { return lowercase(s), nil })
	textFunction("uppercase", "s-:s", 1, func(_ *state, s string, _ []any) (any, error) { return uppercase(s), nil })
	textFunction("trim", "s-:s", 1, func(_ *state, s string, _ []any) (any, error) { return trim(s), nil })
	textFunction("pad", "s-ns?:s", 3, pad)
	defined("join", "a<s>s?:s", 2, joinText)
	textFunction("contains", "s-(sf):b", 2, contains)
	textFunction("split", "s-(sf)n?:a<s>", 3, split)
	textFunction("match", "s-f<s:o>n?:a<o>", 3, match)
	textFunction("replace", "s-(sf)(sf)n?:s", 4, replace)
	textFunction("base64encode", "s-:s", 1, base64encode)
	textFunction("base64decode", "s-:s", 1, base64decode)
	textFunction("encodeUrlComponent", "s-:s", 1, func(st *state, s string, _ []any) (any, error) {
		return percentEncode(st, s, unreserved)
	})
	textFunction("encodeUrl", "s-:s", 1, func(st *state, s string, _ []any) (any, error) {
		return percentEncode(st, s, unreserved+reserved+"#")
	})
	textFunction("decodeUrlComponent", "s-:s", 1, func(_ *state, s string, _ []any) (any, error) {
		return percentDecode(s, "")
	})
	textFunction("decodeUrl", "s-:s", 1, func(_ *state, s string, _ []any) (any, error) {
		return percentDecode(s, reserved+"#")
	})
}

// substring counts in characters (code points), as the reference does.
func substring(_ *state, s string, args []any) (any, error) {
	start, ok := number(args[0])
	if !ok && args[1] == nil {
		return s, nil
	}
	if !ok {
		return nil, errors.New("$substring needs the place to start at")
	}
	chars := []rune(s)
	size := float64(len(chars))
	if size+start < 0 {
		start = 0
	}
	end := size
	if length, ok := number(args[1]); ok {
		if length <= 0 {
			return "", nil
		}
		end = start + length
		if start < 0 {
			end += size
		}
	}
	from, to := sliceIndex(start, len(chars)), sliceIndex(end, len(chars))
	if from >= to {
		return "", nil
	}
	return string(chars[from:to]), nil
}

// sliceIndex makes an index as JavaScript's slice does: cut to a whole number, from
// the end if negative, within bounds.
func sliceIndex(f float64, size int) int {
	f = math.Trunc(f)
	if f < 0 {
		f += float64(size)
	}
	return int(max(0, min(f, float64(size))))
}

func substringBefore(_ *state, s string, args []any) (any, error) {
	mark, ok := args[0].(string)
	if !ok {
		return s, nil
	}
	before, _, _ := strings.Cut(s, mark)
	return before, nil
}

func substringAfter(_ *state, s string, args []any) (any, error) {
	mark, ok := args[0].(string)
	if !ok {
		return s, nil
	}
	if _, after, found := strings.Cut(s, mark); found {
		return after, nil
	}
	return s, nil
}

// uppercase and lowercase are JavaScript's, which expand ß to SS and know that a
// sigma at the end of a word has a form of its own.
func uppercase(s string) string {
	return strings.ToUpper(expansions.Replace(s))
}

func lowercase(s string) string {
	s = strings.ReplaceAll(s, "İ", "i̇")
	if !strings.Contains(s, "Σ") {
		return strings.ToLower(s)
	}
	chars := []rune(s)
	var b strings.Builder
	for i, r := range chars {
		if r == 'Σ' && finalSigma(chars, i) {
			b.WriteRune('ς')
			continue
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// finalSigma tells whether the sigma at i ends a word.
func finalSigma(chars []rune, i int) bool {
	letterAt := func(j int) bool {
		return j >= 0 && j < len(chars) && strings.ToLower(string(chars[j])) != strings.ToUpper(string(chars[j]))
	}
	return letterAt(i-1) && !letterAt(i+1)
}

// expansions are the characters whose upper case is several characters.
// Source: Unicode SpecialCasing.txt, the unconditional mappings.
var expansions = strings.NewReplacer(
	"ß", "SS", "ŉ", "ʼN", "ǰ", "J̌", "ΐ", "Ϊ́", "ΰ", "Ϋ́", "և", "ԵՒ",
	"ẖ", "H̱", "ẗ", "T̈", "ẘ", "W̊", "ẙ", "Y̊", "ẚ", "Aʾ",
	"ﬀ", "FF", "ﬁ", "FI", "ﬂ", "FL", "ﬃ", "FFI", "ﬄ", "FFL", "ﬅ", "ST", "ﬆ", "ST",
)

// trim makes one space of each run of whitespace, and none at the ends.
func trim(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\n' || r == '\r'
	}), " ")
}

func pad(st *state, s string, args []any) (any, error) {
	width, ok := number(args[0])
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
	if missing > maxBytes {
		return nil, errBytes
	}
	n := int(missing)
	if err := st.allocate(n * 4); err != nil {
		return nil, err
	}
	chars := []rune(with)
	padding := make([]rune, n)
	for i := range padding {
		padding[i] = chars[i%len(chars)]
	}
	if width > 0 {
		return s + string(padding), nil
	}
	return string(padding) + s, nil
}

func joinText(st *state, args []any) (any, error) {
	list := args[0].(*array)
	separator, _ := args[1].(string)
	size := 0
	parts := make([]string, len(list.items))
	for i, item := range list.items {
		s, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("$join joins strings, not %s", describe(item))
		}
		parts[i] = s
		size += len(s) + len(separator)
	}
	if err := st.allocate(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, separator), nil
}

// base64encode and base64decode work on characters up to U+00FF as bytes, as
// JavaScript's btoa and atob do.
func base64encode(st *state, s string, _ []any) (any, error) {
	raw := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return nil, errors.New("$base64encode works on characters up to U+00FF only: use $encodeUrlComponent first")
		}
		raw = append(raw, byte(r))
	}
	return base64.StdEncoding.EncodeToString(raw), st.allocate(2 * len(raw))
}

func base64decode(st *state, s string, _ []any) (any, error) {
	cleaned := strings.NewReplacer("-", "+", "_", "/", "=", "", "\n", "", "\r", "", " ", "").Replace(s)
	raw, err := base64.RawStdEncoding.DecodeString(cleaned)
	if err != nil {
		return nil, errors.New("$base64decode was given something that is not base64")
	}
	chars := make([]rune, len(raw))
	for i, b := range raw {
		chars[i] = rune(b)
	}
	return string(chars), st.allocate(4 * len(raw))
}

// The characters that URL functions leave alone, from ECMA-262 (encodeURI).
const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
	reserved   = ";/?:@&=+$,"
)

func percentEncode(st *state, s, leave string) (any, error) {
	if err := st.allocate(3 * len(s)); err != nil {
		return nil, err
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return nil, errors.New("the text has a character that could not be read, and cannot be encoded")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(leave, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String(), nil
}

var errPercent = errors.New("the text is not a well-formed URL: % must be followed by two hexadecimal digits that make UTF-8")

// percentDecode undoes percentEncode, except for the characters in leave.
func percentDecode(s, leave string) (any, error) {
	var b strings.Builder
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

// percentRun reads the one character that %XX… at i stands for.
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
