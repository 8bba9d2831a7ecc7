package jsontext

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
	c := checker{text: text, bounds: bounds}
	fault := c.document(inside)
	return c.fields, fault
}

// recordedLevels is the number of levels at which Check records the members of objects:
// the body and the payload. So the lines of an order are read once.
const recordedLevels = 2

// checker reads a text once, and accepts what encoding/json accepts. Its depth is
// bounded, so it may recurse.
type checker struct {
	text   []byte
	bounds Bounds
	at     int
	values int
	fields []Field // of the last object that was checked, if it lies at a noted level
}

func (c *checker) document(inside int) Fault {
	c.skipSpace()
	if wrong := c.value(inside); wrong != None {
		return wrong
	}
	c.skipSpace()
	if c.at < len(c.text) {
		return Syntax
	}
	return None
}

// peek returns the next byte. At the end it returns 0, with which no JSON begins.
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

func (c *checker) value(inside int) Fault {
	if c.values++; c.values > c.bounds.Values {
		return Count
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
	return Syntax
}

func (c *checker) object(level int) Fault {
	if level > c.bounds.Depth {
		return Depth
	}
	c.at++
	var fields []Field
	for more := c.opens('}'); more; {
		key, wrong := c.key()
		if wrong != None {
			return wrong
		}
		start := c.at
		c.fields = nil
		if wrong := c.value(level); wrong != None {
			return wrong
		}
		if level <= recordedLevels {
			fields = append(fields, Field{Key: key, Value: c.text[start:c.at], Inner: c.fields})
		}
		if more, wrong = c.continues('}'); wrong != None {
			return wrong
		}
	}
	c.fields = fields
	return None
}

// key checks the name of a member, and skips the colon.
func (c *checker) key() ([]byte, Fault) {
	start := c.at
	if c.peek() != '"' || c.string() != None {
		return nil, Syntax
	}
	key := c.text[start:c.at]
	c.skipSpace()
	if c.peek() != ':' {
		return nil, Syntax
	}
	c.at++
	c.skipSpace()
	return key, None
}

func (c *checker) list(level int) Fault {
	if level > c.bounds.Depth {
		return Depth
	}
	c.at++
	for more := c.opens(']'); more; {
		wrong := c.value(level)
		if wrong != None {
			return wrong
		}
		if more, wrong = c.continues(']'); wrong != None {
			return wrong
		}
	}
	return None
}

// opens reports whether an object or a list has a first element. It skips the end of an
// empty one.
func (c *checker) opens(end byte) bool {
	c.skipSpace()
	if c.peek() == end {
		c.at++
		return false
	}
	return true
}

// continues reports whether another element follows.
func (c *checker) continues(end byte) (more bool, wrong Fault) {
	c.skipSpace()
	b := c.peek()
	c.at++
	switch b {
	case end:
		return false, None
	case ',':
		c.skipSpace()
		return true, None
	}
	return false, Syntax
}

// stops has the bytes at which a string ends, has an escape, or is not valid.
var stops = func() (stops [256]bool) {
	for b := range ' ' {
		stops[b] = true
	}
	stops['"'], stops['\\'] = true, true
	return stops
}()

func (c *checker) string() Fault {
	text, i := c.text, c.at+1
	for {
		for i < len(text) && !stops[text[i]] {
			i++
		}
		if i >= len(text) || text[i] < ' ' {
			return Syntax
		}
		if text[i] == '"' {
			c.at = i + 1
			return None
		}
		if i+1 < len(text) && escaped[text[i+1]] != 0 {
			i += 2
		} else if isCodePoint(text[i:]) {
			i += len(`\u0000`)
		} else {
			return Syntax
		}
	}
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

func (c *checker) number() Fault {
	if c.peek() == '-' {
		c.at++
	}
	if c.peek() == '0' {
		c.at++
	} else if !c.digits() {
		return Syntax
	}
	if c.peek() == '.' {
		c.at++
		if !c.digits() {
			return Syntax
		}
	}
	if c.peek()|0x20 == 'e' {
		c.at++
		if sign := c.peek(); sign == '+' || sign == '-' {
			c.at++
		}
		if !c.digits() {
			return Syntax
		}
	}
	return None
}

// digits skips digits, and reports whether there was one.
func (c *checker) digits() bool {
	start := c.at
	for isDigit(c.peek()) {
		c.at++
	}
	return c.at > start
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func (c *checker) word(word string) Fault {
	if len(c.text)-c.at < len(word) || string(c.text[c.at:c.at+len(word)]) != word {
		return Syntax
	}
	c.at += len(word)
	return None
}
