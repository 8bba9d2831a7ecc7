package commerce

import (
	"encoding/json"

	"commerce-segment/shared/jsontext"
)

// build makes of one JSON value what encoding/json does, its numbers as
// json.Number. Its texts are parts of the value's own: they are not copied.
func build(value []byte) any {
	b := builder{bytes: value, text: string(value)}
	return b.value()
}

// builder walks a value that checkJSON has accepted.
type builder struct {
	bytes []byte
	text  string // the same
	at    int
}

func (b *builder) value() any {
	start := b.at + jsontext.Gap(b.bytes[b.at:])
	b.at = start
	switch b.bytes[start] {
	case '{':
		return b.object()
	case '[':
		return b.list()
	case '"':
		return b.string()
	}
	b.at += jsontext.Extent(b.bytes[start:])
	switch b.bytes[start] {
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	return json.Number(b.text[start:b.at])
}

// more says whether another member or element follows, and passes over the end
// where none does.
func (b *builder) more() bool {
	b.at += jsontext.Gap(b.bytes[b.at:])
	if b.bytes[b.at] != '}' && b.bytes[b.at] != ']' {
		return true
	}
	b.at++
	return false
}

func (b *builder) object() map[string]any {
	b.at++
	object := make(map[string]any)
	for b.more() {
		key := b.string()
		object[key] = b.value()
	}
	return object
}

func (b *builder) list() []any {
	b.at++
	list := []any{}
	for b.more() {
		list = append(list, b.value())
	}
	return list
}

func (b *builder) string() string {
	start := b.at
	b.at += jsontext.StringExtent(b.bytes[start:])
	return jsontext.Content(b.bytes[start:b.at], b.text[start:b.at])
}
