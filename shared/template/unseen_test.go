package template_test

import (
	"strings"
	"testing"

	"commerce-segment/shared/template"
)

// An invisible character in a name makes it the name of a field that no event has.
func TestTheErrorOfAnInvisibleCharacterInATemplateNamesIt(t *testing.T) {
	for _, c := range []struct{ name, source, says string }{
		{"a byte order mark at the beginning", "\ufeffpayload.data", ""},
		{"a byte order mark in a name", "payload.\n\ufeffdata", "line 2: there is a byte order mark (U+FEFF), which cannot be seen"},
		{"a zero-width space in a name", "payload.da\u200bta", "line 1: there is a zero-width space (U+200B)"},
		{"a zero-width space after a name", "payload.data\u200b", "there is a zero-width space (U+200B)"},
		{"a zero-width space in a variable", "$to\u200btal", "there is a zero-width space (U+200B)"},
		{"a right-to-left override", "payload.\u202edata", "there is the character U+202E"},
		{"NUL", "payload.\x00data", "there is NUL (U+0000)"},
		{"in a text it is a character as any other", "\"a\u200bb\"", ""},
		{"in backticks too", "payload.`da\u200bta`", ""},
		{"in a comment it does not matter", "/* \u200b */ payload", ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", "it begins with a UTF-16 byte order mark: save it as UTF-8"},
		{"UTF-16 without a byte order mark", "{\x00}\x00", "it is in UTF-16 or UTF-32, without a byte order mark"},
		{"another charset", "\"caf\xe9\"", "it is not valid UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := template.Compile("mine", c.source)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
		})
	}
}

func TestInputMayBeginWithAByteOrderMark(t *testing.T) {
	compiled, err := template.Compile("mine", "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := compiled.Eval(t.Context(), []byte("\ufeff{\"a\": 3000}"), nil); string(got) != "3000" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := compiled.Eval(t.Context(), []byte("\xfe\xff\x00{\x00}"), nil); err == nil || !strings.Contains(err.Error(), "begins with a UTF-16 byte order mark") {
		t.Errorf("for UTF-16 the error is %v", err)
	}
}
