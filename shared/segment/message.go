// Package segment makes Segment messages from the output of templates, and delivers them to
// Segment's HTTP API.
//
// Segment answers 200 to nearly every request, and silently drops messages that it cannot
// use: a track call without an event, a message without a user, a message that is too
// large. So this package validates every message before it is sent.
package segment

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"commerce-segment/shared/tracking"
)

// Fact is the business event behind a webhook: the resource, what happened to it, and when. The ids of its messages are made from it.
type Fact struct {
	Tracking   tracking.Tracking
	Event      string // the Commerce event, for example "order.paid"
	WebhookID  string
	ResourceID string
	// CreatedAt and UpdatedAt are the timestamps of the resource, in RFC 3339 as Commerce
	// wrote them. They may be empty: a deletion has none.
	CreatedAt, UpdatedAt string
	// Content is a digest of the state of the resource: the same for the same state. It
	// distinguishes two updates with the same UpdatedAt.
	Content string
	// EventTime is when the event happened (RFC 3339), if that is known better than by
	// CreatedAt and UpdatedAt. A backfill sets it, because updated_at may belong to a later
	// event.
	EventTime string
	// Revision distinguishes repeated events of the resource, if that is known better than
	// by UpdatedAt.
	Revision   string
	CustomerID string    // the id of a registered customer, if the webhook has one
	WriteKey   string    // its hash is part of the messageId
	Received   time.Time // the timestamp and the revision, if nothing better is known
}

// Message is one Segment call, validated and encoded.
type Message struct {
	ID   string // messageId, at most 100 characters
	Call Call
	JSON json.RawMessage // exactly as Segment receives it, at most 32,000 bytes
}

// InvalidError says which field of which message is wrong and what to do. It
// repeats no value of the message, so it is safe in a log.
type InvalidError struct {
	Index   int    // the index of the message in the template's output, from 0
	Field   string // "userId", "properties.total", …; empty for the message as a whole
	Message string // the rest of the sentence after Field: "is a number: …"
}

// Error returns one sentence, for example "message 1: userId is a number: wrap it in $string()".
func (e *InvalidError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("message %d %s", e.Index+1, e.Message)
	}
	return fmt.Sprintf("message %d: %s %s", e.Index+1, e.Field, e.Message)
}

// NewMessages sets the fields that the template left out (type, userId, messageId,
// timestamp, if they are absent or null), validates the messages, and encodes them. All
// other fields are encoded as the template wrote them, also unknown ones, with three
// exceptions:
//   - the times that Segment's spec defines (timestamp, originalTimestamp and the trait
//     createdAt) are written in UTC, cut to milliseconds;
//   - NUL (which the databases of most warehouses reject), half a surrogate pair, and a byte
//     that is not UTF-8 are replaced by U+FFFD;
//   - if a message is over Segment's 32,000 bytes only because of properties.products, the
//     lines that do not fit are left off, and properties.products_omitted is their number.
//
// The argument is not changed. The error is an *InvalidError about the first invalid
// message; then no messages are returned.
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
				"is too large: together with those before it, it is over the limit of %d MB for one event: write fewer messages", MaxEventBytes>>20)}
		}
		if invalid != nil {
			invalid.Index = n
			return nil, invalid
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// newMessage is NewMessages for one message. The caller sets the Index of the error.
func newMessage(fact Fact, salt string, n int, written map[string]any) (Message, *InvalidError) {
	fields := make(map[string]any, len(written)+4)
	maps.Copy(fields, written)
	fillLeftOut(fields, "type", string(fact.Tracking.Call))
	if invalid := checkType(fact.Tracking.Call, fields); invalid != nil {
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
	return Message{ID: strings.ReplaceAll(id, "\x00", "\uFFFD"), Call: callOf(fields), JSON: encoded}, nil
}

// checkUnique rejects a messageId that an earlier message of the same output has: Segment
// would silently drop the second message.
func checkUnique(places map[string]int, id string, n int) *InvalidError {
	if first, taken := places[id]; taken {
		return &InvalidError{Field: "messageId", Message: fmt.Sprintf(
			"is the same as in message %d, and Segment drops the second one: leave it out, or write a different one for each message", first+1)}
	}
	places[id] = n
	return nil
}
