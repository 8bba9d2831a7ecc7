package commerce

import (
	"encoding/json"
	"fmt"
)

// Bounds of a body, counted in it as a template sees it: a resources string's
// content counts from where the payload would stand.
const (
	// MaxDepth is how many objects and lists a body may have inside one another. A
	// documented order uses about ten. encoding/json would go to 10,000, and templates
	// recurse over what they get.
	MaxDepth = 100
	// MaxValues is how many values a body may have, members and elements at every
	// level. A documented line of an order has some 50 in a kilobyte, so an order of 6 MB,
	// the most that comes in, has 350,000. Once they are built, half a million objects
	// take less than 100 MB, of the 256 MB of a function; 6 MB of nothing but tiny values
	// would take several times as much.
	MaxValues = 500_000
)

// checkJSON gives the members of an object, or says why a text, which stands inside
// so many levels, is not one JSON value within the bounds. What is no object has no
// members.
func checkJSON(what string, text []byte, inside int) ([]field, error) {
	c := checker{text: text}
	switch c.document(inside) {
	case wrongSyntax:
		return nil, notJSON(what, json.Unmarshal(text, new(any)))
	case wrongDepth:
		return nil, &Error{TooDeep, fmt.Sprintf("%s is nested more than %d levels deep: no Commerce webhook is", what, MaxDepth)}
	case wrongCount:
		return nil, &Error{TooMany, fmt.Sprintf("%s has more than %d values: no Commerce webhook has", what, MaxValues)}
	}
	return c.fields, nil
}

// field is a member of an object: its name as the JSON string that it is, and its
// value. Where that is an object at one of the noted levels, inner has its members.
type field struct {
	key, value []byte
	inner      []field
}

// notedLevels is how deep the objects lie whose members are noted while they are
// checked: the body and the payload. So the lines of an order are gone through once.
const notedLevels = 2

// fault is what is wrong with a text.
type fault int

const (
	nothingWrong fault = iota
	wrongSyntax
	wrongDepth
	wrongCount
)

// checker goes through a text once, and accepts what encoding/json does. Its depth
// is bounded, so it may recurse.
type checker struct {
	text   []byte
	at     int
	values int
	fields []field // of the last object that was checked, if it lies at a noted level
}

func (c *checker) document(inside int) fault {
	c.skipSpace()
	if wrong := c.value(inside); wrong != nothingWrong {
		return wrong
	}
	c.skipSpace()
	if c.at < len(c.text) {
		return wrongSyntax
	}
	return nothingWrong
}

// peek is the next byte; 0, which no JSON begins with, at the end.
func (c *checker) peek() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

func (c *checker) skipSpace() {
	for c.at < len(c.text) && kinds[c.text[c.at]] == blank {
		c.at++
	}
}

func (c *checker) value(inside int) fault {
	if c.values++; c.values > MaxValues {
		return wrongCount
	}
	switch b := c.peek(); {
	case b == '"':
		return c.string()
	case b == '{':
		return c.object(inside + 1)
	case b == '[':
		return c.list(inside + 1)
	case b == '-' || isDigit(b):
		return c.number()
	case b == 't':
		return c.word("true")
	case b == 'f':
		return c.word("false")
	case b == 'n':
		return c.word("null")
	}
	return wrongSyntax
}

func (c *checker) object(level int) fault {
	if level > MaxDepth {
		return wrongDepth
	}
	c.at++
	var fields []field
	for more := c.opens('}'); more; {
		key, wrong := c.key()
		if wrong != nothingWrong {
			return wrong
		}
		start := c.at
		c.fields = nil
		if wrong := c.value(level); wrong != nothingWrong {
			return wrong
		}
		if level <= notedLevels {
			fields = append(fields, field{key: key, value: c.text[start:c.at], inner: c.fields})
		}
		if more, wrong = c.continues('}'); wrong != nothingWrong {
			return wrong
		}
	}
	c.fields = fields
	return nothingWrong
}

// key checks the name of a member, and passes over the colon.
func (c *checker) key() ([]byte, fault) {
	start := c.at
	if c.peek() != '"' || c.string() != nothingWrong {
		return nil, wrongSyntax
	}
	key := c.text[start:c.at]
	c.skipSpace()
	if c.peek() != ':' {
		return nil, wrongSyntax
	}
	c.at++
	c.skipSpace()
	return key, nothingWrong
}

func (c *checker) list(level int) fault {
	if level > MaxDepth {
		return wrongDepth
	}
	c.at++
	for more := c.opens(']'); more; {
		wrong := c.value(level)
		if wrong != nothingWrong {
			return wrong
		}
		if more, wrong = c.continues(']'); wrong != nothingWrong {
			return wrong
		}
	}
	return nothingWrong
}

// opens says whether an object or a list has a first element, and passes over its
// end where it has none.
func (c *checker) opens(end byte) bool {
	c.skipSpace()
	if c.peek() == end {
		c.at++
		return false
	}
	return true
}

// continues says whether another element follows one.
func (c *checker) continues(end byte) (more bool, wrong fault) {
	c.skipSpace()
	b := c.peek()
	c.at++
	switch b {
	case end:
		return false, nothingWrong
	case ',':
		c.skipSpace()
		return true, nothingWrong
	}
	return false, wrongSyntax
}

// stops are the bytes at which a string ends, or does not go on as it is.
var stops = func() (stops [256]bool) {
	for b := range ' ' {
		stops[b] = true
	}
	stops['"'], stops['\\'] = true, true
	return stops
}()

func (c *checker) string() fault {
	text, i := c.text, c.at+1
	for {
		for i < len(text) && !stops[text[i]] {
			i++
		}
		if i >= len(text) || text[i] < ' ' {
			return wrongSyntax
		}
		if text[i] == '"' {
			c.at = i + 1
			return nothingWrong
		}
		length := escapeExtent(text[i:])
		if length == 0 {
			return wrongSyntax
		}
		i += length
	}
}

// escapeExtent measures the escape at the beginning of a text; 0 where it is none.
func escapeExtent(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		const length = len(`\u0000`)
		if len(text) < length {
			return 0
		}
		for _, b := range text[2:length] {
			if !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'f') {
				return 0
			}
		}
		return length
	}
	return 0
}

func (c *checker) number() fault {
	if c.peek() == '-' {
		c.at++
	}
	if c.peek() == '0' {
		c.at++
	} else if !c.digits() {
		return wrongSyntax
	}
	if c.peek() == '.' {
		c.at++
		if !c.digits() {
			return wrongSyntax
		}
	}
	if c.peek()|0x20 == 'e' {
		c.at++
		if sign := c.peek(); sign == '+' || sign == '-' {
			c.at++
		}
		if !c.digits() {
			return wrongSyntax
		}
	}
	return nothingWrong
}

// digits passes over digits, and says whether there was one.
func (c *checker) digits() bool {
	start := c.at
	for isDigit(c.peek()) {
		c.at++
	}
	return c.at > start
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func (c *checker) word(word string) fault {
	if len(c.text)-c.at < len(word) || string(c.text[c.at:c.at+len(word)]) != word {
		return wrongSyntax
	}
	c.at += len(word)
	return nothingWrong
}
