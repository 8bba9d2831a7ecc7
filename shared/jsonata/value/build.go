package value

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"commerce-segment/shared/jsontext"
)

// Build returns the value of JSON that jsontext.Check has accepted, with Null for null.
// The texts of the value are parts of one copy of the JSON. Its errors wrap ErrInput.
func Build(text []byte) (any, error) {
	b := builder{bytes: text, text: string(text), isUTF8: utf8.Valid(text)}
	v := b.value()
	return v, b.err
}

// builder builds a value from JSON that jsontext.Check has accepted.
type builder struct {
	bytes  []byte
	text   string // the same JSON as a string
	isUTF8 bool
	at     int
	err    error // the first error

	// The fields and items of the objects and lists that are not complete yet.
	fields []Field
	items  []any
	// Objects and fields are allocated in blocks, because most objects are small.
	objects []Object
	room    []Field
}

func (b *builder) value() any {
	b.at += jsontext.Gap(b.bytes[b.at:])
	switch start := b.at; b.bytes[start] {
	case '{':
		return b.object()
	case '[':
		return b.list()
	case '"':
		return b.string()
	case 't':
		b.at += len("true")
		return true
	case 'f':
		b.at += len("false")
		return false
	case 'n':
		b.at += len("null")
		return Null
	default:
		b.at += jsontext.Extent(b.bytes[start:])
		return b.number(b.text[start:b.at])
	}
}

// more reports whether another member or element follows. If none does, it skips the
// closing bracket.
func (b *builder) more() bool {
	b.at += jsontext.Gap(b.bytes[b.at:])
	if c := b.bytes[b.at]; c != '}' && c != ']' {
		return true
	}
	b.at++
	return false
}

func (b *builder) object() *Object {
	b.at++
	start := len(b.fields)
	for b.more() {
		key := b.string()
		if len(key) > MaxKey && b.err == nil {
			b.err = errKey
		}
		b.fields = append(b.fields, Field{key, b.value()})
	}
	o := b.newObject(len(b.fields) - start)
	for _, f := range b.fields[start:] {
		o.Set(f.Key, f.Value)
	}
	b.fields = b.fields[:start]
	return o
}

// newObject is NewObject, but takes the object from a block. A block has up to 32 objects
// and as many fields, and fewer near the end of the text.
func (b *builder) newObject(size int) *Object {
	together := min(32, 1+(len(b.bytes)-b.at)/16)
	if len(b.objects) == 0 {
		b.objects = make([]Object, together)
	}
	if size > len(b.room) {
		b.room = make([]Field, max(size, together))
	}
	o := &b.objects[0]
	o.fields = b.room[:0:size]
	b.objects, b.room = b.objects[1:], b.room[size:]
	return o
}

func (b *builder) list() *Array {
	b.at++
	start := len(b.items)
	for b.more() {
		b.items = append(b.items, b.value())
	}
	list := NewList(slices.Clone(b.items[start:]))
	b.items = b.items[:start]
	return list
}

func (b *builder) string() string {
	start := b.at
	b.at += jsontext.StringExtent(b.bytes[start:])
	value := b.bytes[start:b.at]
	if b.isUTF8 && bytes.IndexByte(value, '\\') < 0 {
		return b.text[start+1 : b.at-1]
	}
	return jsontext.Text(value)
}

func (b *builder) number(text string) any {
	v, err := ParseNumber(text)
	if err != nil && b.err == nil {
		b.err = err
	}
	return v
}
