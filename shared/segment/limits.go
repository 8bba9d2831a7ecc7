package segment

import (
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
	kept := []json.RawMessage{}
	size := len(encodeProducts(fields, properties, kept, 0)) - len("0")
	if size+digits(lines.Len()) > maxMessageBytes {
		return nil
	}
	for i := range lines.Len() {
		line, err := encode(lines.Index(i).Interface())
		if err != nil {
			return nil
		}
		size += len(line)
		if i > 0 {
			size += len(",")
		}
		if size+digits(lines.Len()-i-1) > maxMessageBytes {
			break
		}
		kept = append(kept, line)
	}
	return encodeProducts(fields, properties, kept, lines.Len()-len(kept))
}

// encodeProducts encodes a message with other products than its own.
func encodeProducts(fields, properties map[string]any, kept []json.RawMessage, omitted int) json.RawMessage {
	properties = maps.Clone(properties)
	properties["products"] = kept
	properties["products_omitted"] = omitted
	fields = maps.Clone(fields)
	fields["properties"] = properties
	encoded, err := encode(fields)
	if err != nil {
		return nil
	}
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
