package commerce

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// The functions here walk JSON that checkJSON has already accepted, and so need
// to know little of its grammar. They find single members of a large body without
// building the rest, at a small part of what decoding costs.

const space = " \t\r\n"

// kind is what a walk has to know of a byte.
type kind uint8

const (
	plain kind = iota
	blank
	quoteOrEscape
	opening
	closing
	separator // a comma or a colon
)

var kinds = [256]kind{
	' ': blank, '\t': blank, '\r': blank, '\n': blank,
	'"': quoteOrEscape, '\\': quoteOrEscape,
	'{': opening, '[': opening, '}': closing, ']': closing,
	',': separator, ':': separator,
}

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
			rest = rest[gapExtent(rest):]
			if rest[0] == '}' {
				return
			}
			end := extent(rest)
			key := rest[:end]
			rest = rest[end:]
			rest = rest[gapExtent(rest):]
			end = extent(rest)
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
	return content(value, string(value))
}

// content is text of a JSON string that is given as a Go string too, of which it
// is a part wherever it can be.
func content(value []byte, same string) string {
	if bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) {
		return same[1 : len(same)-1]
	}
	var unquoted string
	if err := json.Unmarshal(value, &unquoted); err != nil {
		return ""
	}
	return unquoted
}

// gapExtent measures what stands before the next key or value: white space and a
// comma or a colon.
func gapExtent(text []byte) int {
	i := 0
	for kinds[text[i]] == blank || kinds[text[i]] == separator {
		i++
	}
	return i
}

// extent measures the JSON value at the very beginning of a text.
func extent(text []byte) int {
	switch kinds[text[0]] {
	case quoteOrEscape:
		return stringExtent(text)
	case opening:
		return containerExtent(text)
	}
	i := 1 // a number, true, false or null
	for i < len(text) && kinds[text[i]] == plain {
		i++
	}
	return i
}

// containerExtent measures the object or the list at the beginning of a text.
func containerExtent(text []byte) int {
	for i, level := 0, 0; ; i++ {
		switch kinds[text[i]] {
		case quoteOrEscape:
			i += stringExtent(text[i:]) - 1
		case opening:
			level++
		case closing:
			if level--; level == 0 {
				return i + 1
			}
		}
	}
}

// stringExtent measures the JSON string at the beginning of a text, quotes
// included.
func stringExtent(text []byte) int {
	for i := 1; ; i++ {
		if kinds[text[i]] != quoteOrEscape {
			continue
		}
		if text[i] == '"' {
			return i + 1
		}
		i++
	}
}
