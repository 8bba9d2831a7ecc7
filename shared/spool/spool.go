// Package spool is the durable queue between accepting and delivering. It has the limits of
// every such queue, the format of an event on it, and the queue on AWS (SQS).
package spool

import (
	"time"

	"commerce-segment/shared/relay"
)

// The limits of every queue.
const (
	// Visibility is how long a received message stays invisible: six times the time limit
	// of a function, as AWS recommends for a queue that Lambda reads.
	Visibility = 54 * time.Second
	// MaxReceives is how often a message is handed out without an outcome before it becomes a
	// dead letter: the program crashes when it attempts it.
	MaxReceives = 36
	// MaxWaitingReceives is MaxReceives for the queue of events that are retried on AWS: the
	// maximum of SQS, which also counts the receives that had an outcome. An event becomes a
	// dead letter before, by its age, unless the function crashes or only another release can
	// open the event.
	MaxWaitingReceives = 1000
	// RetriedFor is how long an event is retried after its first attempt, and LeastRetries how
	// often at least: after a pause, or if many events wait, it may have been attempted only a
	// few times.
	RetriedFor   = 30 * time.Hour
	LeastRetries = 10
	// BatchSize is how many messages are handed out at once.
	BatchSize = 10
	// BatchBytes ends a batch early when its bodies have this many bytes in total, so that
	// a large body is delivered alone.
	BatchBytes = 1 << 20
	// Concurrency is how many batches of a queue are delivered at once.
	Concurrency = 5
	// DeliverWithin is how long the delivery of a batch may take.
	DeliverWithin = Visibility / 6
)

// IsLast reports whether an attempt is the last: it is, if it must be retried. It takes the
// time of the first attempt, or of the first retry, and the number of receives since.
func IsLast(first time.Time, receives int) bool {
	return time.Since(first) > RetriedFor && receives >= LeastRetries
}

// DeadLetter is an event that cannot be delivered, and why.
type DeadLetter struct {
	ID       string // unique on its queue
	Envelope relay.Envelope
	Err      error // why the envelope could not be opened, or nil; then Envelope.Body is the text on the queue
	Failure  relay.Failure
	FailedAt time.Time
}

// Exhausted returns the failure of a message that was received too often, or 0 times if the
// number is not known. The queue moved it to the dead letters, and knows no other reason.
func Exhausted(receives int) relay.Failure {
	return relay.Failure{
		Reason:   "receives_exhausted",
		Detail:   "received too often without a final outcome: the program was stopped or crashed at the last attempts, or could not reach its queues",
		Receives: receives,
	}
}
