// Package commerce is what this project knows of Elastic Path Commerce: the
// webhooks it posts, the secret that proves them, and (later) its API.
package commerce

import "time"

// Webhook is one delivery of a Commerce webhook, checked and normalized.
type Webhook struct {
	// ID is the delivery's own id. Whether Commerce keeps it on a retry is not
	// documented, so nothing derives identity from it alone.
	ID string
	// Event is what triggered it ("triggered_by"), for example "order.paid".
	Event string
	// Attempt counts Commerce's deliveries of it, from 1; 0 where it is absent.
	Attempt int
	// ResourceType and ResourceID name the order or customer it is about.
	ResourceType, ResourceID string
	// CreatedAt and UpdatedAt are the resource's own timestamps as Commerce
	// wrote them (RFC 3339); empty where there are none, as in a deletion.
	CreatedAt, UpdatedAt string
	// Body is the whole body as a template sees it: "payload" always present,
	// "resources" and "configuration" removed, numbers as json.Number.
	Body map[string]any
}

// Parse reads a webhook body in any of the three forms in which Commerce sends it.
func Parse(body []byte) (Webhook, error) { panic("not yet") }

// Check says, without building anything, what Parse would refuse about a body.
func Check(body []byte) error { panic("not yet") }

// Verdict is what the presented key says about a request.
type Verdict int

// The three verdicts.
const (
	// Unknown: no secret is configured, or it could not be read.
	Unknown Verdict = iota
	// Genuine: the key is one of the configured secrets.
	Genuine
	// Forged: secrets are configured and the key is none of them.
	Forged
)

// Digest is the SHA-256 of a presented key, kept with an event that could not
// be verified when it came in.
type Digest [32]byte

// DigestOf hashes a presented key.
func DigestOf(presented string) Digest { panic("not yet") }

// Secrets are the webhook secrets that count, newest first: one, or two while
// one is being rotated. None means that none is configured.
type Secrets []string

// Verify compares in constant time.
func (s Secrets) Verify(presented Digest) Verdict { panic("not yet") }

var _ = time.Now
