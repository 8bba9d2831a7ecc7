// Package jsontext checks JSON, and finds and reads members of a large value without
// decoding the rest, in a small part of the time. It makes no values.
//
// All functions but Check expect a text that Check has accepted. They may panic for
// another one.
package jsontext

import (
	"bytes"
	"iter"
)

const space = " \t\r\n"

// kind classifies a byte for a walk.
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

// IsObject reports whether a value is a JSON object.
func IsObject(value []byte) bool {
	value = bytes.TrimLeft(value, space)
	return len(value) > 0 && value[0] == '{'
}

// IsAbsent reports whether there is no value, or it is null.
func IsAbsent(value []byte) bool { return value == nil || string(value) == "null" }

// Members iterates over the members of a JSON object in their order. The keys are JSON
// strings. A value that is no object has no members.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if !IsObject(object) {
			return
		}
		rest := object[bytes.IndexByte(object, '{')+1:]
		for {
			rest = rest[Gap(rest):]
			if rest[0] == '}' {
				return
			}
			end := Extent(rest)
			key := rest[:end]
			rest = rest[end:]
			rest = rest[Gap(rest):]
			end = Extent(rest)
			if !yield(key, rest[:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// Elements iterates over the elements of a JSON list in their order. A value that is no
// list has none.
func Elements(list []byte) iter.Seq[[]byte] {
	return func(yield func(element []byte) bool) {
		if len(list) == 0 || list[0] != '[' {
			return
		}
		for rest := list[1:]; ; {
			rest = rest[Gap(rest):]
			if rest[0] == ']' {
				return
			}
			end := Extent(rest)
			if !yield(rest[:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// Member follows names into an object and the objects in it, and returns the value that
// they lead to, of members of one name the last; nil where they lead nowhere.
func Member(object []byte, names ...string) []byte {
	for _, name := range names {
		var found []byte
		for key, value := range Members(object) {
			if Text(key) == name {
				found = value
			}
		}
		object = found
	}
	return object
}

// Gap returns the length of the white space, comma and colon before the next key or
// value.
func Gap(text []byte) int {
	i := 0
	for kinds[text[i]] == blank || kinds[text[i]] == separator {
		i++
	}
	return i
}

// Extent returns the length of the JSON value at the beginning of a text.
func Extent(text []byte) int {
	switch kinds[text[0]] {
	case quoteOrEscape:
		return StringExtent(text)
	case opening:
		return containerExtent(text)
	}
	i := 1 // a number, true, false or null
	for i < len(text) && kinds[text[i]] == plain {
		i++
	}
	return i
}

// containerExtent returns the length of the object or the list at the beginning of a
// text.
func containerExtent(text []byte) int {
	for i, level := 0, 0; ; i++ {
		switch kinds[text[i]] {
		case quoteOrEscape:
			i += StringExtent(text[i:]) - 1
		case opening:
			level++
		case closing:
			if level--; level == 0 {
				return i + 1
			}
		}
	}
}

// StringExtent returns the length of the JSON string at the beginning of a text, with
// its quotes.
func StringExtent(text []byte) int {
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
