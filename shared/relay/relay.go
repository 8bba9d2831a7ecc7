// Package relay takes a webhook from Commerce to Segment. It knows no AWS: it declares
// interfaces for what it needs, and the caller implements them.
//
// Read accept.go, deliver.go and settle.go in that order. They follow an event from
// Commerce's request to its outcome.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// Config is the current configuration of one tracking.
type Config struct {
	Enabled  bool
	Events   []string // the Commerce events it observes
	Template string   // JSONata source
	Secrets  commerce.Secrets
	Segment  segment.Endpoint
	// Commerce has the credentials for the template's $commerce. If they are zero,
	// $commerce returns undefined.
	Commerce commerce.Credentials
	// Currencies has the decimals of the currencies that are in the store's settings.
	Currencies money.Decimals
}

// Configuration is the source of the Config.
type Configuration interface {
	// Current returns the configuration, which may be a minute old. It returns an error
	// if the configuration has never been read successfully.
	Current(ctx context.Context) (Config, error)
	// Reload reads the configuration again, at most every few seconds. If the last read
	// was more recent than that, Reload is the same as Current.
	Reload(ctx context.Context) (Config, error)
}

// Envelope is a webhook as the spool stores it.
type Envelope struct {
	Received time.Time
	Body     []byte // as Commerce posted it, without the configuration that holds the secret
	// Presented is the digest of the webhook's key if the key could not be verified
	// yet. It is nil if the key is genuine.
	Presented *commerce.Digest
}

// Item is an envelope that the spool hands out for delivery.
type Item struct {
	Handle   string // identifies this receive to the spool
	Receives int    // the number of the attempt, from 1; early attempts of hub run have that of the one before
	// Fresh means that the item leaves its queue with this attempt: if the attempt must be
	// retried, Spool.Retry moves the event to another queue. So no request for it may take long.
	Fresh bool
	// WaitingSince is when the event was moved to the queue of events that are retried. It is
	// zero if it is not there.
	WaitingSince time.Time
	// Last means that the event is a dead letter if this attempt must be retried.
	Last bool
	// Envelope is the envelope that was put. If Err is not nil, its Body is the spool's
	// raw text instead, so that a dead letter loses nothing.
	Envelope Envelope
	Err      error // why the envelope could not be opened; nil if it was opened
}

// MaxBody is the largest webhook body that is accepted, in bytes. It is Lambda's
// limit on a whole request (6 MB), so in Lambda nothing larger comes in.
const MaxBody = 6 << 20

// ErrTooLarge means that an event is too large for the spool. Trying again does not help.
var ErrTooLarge = errors.New("too large for the spool")

// Spool stores events between accepting and delivering.
type Spool interface {
	// Put stores an event. The event is durable when Put returns nil. The error is an
	// ErrTooLarge if no later Put of the same event can succeed.
	Put(ctx context.Context, e Envelope) error
	// Retry schedules the next attempt of an item. A Fresh item is then on another queue, and
	// the caller deletes it. Any other item stays where it is: the caller must not delete it.
	Retry(ctx context.Context, item Item, next Next) error
	// Fail adds an event to the dead letters, with the reason. The caller deletes the
	// item from the spool afterwards.
	Fail(ctx context.Context, e Envelope, f Failure) error
}

// Next is the next attempt of an item.
type Next struct {
	In        time.Duration // the delay until then
	NotBefore time.Duration // the shortest delay, which the receiver asked for; 0 if it did not
	Reason    string        // of the failed attempt, for the operator
}

// Failure is why an event is a dead letter.
type Failure struct {
	Tracking string
	Reason   string // short and stable: "segment_400", "message_invalid", …
	Detail   string // for people; contains no secret, and nothing from the event or an answer
	Resource string // the id of the order or customer; empty if it is unknown or has not the form of an id
	Receives int
}

// Deliverer delivers messages to Segment.
type Deliverer interface {
	// Deliver returns an outcome for each of the messages, in their order.
	Deliver(ctx context.Context, to segment.Endpoint, messages []segment.Message) []segment.Outcome
	// Close ends the idle connections. No delivery may be running.
	Close()
}

// Relay relays the webhooks of one tracking. It is safe for concurrent use, and must not
// be copied after first use.
type Relay struct {
	Tracking      tracking.Tracking
	Configuration Configuration
	Spool         Spool // nil means that there is no queue: Accept delivers in the same call
	Segment       Deliverer
	Log           *slog.Logger
	// CommerceTransport is the transport for requests to the Commerce API. Nil means the
	// default transport.
	CommerceTransport http.RoundTripper
	// MetricsPrefix names the store in the metrics of the log lines. If it is empty, the
	// lines have no metrics.
	MetricsPrefix string
	// Measured is called with the measurement of each acceptance and each delivery, if it is
	// not nil. It has the same metrics as the log lines.
	Measured func(Measurement)
	// Backoff is the delay after the first failed delivery of an event. It doubles after
	// each further failure, up to 120 times Backoff. Zero means 30 s, which grows to an
	// hour.
	Backoff time.Duration

	templates templateCache
	clients   clientCache
	breaker   breaker
}
