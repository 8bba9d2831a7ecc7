package jsontext

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns the content of a JSON string as encoding/json decodes it, and "" for any
// other value.
func Text(value []byte) string { return string(Content(value)) }

// Content is Text as bytes, which may be a part of the value.
func Content(value []byte) []byte {
	switch {
	case len(value) == 0 || value[0] != '"':
		return nil
	case !utf8.Valid(value):
		return replaced(value)
	case bytes.IndexByte(value, '\\') < 0:
		return value[1 : len(value)-1]
	}
	return unquote(value)
}

// replaced returns the content of a string with U+FFFD in place of bytes that are not
// UTF-8.
func replaced(value []byte) []byte {
	var content string
	if err := json.Unmarshal(value, &content); err != nil {
		return nil
	}
	return []byte(content)
}

// escaped has the characters that the byte after a backslash stands for, except for u.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote returns the content of a JSON string without its escapes. It is never longer
// than the string.
func unquote(value []byte) []byte {
	content := make([]byte, 0, len(value))
	for i := 1; i < len(value)-1; i++ {
		if value[i] != '\\' {
			content = append(content, value[i])
			continue
		}
		if c := escaped[value[i+1]]; c != 0 {
			content = append(content, c)
			i++
			continue
		}
		r, length := codePoint(value[i:])
		content = utf8.AppendRune(content, r)
		i += length - 1
	}
	return content
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
