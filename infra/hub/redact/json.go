package redact

import (
	"iter"
	"strings"
)

// The kinds of the parts of a JSON text. They are also CSS classes, for the colours.
const (
	jsonKey    = "name"
	jsonString = "string"
	jsonNumber = "number"
	jsonWord   = "word" // true, false, null
	jsonOther  = ""     // white space and punctuation
)

// jsonPart is a part of a JSON text, unchanged.
type jsonPart struct {
	Kind, Text string
}

// Parts splits a JSON text into parts. Joined, the parts are the same text.
func Parts(text string) iter.Seq[jsonPart] {
	return func(yield func(jsonPart) bool) {
		for len(text) > 0 {
			part := firstPart(text)
			text = text[len(part.Text):]
			if !yield(part) {
				return
			}
		}
	}
}

func firstPart(text string) jsonPart {
	switch c := text[0]; {
	case c == '"':
		end := stringEnd(text)
		if strings.HasPrefix(strings.TrimLeft(text[end:], " \t\r\n"), ":") {
			return jsonPart{jsonKey, text[:end]}
		}
		return jsonPart{jsonString, text[:end]}
	case c == '-' || c >= '0' && c <= '9':
		return jsonPart{jsonNumber, text[:spanOf(text, "+-.0123456789eE")]}
	case c >= 'a' && c <= 'z':
		return jsonPart{jsonWord, text[:spanOf(text, "abcdefghijklmnopqrstuvwxyz")]}
	default:
		end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(" \t\r\n{}[],:", r) })
		if end <= 0 {
			end = len(text)
		}
		return jsonPart{jsonOther, text[:end]}
	}
}

// stringEnd returns the end of the string at the beginning of a text.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// spanOf returns how many bytes at the beginning of a text are in bytes.
func spanOf(text, bytes string) int {
	for i := range len(text) {
		if strings.IndexByte(bytes, text[i]) < 0 {
			return i
		}
	}
	return len(text)
}
