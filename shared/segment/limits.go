package segment

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
)

// Segment's limits. Segment answers 200 to messages over these limits, and drops them.
const (
	maxMessageBytes  = 32_000  // of one message's JSON
	maxRequestBytes  = 500_000 // of a request's whole body
	maxRequestLength = 2_500   // messages in a request
)

// MaxEventBytes limits the JSON of all messages of one event. An order of 10,000 lines with
// a message for each line needs half of it.
const MaxEventBytes = 16 << 20

// encodeFitting encodes a message in at most maxMessageBytes. If necessary it leaves off
// the last product lines.
func encodeFitting(fields map[string]any) (json.RawMessage, *InvalidError) {
	whole := newEncoder(maxMessageBytes)
	if whole.value(fields) {
		return whole.json, nil
	}
	if fitting := encodeWithFewerProducts(fields); fitting != nil {
		return fitting, nil
	}
	return nil, &InvalidError{Message: fmt.Sprintf(
		"is over Segment's limit of %d bytes, and not because of properties.products: write less into it", maxMessageBytes)}
}

// encodeWithFewerProducts encodes a message that is too large with as many of its first
// properties.products as fit, and with the number of those left off. It returns nil if the
// message is too large without any product. It encodes each product that fits once, and
// none of those after the limit.
func encodeWithFewerProducts(fields map[string]any) json.RawMessage {
	properties, _ := field(fields, "properties").(map[string]any)
	lines, isList := field(properties, "products").([]any)
	if !isList {
		return nil
	}
	bare := encodeWithProducts(fields, properties, json.RawMessage("[]"), len(lines))
	if bare == nil {
		return nil
	}
	products, kept := firstProducts(lines, maxMessageBytes-len(bare)+digits(len(lines)))
	return encodeWithProducts(fields, properties, products, len(lines)-kept)
}

// firstProducts encodes as many of the first product lines as fit into room bytes, together
// with the digits of the number of those left off. The brackets of the list are extra.
func firstProducts(lines []any, room int) (list json.RawMessage, kept int) {
	e := newEncoder(len("[") + room)
	e.json = append(e.json, '[')
	for kept < len(lines) {
		end := len(e.json)
		if kept > 0 {
			e.json = append(e.json, ',')
		}
		if !e.value(lines[kept]) || !e.fits(digits(len(lines)-kept-1)) {
			e.json = e.json[:end]
			break
		}
		kept++
	}
	return append(e.json, ']'), kept
}

// encodeWithProducts encodes a message with the given products instead of its own. It
// returns nil if the message is too large.
func encodeWithProducts(fields, properties map[string]any, products json.RawMessage, omitted int) json.RawMessage {
	properties = maps.Clone(properties)
	properties["products"] = products
	properties["products_omitted"] = omitted
	fields = maps.Clone(fields)
	fields["properties"] = properties
	e := newEncoder(maxMessageBytes)
	if !e.value(fields) {
		return nil
	}
	return e.json
}

func digits(count int) int { return len(strconv.Itoa(count)) }

// split divides messages, in their order, into parts that each fit into one request. Every
// part has at least one message.
func split(messages []Message) [][]Message {
	var parts [][]Message
	start, size := 0, envelopeBytes
	for i, message := range messages {
		added := len(message.JSON) + len(",")
		full := size+added-len(",") > maxRequestBytes || i-start == maxRequestLength
		if full && i > start {
			parts = append(parts, messages[start:i])
			start, size = i, envelopeBytes
		}
		size += added
	}
	if start < len(messages) {
		parts = append(parts, messages[start:])
	}
	return parts
}
