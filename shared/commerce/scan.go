package commerce

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// The functions here walk JSON that json.Valid has already accepted, and so need
// to know little of its grammar. They find single members of a large body without
// building the rest, at a small part of what decoding costs.

const space = " \t\r\n"

// isObject says that a value is a JSON object.
func isObject(value []byte) bool {
	value = bytes.TrimLeft(value, space)
	return len(value) > 0 && value[0] == '{'
}

// isAbsent says that there is no value, or null.
func isAbsent(value []byte) bool { return value == nil || string(value) == "null" }

// members gives the members of a JSON object in their order, each key as the JSON
// string that it is. What is no object has no members.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if !isObject(object) {
			return
		}
		rest := object[bytes.IndexByte(object, '{')+1:]
		for {
			rest = bytes.TrimLeft(rest, space+",")
			if rest[0] == '}' {
				return
			}
			end, _ := extent(rest)
			key := rest[:end]
			rest = bytes.TrimLeft(rest[end:], space+":")
			end, _ = extent(rest)
			if !yield(key, rest[:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// member gives one member of an object, the last of that name; nil where there
// is none.
func member(object []byte, name string) []byte {
	var found []byte
	for key, value := range members(object) {
		if text(key) == name {
			found = value
		}
	}
	return found
}

// text gives the content of a JSON string as encoding/json reads it, and "" for
// any other value.
func text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	content := value[1 : len(value)-1]
	if bytes.IndexByte(content, '\\') < 0 && utf8.Valid(content) {
		return string(content)
	}
	var unquoted string
	if err := json.Unmarshal(value, &unquoted); err != nil {
		return ""
	}
	return unquoted
}

// extent measures the JSON value at the very beginning of a text: its bytes, and
// how many levels of objects and lists it has. Of a text that is not JSON it says
// something, and never goes beyond the end.
func extent(text []byte) (end, depth int) {
	level := 0
	for end < len(text) {
		switch text[end] {
		case '"':
			end += stringExtent(text[end:])
		case '{', '[':
			level++
			depth = max(depth, level)
			end++
		case '}', ']', ',', ' ', '\t', '\r', '\n':
			if level == 0 { // the end of a number, true, false or null
				return end, depth
			}
			if text[end] == '}' || text[end] == ']' {
				level--
			}
			end++
		default:
			end++
			continue
		}
		if level == 0 {
			return end, depth
		}
	}
	return end, depth
}

// stringExtent measures the JSON string at the beginning of a text, quotes
// included.
func stringExtent(text []byte) int {
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
