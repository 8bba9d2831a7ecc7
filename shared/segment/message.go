// Package segment makes Segment messages out of what templates wrote, and
// delivers them to Segment's HTTP API.
//
// Segment answers 200 to nearly everything and silently drops what it cannot
// use: a track call without an event, a message without a user, one that is too
// large. So every message is validated here, before it is sent.
package segment

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"commerce-segment/shared/tracking"
)

// Fact is the business fact behind a webhook, from which identity is filled.
type Fact struct {
	Tracking   tracking.Tracking
	Event      string // the Commerce event, for example "order.paid"
	WebhookID  string
	ResourceID string
	// CreatedAt and UpdatedAt are the resource's own timestamps, RFC 3339 as
	// Commerce wrote them. They may be empty: a deletion has none.
	CreatedAt, UpdatedAt string
	// Content is a digest of the state of the resource: the same for the same state. It
	// distinguishes two updates with the same UpdatedAt.
	Content string
	// EventTime is when it happened (RFC 3339), where that is known better than by
	// those two: long afterwards, updated_at is of what happened since.
	EventTime string
	// Revision distinguishes the times at which the resource does this, if that is known
	// better than by UpdatedAt.
	Revision   string
	CustomerID string    // a registered customer's id, if the webhook names one
	WriteKey   string    // salts the messageId
	Received   time.Time // the last resort for a timestamp and a revision
}

// Message is one Segment call: identity filled, validated, encoded.
type Message struct {
	ID   string          // messageId, at most 100 characters
	JSON json.RawMessage // exactly what Segment gets, at most 32,000 bytes
}

// InvalidError says which field of which message is wrong and what to do. It
// repeats no value of the message, so it is safe in a log.
type InvalidError struct {
	Index   int    // the message's place in the template's output, from 0
	Field   string // "userId", "properties.total", …; empty for the message as a whole
	Message string // continues the sentence that Field begins: "is a number: …"
}

// Error is one sentence, for example "message 1: userId is a number: wrap it in $string()".
func (e *InvalidError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("message %d %s", e.Index+1, e.Message)
	}
	return fmt.Sprintf("message %d: %s %s", e.Index+1, e.Field, e.Message)
}

// NewMessages fills in what the template left out (type, userId, messageId,
// timestamp; absent or null) and validates the rest. Everything else that the
// template wrote is encoded as it is, unknown fields too, with three exceptions:
//   - the times that Segment's spec defines (timestamp, originalTimestamp and the trait
//     createdAt) are written in UTC, cut to milliseconds;
//   - a character that a text cannot have leaves as U+FFFD: NUL, which the databases of
//     most warehouses refuse, half a surrogate pair, and a byte that is not UTF-8;
//   - where a message is over Segment's 32,000 bytes only because of
//     properties.products, the lines that do not fit are left off and
//     properties.products_omitted says how many.
//
// What was written is not changed. The error is an *InvalidError, about the
// first message that is wrong; there are no messages beside it.
func NewMessages(fact Fact, written []map[string]any) ([]Message, error) {
	salt := saltOf(fact.WriteKey)
	messages := make([]Message, 0, len(written))
	places, size := make(map[string]int, len(written)), 0
	for n, fields := range written {
		message, invalid := newMessage(fact, salt, n, fields)
		if invalid == nil {
			invalid = checkUnique(places, message.ID, n)
		}
		if size += len(message.JSON); invalid == nil && size > MaxEventBytes {
			invalid = &InvalidError{Message: fmt.Sprintf(
				"is too much: with those before it, it is over the %d MB that may be sent for one event: write fewer messages", MaxEventBytes>>20)}
		}
		if invalid != nil {
			invalid.Index = n
			return nil, invalid
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// newMessage is NewMessages for one message. It leaves Index to its caller.
func newMessage(fact Fact, salt string, n int, written map[string]any) (Message, *InvalidError) {
	fields := make(map[string]any, len(written)+4)
	maps.Copy(fields, written)
	fillLeftOut(fields, "type", string(fact.Tracking.Call))
	if invalid := checkType(fields); invalid != nil {
		return Message{}, invalid
	}
	fact.fillIdentity(fields, salt, n)
	putTimesInUTC(fields)
	if invalid := validate(fields); invalid != nil {
		return Message{}, invalid
	}
	encoded, invalid := encodeFitting(fields)
	if invalid != nil {
		return Message{}, invalid
	}
	id := field(fields, "messageId").(string)
	return Message{ID: strings.ReplaceAll(id, "\x00", "\uFFFD"), JSON: encoded}, nil
}

// checkUnique refuses a messageId that an earlier message of the same output
// has: Segment would silently drop the second one.
func checkUnique(places map[string]int, id string, n int) *InvalidError {
	if first, taken := places[id]; taken {
		return &InvalidError{Field: "messageId", Message: fmt.Sprintf(
			"is the one of message %d too, and Segment drops the second: leave it out, or write one for each", first+1)}
	}
	places[id] = n
	return nil
}
