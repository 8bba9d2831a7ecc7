package compare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"
)

// calls are the types of Segment's messages.
var calls = []string{"track", "identify", "page", "screen", "group", "alias"}

// Message is a Segment message, as far as messages are compared.
type Message struct {
	json json.RawMessage
	// name is the event of a track call, and the type of any other call.
	name      string
	id        string // of the order, or of the user if it is no track call; empty if it has none
	messageID string
	time      time.Time // the event time; zero if it has none
	// fields are its members, without those that Segment or a library adds.
	fields map[string]any
}

// added are the members that Segment or its libraries add, and that say nothing about the event.
var added = []string{
	"type", "event", "messageId", "originalTimestamp", "sentAt", "receivedAt",
	"version", "channel", "projectId", "writeKey", "metadata", "_metadata",
}

// addedContext are such members of context.
var addedContext = []string{"library", "protocols"}

// orderIDs are the names of the properties with the id of an order, in any spelling. The first that
// is there is used.
var orderIDs = []string{"order_id", "checkout_id", "transaction_id", "id"}

// Parse reads a message. Its error says what is wrong with it, and quotes nothing from it.
func Parse(text json.RawMessage) (Message, error) {
	fields, err := decoded(text)
	if err != nil {
		return Message{}, errors.New("it is not a JSON object")
	}
	return messageOf(text, fields)
}

// ParseAll parses messages one after another.
func ParseAll(texts iter.Seq2[json.RawMessage, error]) Messages {
	return func(yield func(Message, error) bool) {
		for text, err := range texts {
			var m Message
			if err == nil {
				m, err = Parse(text)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// decoded returns the members of a JSON object.
func decoded(text []byte) (fields map[string]any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err = decoder.Decode(&fields); err == nil && fields == nil {
		err = errors.New("it is null")
	}
	return fields, err
}

// messageOf returns a message by its JSON and its members.
func messageOf(text json.RawMessage, fields map[string]any) (Message, error) {
	call, err := callOf(fields)
	if err != nil {
		return Message{}, err
	}
	m := Message{json: text, name: call, messageID: textOf(fields["messageId"])}
	for _, name := range []string{"timestamp", "originalTimestamp", "receivedAt", "sentAt"} {
		if at, ok := timeOf(fields[name]); ok {
			m.time = at
			break
		}
	}
	if call == "track" {
		m.name = textOf(fields["event"])
		properties, _ := fields["properties"].(map[string]any)
		m.id = orderID(properties)
	} else {
		m.id = cmp.Or(textOf(fields["userId"]), textOf(fields["anonymousId"]))
	}
	m.fields = withoutAdded(fields)
	return m, nil
}

// callOf returns the type of a call. A message of one of Segment's paths for single messages has
// no type.
func callOf(fields map[string]any) (string, error) {
	call, ok := fields["type"].(string)
	_, hasTraits := fields["traits"]
	switch {
	case slices.Contains(calls, call):
	case ok:
		return "", fmt.Errorf("its type is none of %s", strings.Join(calls, ", "))
	case fields["event"] != nil:
		call = "track"
	case hasTraits:
		call = "identify"
	default:
		return "", errors.New(`it has no "type", such as track or identify: it is not a Segment message`)
	}
	if call == "track" && textOf(fields["event"]) == "" {
		return "", errors.New(`it is a track call without the name of an "event"`)
	}
	return call, nil
}

// orderID returns the id of the order that properties are about.
func orderID(properties map[string]any) string {
	for _, name := range orderIDs {
		if id := textOf(member(properties, name)); id != "" {
			return id
		}
	}
	return ""
}

// member returns a member of an object by its name, or if there is none, by another spelling of
// it: of several, the first in the order of the alphabet.
func member(object map[string]any, name string) any {
	if value, ok := object[name]; ok {
		return value
	}
	found, wanted := "", normalized(name)
	for key := range object {
		if (found == "" || key < found) && normalized(key) == wanted {
			found = key
		}
	}
	return object[found]
}

// withoutAdded removes what Segment or a library adds.
func withoutAdded(fields map[string]any) map[string]any {
	for _, name := range added {
		delete(fields, name)
	}
	if context, ok := fields["context"].(map[string]any); ok {
		for _, name := range addedContext {
			delete(context, name)
		}
	}
	return fields
}

// JSON returns the message as it was read.
func (m Message) JSON() json.RawMessage { return m.json }

// key returns what the messages of the same event of an order have in common.
func (m Message) key() string { return normalized(m.name) + "\x00" + m.id }

// content returns the message without its ids and its event time. Two messages with the same
// content are copies, or report the same state twice.
func (m Message) content() string {
	fields := make(map[string]any, len(m.fields))
	for name, value := range m.fields {
		if name != "timestamp" {
			fields[name] = value
		}
	}
	text, _ := json.Marshal(fields) // its members come from JSON, and are sorted
	return string(text)
}

// property returns a property by its name in any spelling; nil if there is none.
func (m Message) property(name string) any {
	properties, _ := m.fields["properties"].(map[string]any)
	return member(properties, name)
}

// normalized returns a name in lower case, with its letters and digits alone: order_id, orderId and
// "Order ID" are the same name.
func normalized(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// textOf returns a text or a number as text; empty for any other value.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
}

func timeOf(value any) (time.Time, bool) {
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}
