package value

import (
	"bytes"
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
	o := NewObject(4)
	for b.more() {
		key := b.string()
		if len(key) > MaxKey && b.err == nil {
			b.err = errKey
		}
		o.Set(key, b.value())
	}
	return o
}

func (b *builder) list() *Array {
	b.at++
	list := NewList(nil)
	for b.more() {
		list.Items = append(list.Items, b.value())
	}
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
