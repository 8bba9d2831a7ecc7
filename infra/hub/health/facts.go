package health

import (
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
)

// Facts is what is known about a store, and enough to judge it.
type Facts struct {
	Now time.Time
	// Flag names the store in a command that reads its settings, and HubFlag in one that asks
	// the running hub, each with a space before it.
	Flag, HubFlag string
	Deployed      bool // the store is on AWS

	Unread    []string // what could not be read, as sentences
	Unused    []string // files in the directory that nothing reads
	Settings  string   // what is wrong with the settings or missing; empty if nothing is
	Templates []BrokenTemplate
	Disabled  []string // trackings that are not optional
	Paused    []store.Pause
	InboxKey  bool // the write key for Segment is that of an inbox: see store.IsInboxKey

	Waiting     int       // events that are queued or retried
	Oldest      time.Time // when the first of them was received
	DeadLetters int

	Log Log
	// Received compares what was sent to Segment with what it received; nil if that is not known.
	Received *received.Report
	Machine  Machine
	Alarms   *store.Alarms // of a deployed store; nil if they are not known
}

// BrokenTemplate is a template of an enabled tracking that does not compile.
type BrokenTemplate struct{ Tracking, Why string }

// Log is what the log lines of the last LogPeriod say.
type Log struct {
	Waits         []executions.Wait // undelivered events
	LastDelivered time.Time         // when Segment last accepted messages, at whatever attempt
	LastDeletion  time.Time         // when Segment last accepted a request to delete users
	LastAccepted  time.Time         // when a webhook was last accepted
	Forged        Forged
	Unavailable   Unavailable
	Trackings     []Outcomes
	Failed        int       // dead letters of events that were received in the period
	FailedFor     string    // their reasons
	FirstFailed   time.Time // when the first of them was received
	// SameHours is how many webhooks were accepted on each of the last 7 days at the times that
	// have passed since LastAccepted, the latest day first. It is empty if that is less than
	// shortestSilence.
	SameHours []int
}

// LogPeriod is how far back the log is read.
const LogPeriod = 24 * time.Hour

// Forged is the webhooks with a wrong secret.
type Forged struct {
	Periods     int // of five minutes, with at least one
	First, Last time.Time
	InARow      int // how many the log has after LastAccepted; a hub logs one a minute
}

// Unavailable is the webhooks that were answered 503.
type Unavailable struct {
	Count       int
	First, Last time.Time
	Detail      string // of the last
}

// Outcomes counts what became of the newest events of a tracking that were received after the
// last one that was delivered.
type Outcomes struct {
	Tracking                    string
	Filtered                    int // the template made no message
	Invalid                     int // the template made a message that Segment would drop
	FirstFiltered, FirstInvalid time.Time
}

// Machine is what the hub on this machine knows about itself. It is empty for a deployed store.
type Machine struct {
	Address     string // of the hub, for messages
	WriteError  string // why events cannot be written to the disk; empty if they can
	FreeBytes   uint64 // on the disk of the queues
	FreeKnown   bool
	Memory      uint64 // in use by the hub
	MemoryLimit uint64 // zero if it is not known
}
