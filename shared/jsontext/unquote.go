package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns the content of a JSON string as encoding/json decodes it, and "" for any
// other value.
func Text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	return Content(value, string(value))
}

// Content is Text for a JSON string that is also given as a Go string. The result is a
// part of that string if possible, which saves an allocation.
func Content(value []byte, same string) string {
	switch {
	case !utf8.Valid(value):
		return replaced(value)
	case bytes.IndexByte(value, '\\') < 0:
		return same[1 : len(same)-1]
	}
	return unquote(value)
}

// replaced returns the content of a string with U+FFFD in place of bytes that are not
// UTF-8.
func replaced(value []byte) string {
	var content string
	if err := json.Unmarshal(value, &content); err != nil {
		return ""
	}
	return content
}

// escaped has the characters that the byte after a backslash stands for, except for u.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote returns the content of a JSON string without its escapes. It is never longer
// than the string.
func unquote(value []byte) string {
	var content strings.Builder
	content.Grow(len(value))
	for rest := value[1 : len(value)-1]; ; {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 {
			content.Write(rest)
			return content.String()
		}
		content.Write(rest[:i])
		if c := rest[i+1]; c != 'u' {
			content.WriteByte(escaped[c])
			rest = rest[i+2:]
			continue
		}
		r, length := codePoint(rest[i:])
		content.WriteRune(r)
		rest = rest[i+length:]
	}
}

// codePoint decodes the escape \u1234 at the beginning of a text, or two of them that
// are a surrogate pair. A single surrogate becomes U+FFFD.
func codePoint(text []byte) (r rune, length int) {
	const one = len(`\u0000`)
	r = hexadecimal(text[2:one])
	if !utf16.IsSurrogate(r) {
		return r, one
	}
	if len(text) >= 2*one && text[one] == '\\' && text[one+1] == 'u' {
		if pair := utf16.DecodeRune(r, hexadecimal(text[one+2:2*one])); pair != utf8.RuneError {
			return pair, 2 * one
		}
	}
	return utf8.RuneError, one
}

func hexadecimal(digits []byte) (r rune) {
	for _, b := range digits {
		if isDigit(b) {
			r = r<<4 | rune(b-'0')
		} else {
			r = r<<4 | rune(b|0x20-'a'+10)
		}
	}
	return r
}
