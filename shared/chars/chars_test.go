package chars_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"commerce-segment/shared/chars"
)

// in16 returns a text in UTF-16, or with wide in UTF-32.
func in16(s string, little, wide bool) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		bytes := []byte{byte(unit >> 8), byte(unit)}
		if wide {
			bytes = append([]byte{0, 0}, bytes...)
		}
		for i := range bytes {
			if little {
				i = len(bytes) - 1 - i
			}
			b.WriteByte(bytes[i])
		}
	}
	return b.String()
}

func TestDecodeReadsUTF8AndNamesAnyOtherEncoding(t *testing.T) {
	const plain = `{"a": "ä"}`
	for _, c := range []struct{ name, content, want, says string }{
		{"UTF-8", plain, plain, ""},
		{"UTF-8 with a byte order mark", "\ufeff" + plain, plain, ""},
		{"a second byte order mark stays", "\ufeff\ufeff" + plain, "\ufeff" + plain, ""},
		{"nothing", "", "", ""},
		{"only a byte order mark", "\ufeff", "", ""},
		{"one character", "1", "1", ""},
		{"little-endian UTF-16", in16("\ufeff"+plain, true, false), "", "begins with a UTF-16 byte order mark: save it as UTF-8"},
		{"big-endian UTF-16", in16("\ufeff"+plain, false, false), "", "begins with a UTF-16 byte order mark"},
		{"little-endian UTF-32", in16("\ufeff"+plain, true, true), "", "begins with a UTF-32 byte order mark"},
		{"big-endian UTF-32", in16("\ufeff"+plain, false, true), "", "begins with a UTF-32 byte order mark"},
		{"little-endian UTF-16 without a mark", in16(plain, true, false), "", "is in UTF-16 or UTF-32, without a byte order mark"},
		{"big-endian UTF-16 without a mark", in16(plain, false, false), "", "is in UTF-16 or UTF-32, without a byte order mark"},
		{"little-endian UTF-32 without a mark", in16(plain, true, true), "", "is in UTF-16 or UTF-32, without a byte order mark"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := chars.Decode([]byte(c.content))
			if string(got) != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v, want %q, %q", got, err, c.want, c.says)
			}
		})
	}
}

func TestLineReturnsOneSafeLine(t *testing.T) {
	for _, c := range []struct{ name, shown, want string }{
		{"plain text", "ord-1 ✓ 注文 é", "ord-1 ✓ 注文 é"},
		{"a colour", "a\x1b[31mb", "a[31mb"},
		{"a title of the terminal", "a\x1b]0;title\x07b", "a]0;titleb"},
		{"C1 controls", "a\u009b31mb\u0085c", "a31mb c"},
		{"a C1 control as a byte", "a\x9b31mb", "a31mb"},
		{"line ends of every kind", "a\nb\r\nc\rd\u2028e\u2029f\vg\fh", "a b  c d e f g h"},
		{"bidi controls", "a\u202eb\u2066c\u200fd", "abcd"},
		{"zero-width characters", "a\u200bb\u2060c\ufeffd\u00ade", "abcde"},
		{"NUL, backspace and delete", "a\x00\b\x7fb", "ab"},
		{"tag characters", "a\U000e0041b", "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := chars.Line(c.shown); got != c.want {
				t.Errorf("%q is shown as %q, want %q", c.shown, got, c.want)
			}
		})
	}
}

func TestHiddenCharactersAreNamed(t *testing.T) {
	for hidden, name := range map[string]string{
		"a\u200bb": "a zero-width space (U+200B)", "\ufeff": "a byte order mark (U+FEFF)", "a\x00": "NUL (U+0000)", "\u202e": "the character U+202E",
	} {
		if r, found := chars.Hidden(hidden); !found || chars.Name(r) != name {
			t.Errorf("%q has %s, %v, want %s", hidden, chars.Name(r), found, name)
		}
	}
	for _, seen := range []string{"", "a b\tc\r\nd", "é注"} {
		if r, found := chars.Hidden(seen); found {
			t.Errorf("%q has %s", seen, chars.Name(r))
		}
	}
}

func TestEscapeReplacesCharactersThatControlATerminal(t *testing.T) {
	for _, c := range []struct{ name, written, want string }{
		{"plain text stays", "ord-1\t✓\n注文\u200d\r\n", "ord-1\t✓\n注文\u200d\r\n"},
		{"a colour", "a\x1b[31mb", `a\u001b[31mb`},
		{"a title", "\x1b]0;t\a", `\u001b]0;t\u0007`},
		{"C1 controls", "a\u009b31mb\u0085", `a\u009b31mb\u0085`},
		{"bidi controls", "a\u202eb\u2066c\u200fd\u061c", `a\u202eb\u2066c\u200fd\u061c`},
		{"NUL, backspace, delete", "\x00\b\x7f", `\u0000\u0008\u007f`},
		{"a carriage return in the middle of a line", "paid\rrefunded", `paid\u000drefunded`},
		{"a carriage return at the beginning", "\r12 read", "\r12 read"},
		{"a part of a character", "a\xe6\xb3", "a\xe6\xb3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(chars.Escape([]byte(c.written))); got != c.want {
				t.Errorf("%q is written as %q, want %q", c.written, got, c.want)
			}
		})
	}
}
