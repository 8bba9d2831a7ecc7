package local

import "time"

// The limits of a hub on this machine. The packages console, queue and executions define
// those of the forms, the queues and the log, and the package server those of a connection.
const (
	// memoryLimit is the memory limit of the garbage collector in bytes.
	memoryLimit = 1 << 30
	// maxConnections is the number of connections that may be open at the same time, at all
	// addresses together. Together with the hub's own files and connections, they need fewer
	// than 1024 open files.
	maxConnections = 512
	// maxWebhookBytes is the largest request that an HTTP API of AWS accepts.
	maxWebhookBytes = 10 << 20
	// maxBatchBytes is the largest batch that the inbox accepts: twice the size that Segment
	// accepts.
	maxBatchBytes = 1 << 20
	// bodyMemory is the memory for bodies that are being received: once for webhooks, and
	// once for the inbox.
	bodyMemory = 64 << 20
	// minBodyMemory is the part of bodyMemory that the smallest body reserves.
	minBodyMemory = 4 << 10
	// bodyTimeout is how long a body waits for memory. Commerce waits equally long for an
	// answer.
	bodyTimeout = 10 * time.Second
	// acceptMemory limits the total size of the webhooks that are being accepted. The
	// smallest one uses minAcceptMemory of it. So at most 64 webhooks are accepted at the
	// same time, and the others wait. Accepting a webhook needs much memory, because the
	// webhook is compressed.
	acceptMemory    = 64 << 20
	minAcceptMemory = 1 << 20
	// inboxBytes is the total size of the batches that the inbox keeps.
	inboxBytes = 64 << 20
	// maxAccepted and maxAcceptedBytes limit the accepted webhooks that the pages show.
	maxAccepted      = 50
	maxAcceptedBytes = 8 << 20
	// acceptedInterval is the time between two writes of accepted webhooks to the disk.
	acceptedInterval = time.Second
	// receivedAge is how long the batches in the inbox and the accepted webhooks are kept.
	receivedAge = 30 * 24 * time.Hour
	// executionsBytes is the total size of the files of executions.
	executionsBytes = 1 << 30
	// forgedInterval is the time in which one forged webhook is logged, and one after each
	// accepted webhook. The others are counted.
	forgedInterval = time.Minute

	// rejectTimeout is the time for the rest of a rejected request.
	rejectTimeout = time.Second

	// startTimeout is how long the hub waits at its start for settings that are being
	// changed.
	startTimeout = 10 * time.Second
	// stopTimeout is how long the hub may take to stop. A service manager kills the process
	// after 10 s.
	stopTimeout = 9 * time.Second
)
