package executions

import (
	"bytes"
	"strings"
)

// Wanted is a text that is searched for. Upper and lower case of a to z are equal.
type Wanted struct {
	text []byte // in lower case
	rare int    // the index of its byte that is rarest in records
}

// frequent are the bytes that records have most often, the most frequent first: those of ids
// and of names of trackings.
const frequent = "0123456789abcdef-ortnslimpdk:"

// NewWanted returns the search for a text.
func NewWanted(text string) Wanted {
	w := Wanted{text: []byte(text)}
	best := -1
	for i, c := range w.text {
		w.text[i] = lower(c)
		place := strings.IndexByte(frequent, w.text[i])
		if place < 0 {
			place = len(frequent)
		}
		if place > best {
			best, w.rare = place, i
		}
	}
	return w
}

// Empty reports whether it is in every text.
func (w Wanted) Empty() bool { return len(w.text) == 0 }

// In reports whether a text contains it. It compares only where the rarest byte is, which is
// much faster than to convert the text to lower case.
func (w Wanted) In(text []byte) bool {
	if w.Empty() {
		return true
	}
	c := w.text[w.rare]
	return w.at(text, c) || 'a' <= c && c <= 'z' && w.at(text, c-'a'+'A')
}

// at reports whether a text contains it with this byte as the rarest one.
func (w Wanted) at(text []byte, rare byte) bool {
	for i := w.rare; i < len(text); i++ {
		next := bytes.IndexByte(text[i:], rare)
		if next < 0 {
			return false
		}
		i += next
		if w.begins(text[i-w.rare:]) {
			return true
		}
	}
	return false
}

// begins reports whether a text begins with it.
func (w Wanted) begins(text []byte) bool {
	if len(text) < len(w.text) {
		return false
	}
	for i, c := range w.text {
		if lower(text[i]) != c {
			return false
		}
	}
	return true
}

// lower returns the small letter of A to Z.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c - 'A' + 'a'
	}
	return c
}
