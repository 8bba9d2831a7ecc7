// Package segment makes Segment messages out of what templates wrote, and
// delivers them to Segment's HTTP API.
package segment

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"commerce-segment/shared/tracking"
)

// Endpoint is where messages go.
type Endpoint struct {
	Host     string // scheme and host, for example "https://api.segment.io"
	Path     string // for example "/v1/batch"
	WriteKey string
}

// Fact is the business fact behind a webhook, from which identity is filled.
type Fact struct {
	Tracking             tracking.Tracking
	Event                string // the Commerce event
	WebhookID            string
	ResourceType         string // "order" or "customer"
	ResourceID           string
	CreatedAt, UpdatedAt string    // RFC 3339 as Commerce wrote them; may be empty
	CustomerID           string    // a registered customer's id, if the webhook names one
	WriteKey             string    // salts the messageId
	Received             time.Time // the last resort for a timestamp
}

// Message is one Segment call: identity filled, validated, encoded.
type Message struct {
	ID   string          // messageId
	JSON json.RawMessage // exactly what Segment gets
}

// InvalidError says which field of which message is wrong and what to do.
type InvalidError struct {
	Index   int    // the message's place in the template's output
	Field   string // "userId", "event", …; empty for the message as a whole
	Message string
}

func (e *InvalidError) Error() string { panic("not yet") }

// NewMessages fills in what the template left out and validates the rest.
// Its error is an *InvalidError.
func NewMessages(fact Fact, written []map[string]any) ([]Message, error) { panic("not yet") }

// Verdict is what to do with an event after an attempt to deliver it.
type Verdict int

// The verdicts.
const (
	Delivered Verdict = iota
	Postpone          // a later attempt may succeed
	Bury              // no attempt can succeed
)

// Outcome is what Segment's answer means for one message.
type Outcome struct {
	Verdict    Verdict
	Status     int           // HTTP status, 0 where there was no answer
	RetryAfter time.Duration // what Segment asked for, 0 where it did not
	Operator   bool          // the operator must mend something (401, 403)
	Reason     string        // short, stable, no personal data: "segment_429"
	Detail     string        // Segment's own words, bounded
}

// Client delivers batches, one attempt each, through analytics-go.
type Client struct{}

// NewClient returns a client that keeps its connections open between batches.
// The transport is the one to use below ours; nil means a default one.
func NewClient(transport http.RoundTripper) *Client { panic("not yet") }

// Deliver sends the messages and returns an outcome for each, in their order.
func (c *Client) Deliver(ctx context.Context, to Endpoint, messages []Message) []Outcome {
	panic("not yet")
}
