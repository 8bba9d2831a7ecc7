package value

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"commerce-segment/shared/jsontext"
)

// Build makes a value of JSON that jsontext.Check has accepted, with Null for null. Its
// texts are parts of one copy of the JSON. Its error wraps ErrInput.
func Build(text []byte) (any, error) {
	b := builder{bytes: text, text: string(text), isUTF8: utf8.Valid(text)}
	v := b.value()
	return v, b.err
}

// builder walks JSON that jsontext.Check has accepted.
type builder struct {
	bytes  []byte
	text   string // the same
	isUTF8 bool
	at     int
	err    error // the first

	// The fields and the items of the objects and lists that have begun.
	fields []Field
	items  []any
	// Objects and fields are allocated many at once: most objects are small.
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

// more reports whether another member or element follows, and passes over the end where
// none does.
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

// newObject is NewObject from what is allocated already, as far as it goes. Up to 32
// objects are allocated at once, and as many fields; fewer for the end of the text.
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
