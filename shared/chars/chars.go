// Package chars handles texts from people and other programs: it checks their encoding,
// finds invisible characters in them, and makes them safe to show.
package chars

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// byteOrderMark is U+FEFF in UTF-8, which some editors write at the beginning of a
// file.
const byteOrderMark = "\ufeff"

// Decode returns a text in UTF-8 without a byte order mark at its beginning, which a
// reader may ignore (RFC 8259, 8.1). For a text in UTF-16 or UTF-32 it returns an error
// that names the encoding.
func Decode(content []byte) ([]byte, error) {
	if encoding := otherEncoding(content); encoding != "" {
		return nil, errors.New("it " + encoding + ": save it as UTF-8")
	}
	return bytes.TrimPrefix(content, []byte(byteOrderMark)), nil
}

// otherEncoding reports by the first bytes of a text that it is in UTF-16 or UTF-32. No
// text that is read here begins with a NUL, or has one as its second character.
func otherEncoding(content []byte) string {
	for _, mark := range []struct{ bytes, name string }{
		{"\xff\xfe\x00\x00", "UTF-32"}, {"\x00\x00\xfe\xff", "UTF-32"}, {"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"},
	} {
		if bytes.HasPrefix(content, []byte(mark.bytes)) {
			return "begins with a " + mark.name + " byte order mark"
		}
	}
	if len(content) > 1 && (content[0] == 0) != (content[1] == 0) {
		return "is in UTF-16 or UTF-32, without a byte order mark"
	}
	return ""
}

// names has the names of characters that are easily overlooked in a text.
var names = map[rune]string{
	0: "NUL", '\t': "a tab", '\n': "a line feed", '\r': "a carriage return", ' ': "a space",
	'\u00a0': "a no-break space", '\u00ad': "a soft hyphen", '\u200b': "a zero-width space", '\u200c': "a zero-width non-joiner",
	'\u200d': "a zero-width joiner", '\u200e': "a left-to-right mark", '\u200f': "a right-to-left mark",
	'\u2028': "a line separator", '\u2029': "a paragraph separator", '\u2060': "a word joiner",
	'\ufeff': "a byte order mark", unicode.ReplacementChar: "bytes that are not UTF-8",
}

// Name describes a character for an error: "a zero-width space (U+200B)". A character
// without a name here is described by its number.
func Name(r rune) string {
	number := fmt.Sprintf("U+%04X", r)
	if name, known := names[r]; known {
		return name + " (" + number + ")"
	}
	return "the character " + number
}

// Hidden returns the first control or format character of a text that is not white
// space.
func Hidden(text string) (r rune, found bool) {
	i := strings.IndexFunc(text, isHidden)
	if i < 0 {
		return 0, false
	}
	for _, r = range text[i:] {
		break
	}
	return r, true
}

func isHidden(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && !unicode.IsSpace(r)
}

// Line makes one line that is safe to show of a text from outside: white space becomes
// a space, and control characters, bidi controls and other invisible characters are
// removed.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
}

// Escape replaces the characters of a text that could control a terminal by escapes
// such as \u001b: control characters except tabs and line ends, and characters that
// change the direction of writing. In a JSON string the escape is the same character. A
// carriage return at the beginning stays, for programs that overwrite a line.
func Escape(text []byte) []byte {
	var safe []byte // nil as long as there is nothing to escape
	for at, size := 0, 0; at < len(text); at += size {
		var r rune
		r, size = utf8.DecodeRune(text[at:])
		if controlsTerminal(r) && !(r == '\r' && (at == 0 || bytes.HasPrefix(text[at:], []byte("\r\n")))) {
			if safe == nil {
				safe = append(make([]byte, 0, len(text)+16), text[:at]...)
			}
			safe = fmt.Appendf(safe, `\u%04x`, r)
		} else if safe != nil {
			safe = append(safe, text[at:at+size]...)
		}
	}
	if safe == nil {
		return text
	}
	return safe
}

// controlsTerminal reports whether a terminal does something other than show the
// character.
func controlsTerminal(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
}
