// Package jsontext reads JSON as text: it checks it, and finds and reads single
// members of a large value without building the rest, at a small part of what decoding
// costs. It makes no values.
package jsontext

import (
	"bytes"
	"iter"
)

// Everything but Check takes a text that Check has accepted, and so needs to know
// little of its grammar. Another one may make it panic.

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

// IsObject says that a value is a JSON object.
func IsObject(value []byte) bool {
	value = bytes.TrimLeft(value, space)
	return len(value) > 0 && value[0] == '{'
}

// IsAbsent says that there is no value, or null.
func IsAbsent(value []byte) bool { return value == nil || string(value) == "null" }

// Members gives the members of a JSON object in their order, each key as the JSON
// string that it is. What is no object has no members.
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

// Elements gives the elements of a JSON list in their order. What is no list has none.
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

// Member gives one member of an object, the last of that name; nil where there
// is none.
func Member(object []byte, name string) []byte {
	var found []byte
	for key, value := range Members(object) {
		if Text(key) == name {
			found = value
		}
	}
	return found
}

// Gap measures what stands before the next key or value: white space and a
// comma or a colon.
func Gap(text []byte) int {
	i := 0
	for kinds[text[i]] == blank || kinds[text[i]] == separator {
		i++
	}
	return i
}

// Extent measures the JSON value at the very beginning of a text.
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

// containerExtent measures the object or the list at the beginning of a text.
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

// StringExtent measures the JSON string at the beginning of a text, quotes
// included.
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
