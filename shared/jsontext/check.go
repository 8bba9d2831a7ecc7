package jsontext

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Fault is the reason why Check does not accept a text.
type Fault int

const (
	// None means that the text is one JSON value within the bounds.
	None Fault = iota
	// Syntax means that the text is not one JSON value.
	Syntax
	// Depth means that objects and lists are nested deeper than the bounds allow.
	Depth
	// Count means that the text has more values than the bounds allow.
	Count
)

// Bounds limit what a text may contain.
type Bounds struct {
	Depth  int // objects and lists inside one another
	Values int // values, members and elements at every level
}

// Field is a member of an object: its name as a JSON string, and its value. Inner has
// the members of a value that is an object at one of the recorded levels.
type Field struct {
	Key, Value []byte
	Inner      []Field
}

// Check accepts the texts that encoding/json accepts, within the bounds. It returns the
// members of the object that the text is, and none for another value. inside is the
// number of levels around the text in another one.
func Check(text []byte, inside int, bounds Bounds) ([]Field, Fault) {
	c := checker{text: text, bounds: bounds, fault: Syntax}
	end := c.value(c.space(0), inside)
	if end == wrong || c.space(end) < len(text) {
		return nil, c.fault
	}
	return c.fields, None
}

// recordedLevels is the number of levels at which Check records the members of objects:
// the body and the payload. So the lines of an order are read once.
const recordedLevels = 2

// checker reads a text once, and accepts what encoding/json accepts. Its methods check
// what begins at an index of the text, and return the index after it, or wrong. The depth
// is bounded, so they may recurse.
type checker struct {
	text   []byte
	bounds Bounds
	values int
	fault  Fault   // why a method returned wrong
	fields []Field // of the last object that was checked, if it is at a recorded level
}

// wrong is what a method returns instead of an index.
const wrong = -1

func (c *checker) exceeds(bound Fault) int {
	c.fault = bound
	return wrong
}

// peek returns the byte at an index. At the end it returns 0, with which no JSON begins.
func (c *checker) peek(at int) byte {
	if at < len(c.text) {
		return c.text[at]
	}
	return 0
}

func (c *checker) space(at int) int {
	for at < len(c.text) && kinds[c.text[at]] == blank {
		at++
	}
	return at
}

func (c *checker) value(at, inside int) int {
	if c.values++; c.values > c.bounds.Values {
		return c.exceeds(Count)
	}
	switch b := c.peek(at); {
	case b == '"':
		return c.string(at)
	case b == '{':
		return c.object(at, inside+1)
	case b == '[':
		return c.list(at, inside+1)
	case b == '-' || isDigit(b):
		return c.number(at)
	case b == 't':
		return c.word(at, "true")
	case b == 'f':
		return c.word(at, "false")
	case b == 'n':
		return c.word(at, "null")
	}
	return wrong
}

func (c *checker) object(at, level int) int {
	if level > c.bounds.Depth {
		return c.exceeds(Depth)
	}
	var fields []Field
	at = c.space(at + 1)
	for more := c.peek(at) != '}'; more; {
		key := at
		colon := c.key(key)
		if colon == wrong {
			return wrong
		}
		start := c.space(colon + 1)
		c.fields = nil
		if at = c.value(start, level); at == wrong {
			return wrong
		}
		if level <= recordedLevels {
			fields = append(fields, Field{Key: bytes.TrimRight(c.text[key:colon], space), Value: c.text[start:at], Inner: c.fields})
		}
		at = c.space(at)
		switch c.peek(at) {
		case ',':
			at = c.space(at + 1)
		case '}':
			more = false
		default:
			return wrong
		}
	}
	c.fields = fields
	return at + 1
}

// key checks the name of a member, and returns the index of the colon after it.
func (c *checker) key(at int) int {
	if c.peek(at) != '"' {
		return wrong
	}
	if at = c.string(at); at == wrong {
		return wrong
	}
	if at = c.space(at); c.peek(at) != ':' {
		return wrong
	}
	return at
}

func (c *checker) list(at, level int) int {
	if level > c.bounds.Depth {
		return c.exceeds(Depth)
	}
	at = c.space(at + 1)
	for more := c.peek(at) != ']'; more; {
		if at = c.value(at, level); at == wrong {
			return wrong
		}
		at = c.space(at)
		switch c.peek(at) {
		case ',':
			at = c.space(at + 1)
		case ']':
			more = false
		default:
			return wrong
		}
	}
	c.fields = nil
	return at + 1
}

// stops has the bytes at which a string ends, has an escape, or is not valid.
var stops = func() (stops [256]bool) {
	for b := range ' ' {
		stops[b] = true
	}
	stops['"'], stops['\\'] = true, true
	return stops
}()

func (c *checker) string(at int) int {
	text, i := c.text, at+1
	for ; i+8 <= len(text); i += 8 {
		if found := stopsIn(binary.LittleEndian.Uint64(text[i:])); found != 0 {
			i += bits.TrailingZeros64(found) / 8
			break
		}
	}
	for {
		for i < len(text) && !stops[text[i]] {
			i++
		}
		switch {
		case i == len(text) || text[i] < ' ':
			return wrong
		case text[i] == '"':
			return i + 1
		case i+1 < len(text) && escaped[text[i+1]] != 0:
			i += 2
		case isCodePoint(text[i:]):
			i += len(`\u0000`)
		default:
			return wrong
		}
	}
}

// stopsIn finds stops in eight bytes at once: it sets the high bit of the first one. A
// byte below a space, and one that is equal to a quote or a backslash, is where the
// subtraction borrows.
func stopsIn(word uint64) uint64 {
	const each = 0x0101010101010101 // times a byte: eight of them
	control := word - each*' '
	quote := word ^ each*'"' - each
	backslash := word ^ each*'\\' - each
	return (control | quote | backslash) &^ word & (each << 7)
}

// isCodePoint reports whether a text begins with an escape such as \u00e9.
func isCodePoint(text []byte) bool {
	const length = len(`\u0000`)
	if len(text) < length || text[1] != 'u' {
		return false
	}
	for _, b := range text[2:length] {
		if !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'f') {
			return false
		}
	}
	return true
}

func (c *checker) number(at int) int {
	if c.peek(at) == '-' {
		at++
	}
	if c.peek(at) == '0' {
		at++
	} else if at = c.digits(at); at == wrong {
		return wrong
	}
	if c.peek(at) == '.' {
		if at = c.digits(at + 1); at == wrong {
			return wrong
		}
	}
	if c.peek(at)|0x20 == 'e' {
		at++
		if sign := c.peek(at); sign == '+' || sign == '-' {
			at++
		}
		return c.digits(at)
	}
	return at
}

// digits skips one digit or more.
func (c *checker) digits(at int) int {
	start := at
	for isDigit(c.peek(at)) {
		at++
	}
	if at == start {
		return wrong
	}
	return at
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func (c *checker) word(at int, word string) int {
	if len(c.text)-at < len(word) || string(c.text[at:at+len(word)]) != word {
		return wrong
	}
	return at + len(word)
}
