// Package relay is the journey of a webhook: Accept, Deliver, Settle. It knows
// no AWS: what it needs of the world is declared here and given to it.
package relay

import (
	"context"
	"log/slog"
	"time"

	"commerce-segment/shared/commerce"
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
	Body     []byte // as Commerce posted it
	// Presented is the digest of the key that came with it, where it could not
	// be verified yet; nil for a genuine one.
	Presented *commerce.Digest
}

// Item is an envelope that the spool hands out for delivery.
type Item struct {
	Handle   string // the spool's own name for this receive
	Receives int    // how often it has been handed out, from 1
	Envelope Envelope
	Err      error // why the envelope could not be opened; nil where it could
}

// Spool keeps events between accepting and delivering.
type Spool interface {
	Put(ctx context.Context, e Envelope) error
	// Postpone makes an item invisible for that long. The caller keeps it.
	Postpone(ctx context.Context, item Item, delay time.Duration) error
	// Bury puts an event among the dead letters, with the reason.
	Bury(ctx context.Context, e Envelope, b Burial) error
}

// Burial is what a dead letter says about itself.
type Burial struct {
	Tracking string
	Reason   string // short and stable: "segment_400", "message_invalid", …
	Detail   string // for a person; no personal data, no secret
	Resource string // the order's or customer's id, where it is known
	Receives int
}

// Relay carries the webhooks of one tracking.
type Relay struct {
	Tracking      tracking.Tracking
	Configuration Configuration
	Spool         Spool // nil: no queue, Accept delivers in the same call
	Segment       *segment.Client
	Log           *slog.Logger
}

// Answer is what Commerce is told.
type Answer struct {
	Status int
	Code   string // short and stable: "accepted", "forged", "not_json", …
}

// Accept takes a webhook: verifies its key and puts it on the spool.
func (r *Relay) Accept(ctx context.Context, key string, body []byte) Answer { panic("not yet") }

// Deliver takes a batch through to Segment and settles each item. It returns
// the handles of the items that must stay on the spool; all others are done.
func (r *Relay) Deliver(ctx context.Context, items []Item) (keep []string) { panic("not yet") }
