// Package chars is what is true of any text that people and other programs hand in:
// how it is encoded, what in it cannot be seen, and how it is shown safely.
package chars

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// byteOrderMark is U+FEFF in UTF-8, with which some editors begin a file.
const byteOrderMark = "\ufeff"

// Decode gives a text in UTF-8 without a byte order mark at its beginning, which a
// reader may ignore (RFC 8259, 8.1). A text in UTF-16 or UTF-32 is refused by its name.
func Decode(content []byte) ([]byte, error) {
	if encoding := otherEncoding(content); encoding != "" {
		return nil, errors.New("it " + encoding + ": save it as UTF-8")
	}
	return bytes.TrimPrefix(content, []byte(byteOrderMark)), nil
}

// otherEncoding says by its first bytes that a text is in UTF-16 or UTF-32. Nothing that
// is read here begins with a NUL, or has one as its second character.
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

// names are those of the characters that get into a text unseen.
var names = map[rune]string{
	0: "NUL", '\t': "a tab", '\n': "a line feed", '\r': "a carriage return", ' ': "a space",
	'\u00a0': "a no-break space", '\u00ad': "a soft hyphen", '\u200b': "a zero-width space", '\u200c': "a zero-width non-joiner",
	'\u200d': "a zero-width joiner", '\u200e': "a left-to-right mark", '\u200f': "a right-to-left mark",
	'\u2028': "a line separator", '\u2029': "a paragraph separator", '\u2060': "a word joiner",
	'\ufeff': "a byte order mark", unicode.ReplacementChar: "bytes that are not UTF-8",
}

// Name is what to call a character: "a zero-width space (U+200B)". It shows only the
// number of one that has no name here.
func Name(r rune) string {
	number := fmt.Sprintf("U+%04X", r)
	if name, known := names[r]; known {
		return name + " (" + number + ")"
	}
	return "the character " + number
}

// Hidden is the first character of a text that cannot be seen and is no white space:
// a control or a format character.
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

// Line makes a text from outside one line that is safe to show: white space becomes a
// space, and control characters, bidi controls and all else that cannot be seen are
// left out.
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

// Escape spells out, as \u001b, what in a text could command a terminal: control
// characters but for tabs and line ends, and those that turn the direction of writing.
// In a string of JSON that is the same character. A carriage return at the beginning is
// let through, for whoever writes a line anew.
func Escape(text []byte) []byte {
	var safe []byte // nil as long as there is nothing to escape
	for at, size := 0, 0; at < len(text); at += size {
		var r rune
		r, size = utf8.DecodeRune(text[at:])
		if commands(r) && !(r == '\r' && (at == 0 || bytes.HasPrefix(text[at:], []byte("\r\n")))) {
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

// commands says that a terminal does something else with a character than show it.
func commands(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
}
