// Package spool is the durable queue between accepting and delivering: how it behaves, and
// the queue on AWS (SQS) with what an event looks like on it.
package spool

import (
	"fmt"
	"time"

	"commerce-segment/shared/relay"
)

// How every queue behaves.
const (
	// Visibility is how long a received message stays invisible: six times what a function
	// may run, as AWS advises for a queue that Lambda reads.
	Visibility = 54 * time.Second
	// MaxReceives is how often a message is handed out before it becomes a dead letter.
	MaxReceives = 36
	// BatchSize is how many messages are handed out at once.
	BatchSize = 10
	// BatchBytes ends a batch earlier, once its bodies have so many bytes: a large one is
	// delivered alone.
	BatchBytes = 1 << 20
	// Concurrency is how many batches of a queue are delivered at once.
	Concurrency = 5
	// DeliverWithin is how long the delivery of a batch may take.
	DeliverWithin = Visibility / 6
)

// DeadLetter is an event that cannot be delivered, and why.
type DeadLetter struct {
	ID       string // its own among those of its queue
	Envelope relay.Envelope
	Err      error // why the envelope could not be opened; its Body is then the spool's text of it
	Failure  relay.Failure
	FailedAt time.Time
}

// Exhausted is the reason of a message that was handed out that often: what moved it to the
// dead letters knows nothing more.
func Exhausted(receives int) relay.Failure {
	return relay.Failure{
		Reason:   "receives_exhausted",
		Detail:   fmt.Sprintf("received %d times without an end", receives),
		Receives: receives,
	}
}
