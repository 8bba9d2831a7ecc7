// Package relay is the journey of a webhook: Accept, Deliver, Settle. It knows
// no AWS: what it needs of the world is declared here and given to it.
//
// Read accept.go, deliver.go and settle.go in that order: they are the journey
// from Commerce's request to the last of an event.
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

// Config is what one tracking is told to do, as of now.
type Config struct {
	Enabled  bool
	Events   []string // the Commerce events it observes
	Template string   // JSONata source
	Secrets  commerce.Secrets
	Segment  segment.Endpoint
	// Commerce is whom the template's $commerce asks. The zero Credentials mean
	// nobody: it gives undefined.
	Commerce commerce.Credentials
	// Currencies has the decimals of the store's currencies that are in its settings.
	Currencies money.Decimals
}

// Configuration is where the Config comes from.
type Configuration interface {
	// Current is the configuration, perhaps a minute old. Where it has never
	// been read it says why.
	Current(ctx context.Context) (Config, error)
	// Reload reads it anew, at most every few seconds, and otherwise is Current.
	Reload(ctx context.Context) (Config, error)
}

// Envelope is what the spool keeps of a webhook.
type Envelope struct {
	Received time.Time
	Body     []byte // as Commerce posted it, less the configuration that holds the secret
	// Presented is the digest of the key that came with it, where it could not
	// be verified yet; nil for a genuine one.
	Presented *commerce.Digest
}

// Item is an envelope that the spool hands out for delivery.
type Item struct {
	Handle   string // the spool's own name for this receive
	Receives int    // how often it has been handed out, from 1
	// Envelope is what was put. Where Err says that it could not be opened, its
	// Body is the spool's own text of it, so that burying it loses nothing.
	Envelope Envelope
	Err      error // why the envelope could not be opened; nil where it could
}

// MaxBody is the largest webhook body that is accepted, in bytes. It is Lambda's
// limit on a whole request (6 MB), so in Lambda nothing larger comes in.
const MaxBody = 6 << 20

// ErrTooLarge means that an event does not fit the spool, however often it is
// tried.
var ErrTooLarge = errors.New("too large for the spool")

// Spool keeps events between accepting and delivering.
type Spool interface {
	// Put keeps an event durably once it returns nil. Its error is an
	// ErrTooLarge where no later Put of the same event can succeed.
	Put(ctx context.Context, e Envelope) error
	// Postpone makes an item invisible for that long. The caller keeps it.
	Retry(ctx context.Context, item Item, delay time.Duration) error
	// Bury puts an event among the dead letters, with the reason. Whoever
	// buries an item ends it on the spool afterwards.
	Fail(ctx context.Context, e Envelope, b Failure) error
}

// Burial is what a dead letter says about itself.
type Failure struct {
	Tracking string
	Reason   string // short and stable: "segment_400", "message_invalid", …
	Detail   string // for a person; no secret, and nothing of the event or an answer
	Resource string // the order's or customer's id, where it is known and has the form of one
	Receives int
}

// Relay carries the webhooks of one tracking. It is safe for use by many
// goroutines at once, and must not be copied once used.
type Relay struct {
	Tracking      tracking.Tracking
	Configuration Configuration
	Spool         Spool // nil: no queue, Accept delivers in the same call
	Segment       *segment.Client
	Log           *slog.Logger
	// CommerceTransport is how templates reach the Commerce API. Nil means the
	// default transport.
	CommerceTransport http.RoundTripper
	// MetricsPrefix names the store in the metrics that the log lines carry. Empty
	// means that they carry none.
	MetricsPrefix string
	// Backoff is the delay after an event's first failed delivery. It doubles
	// with each further one up to 120 times itself. Zero means 30 s, which
	// grows to an hour.
	Backoff time.Duration

	templates templates
	store     store
}
