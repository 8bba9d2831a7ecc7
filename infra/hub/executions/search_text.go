package executions

import (
	"bytes"
	"strings"
)

// SearchText is a text to search for in other texts. Upper and lower case of a to z are equal.
type SearchText struct {
	text []byte // in lower case
	rare int    // the index of its byte that is rarest in records
}

// frequent are the bytes that records have most often, the most frequent first: those of ids
// and of names of trackings.
const frequent = "0123456789abcdef-ortnslimpdk:"

// NewSearchText returns the search for a text.
func NewSearchText(text string) SearchText {
	s := SearchText{text: []byte(text)}
	best := -1
	for i, c := range s.text {
		s.text[i] = lower(c)
		place := strings.IndexByte(frequent, s.text[i])
		if place < 0 {
			place = len(frequent)
		}
		if place > best {
			best, s.rare = place, i
		}
	}
	return s
}

// Empty reports whether it is in every text.
func (s SearchText) Empty() bool { return len(s.text) == 0 }

// IsIn reports whether a text contains it. It compares only where the rarest byte is, which is
// much faster than to convert the text to lower case.
func (s SearchText) IsIn(text []byte) bool {
	if s.Empty() {
		return true
	}
	c := s.text[s.rare]
	return s.isAround(text, c) || 'a' <= c && c <= 'z' && s.isAround(text, c-'a'+'A')
}

// isAround reports whether a text contains it where a byte of the text is its rarest one.
func (s SearchText) isAround(text []byte, rare byte) bool {
	for i := s.rare; i < len(text); i++ {
		next := bytes.IndexByte(text[i:], rare)
		if next < 0 {
			return false
		}
		i += next
		if s.startsText(text[i-s.rare:]) {
			return true
		}
	}
	return false
}

// startsText reports whether a text begins with it.
func (s SearchText) startsText(text []byte) bool {
	if len(text) < len(s.text) {
		return false
	}
	for i, c := range s.text {
		if lower(text[i]) != c {
			return false
		}
	}
	return true
}

// lower returns a byte, or the lower-case letter if it is one of A to Z.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c - 'A' + 'a'
	}
	return c
}
