package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strconv"
)

// Segment's limits. It answers 200 to what is over them and drops it.
const (
	maxMessageBytes  = 32_000  // of one message's JSON
	maxRequestBytes  = 500_000 // of a request's whole body
	maxRequestLength = 2_500   // messages in a request
)

// encodeFitting encodes a message and holds it to maxMessageBytes, if need be
// at the cost of its last product lines.
func encodeFitting(fields map[string]any) (json.RawMessage, *InvalidError) {
	whole, err := encode(fields)
	if err != nil {
		return nil, &InvalidError{Message: "holds what JSON cannot: write strings, numbers, lists and objects"}
	}
	if len(whole) <= maxMessageBytes {
		return whole, nil
	}
	if fitting := encodeWithFewerProducts(fields); fitting != nil {
		return fitting, nil
	}
	return nil, &InvalidError{Message: fmt.Sprintf(
		"is %d bytes, over Segment's limit of %d, and not because of properties.products: write less into it",
		len(whole), maxMessageBytes)}
}

// encodeWithFewerProducts encodes a message that is too large with as many of
// its properties.products, from the first, as fit beside the number of those
// left off. It is nil where the message is too large without any of them. Each
// product is encoded once here, and those beyond the limit not at all.
func encodeWithFewerProducts(fields map[string]any) json.RawMessage {
	properties, _ := field(fields, "properties").(map[string]any)
	lines := reflect.ValueOf(field(properties, "products"))
	if lines.Kind() != reflect.Slice {
		return nil
	}
	bare := len(encodeWithProducts(fields, properties, json.RawMessage("[]"), lines.Len()))
	if bare > maxMessageBytes {
		return nil
	}
	products, kept := firstProducts(lines, maxMessageBytes-bare+digits(lines.Len()))
	return encodeWithProducts(fields, properties, products, lines.Len()-kept)
}

// firstProducts encodes the first product lines as a list, as many as fit, with
// the digits of the number of those left off, into some bytes beside the brackets.
func firstProducts(lines reflect.Value, room int) (list json.RawMessage, kept int) {
	var buffer bytes.Buffer
	encoder := newEncoder(&buffer)
	buffer.WriteByte('[')
	for kept < lines.Len() {
		end := buffer.Len()
		if kept > 0 {
			buffer.WriteByte(',')
		}
		_ = encoder.Encode(lines.Index(kept).Interface()) // no error: see encodeWithProducts
		buffer.Truncate(buffer.Len() - len("\n"))
		if buffer.Len()-len("[")+digits(lines.Len()-kept-1) > room {
			buffer.Truncate(end)
			break
		}
		kept++
	}
	buffer.WriteByte(']')
	return buffer.Bytes(), kept
}

// encodeWithProducts encodes a message with other products than its own. The
// message has been encoded before, so there is no error.
func encodeWithProducts(fields, properties map[string]any, products json.RawMessage, omitted int) json.RawMessage {
	properties = maps.Clone(properties)
	properties["products"] = products
	properties["products_omitted"] = omitted
	fields = maps.Clone(fields)
	fields["properties"] = properties
	encoded, _ := encode(fields)
	return encoded
}

func digits(count int) int { return len(strconv.Itoa(count)) }

// split cuts messages, in their order, into those that fit into one request.
// Every part holds at least one message.
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
