package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// encoder writes values as JSON up to a limit of bytes. It stops at the first value that
// exceeds the limit, so a text that a message contains a thousand times is not copied a
// thousand times.
//
// It writes the same as encoding/json, but does not escape <, > and &, and writes U+FFFD for NUL.
type encoder struct {
	json  []byte
	limit int
	keys  []string // of the objects that are being written
}

// newEncoder returns an encoder with room for a usual message.
func newEncoder(limit int) *encoder {
	return &encoder{json: make([]byte, 0, 1024), limit: limit, keys: make([]string, 0, 32)}
}

// value appends a value, and reports whether the JSON is within the limit. If not, a part
// of the value may have been appended.
func (e *encoder) value(v any) bool {
	switch v := v.(type) {
	case nil:
		e.json = append(e.json, "null"...)
	case bool:
		e.json = strconv.AppendBool(e.json, v)
	case float64:
		e.number(v)
	case string:
		return e.text(v)
	case []any:
		return e.list(v)
	case map[string]any:
		return e.object(v)
	case int:
		e.json = strconv.AppendInt(e.json, int64(v), 10)
	case int64:
		e.json = strconv.AppendInt(e.json, v, 10)
	case json.Number:
		e.json = append(e.json, v...)
	case json.RawMessage: // products that are encoded already
		e.json = append(e.json, v...)
	default:
		return e.value(plain(v))
	}
	return e.fits(0)
}

// plain converts a value of another Go type to one of the types above. A template does not return such values.
func plain(v any) (plain any) {
	encoded, _ := json.Marshal(v) // no error: see checkEncodable
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	_ = decoder.Decode(&plain)
	return plain
}

// fits reports whether n more bytes are within the limit.
func (e *encoder) fits(n int) bool { return len(e.json)+n <= e.limit }

func (e *encoder) number(f float64) {
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		encoded, _ := json.Marshal(f)
		e.json = append(e.json, encoded...)
		return
	}
	e.json = strconv.AppendFloat(e.json, f, 'f', -1, 64)
}

func (e *encoder) list(list []any) bool {
	if !e.fits(2*len(list) + 1) { // elements have one byte at least
		return false
	}
	e.json = append(e.json, '[')
	for i, element := range list {
		if i > 0 {
			e.json = append(e.json, ',')
		}
		if !e.value(element) {
			return false
		}
	}
	e.json = append(e.json, ']')
	return e.fits(0)
}

// object appends the fields in the order of their names.
func (e *encoder) object(fields map[string]any) bool {
	if !e.fits(5 * len(fields)) { // names have two bytes at least, values one
		return false
	}
	first := len(e.keys)
	for key := range fields {
		e.keys = append(e.keys, key)
	}
	slices.Sort(e.keys[first:])
	e.json = append(e.json, '{')
	for i := range len(fields) {
		if i > 0 {
			e.json = append(e.json, ',')
		}
		key := e.keys[first+i]
		if !e.text(key) {
			return false
		}
		e.json = append(e.json, ':')
		if !e.value(fields[key]) {
			return false
		}
	}
	e.keys = e.keys[:first]
	e.json = append(e.json, '}')
	return e.fits(0)
}

func (e *encoder) text(text string) bool {
	if !e.fits(len(text) + len(`""`)) {
		return false
	}
	e.json = append(e.json, '"')
	written := 0 // of the text
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		if isEscaped(r, size) {
			e.json = append(e.json, text[written:i]...)
			e.escape(r)
			written = i + size
		}
		i += size
	}
	e.json = append(append(e.json, text[written:]...), '"')
	return e.fits(0)
}

// isEscaped reports whether a character with a size in bytes is written as an escape. These
// include the line separators of JavaScript, and a byte that is not UTF-8.
func isEscaped(r rune, size int) bool {
	return r < ' ' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError && size == 1
}

// shortEscapes has the escapes of JSON in addition to \u.
var shortEscapes = map[rune]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// escape appends the escape of a character. It writes U+FFFD for NUL, which the databases of
// most warehouses reject. Leaving out the NUL could make two names equal, or a user id
// empty.
func (e *encoder) escape(r rune) {
	if short, ok := shortEscapes[r]; ok {
		e.json = append(e.json, '\\', short)
		return
	}
	if r == 0 {
		r = utf8.RuneError
	}
	e.json = fmt.Appendf(e.json, `\u%04x`, r)
}
