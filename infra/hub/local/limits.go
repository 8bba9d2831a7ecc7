package local

import "time"

// The limits of a hub on this machine. What the console takes and what the queues and the
// log keep is bounded next to them: maxForm, memoryBytes and strangerBytes.
const (
	// memoryLimit is from how many bytes in use garbage is collected more often.
	memoryLimit = 1 << 30
	// maxConnections is how many connections are open at the same time. With the files
	// and the connections of the hub's own it fits into 1024 open files.
	maxConnections = 512
	// keyWithin is how long each of them stays at least, to show a key.
	keyWithin = 50 * time.Millisecond
	// webhookTakes is what an HTTP API of AWS takes of a request.
	webhookTakes = 10 << 20
	// inboxTakes is twice what Segment takes of a batch: a larger one is refused here.
	inboxTakes = 1 << 20
	// bodiesKeep bounds the bodies that are arriving, of webhooks and of the inbox each.
	bodiesKeep = 64 << 20
	// bodyBegins is what the smallest body takes of it.
	bodyBegins = 4 << 10
	// bodyWithin is how long a body waits where there is no room. Commerce gives up after
	// as long.
	bodyWithin = 10 * time.Second
	// acceptRoom bounds the bodies of all webhooks that are being accepted at one moment,
	// and acceptCosts is what the smallest takes of it: so no more than 64 are, and the
	// others wait their turn. Accepting a webhook takes a good deal of memory for a
	// moment, because it is compressed.
	acceptRoom  = 64 << 20
	acceptCosts = 1 << 20
	// inboxKeeps is how many bytes of bodies the inbox keeps.
	inboxKeeps = 64 << 20
	// inboxCosts is about what one kept body costs in addition to its bytes, so that tiny
	// ones are bounded too.
	inboxCosts = 64
	// acceptedKeeps and acceptedBytes bound the webhooks that are kept to look at.
	acceptedKeeps = 50
	acceptedBytes = 8 << 20
	// forgedEvery is how often a forged webhook is logged; those between are counted.
	forgedEvery = time.Minute

	// How long a client may take.
	headerWithin = 10 * time.Second
	readWithin   = 30 * time.Second
	refuseWithin = time.Second // for the rest of a request that is refused
	writeWithin  = 60 * time.Second
	idleWithin   = 2 * time.Minute
	startWithin  = 10 * time.Second // for settings that are being changed when the hub starts
	maxHeader    = 64 << 10

	// stopWithin is how long the hub takes to stop, of which the requests that are open get
	// closeWithin. A service manager kills what is there after 10 s.
	stopWithin  = 9 * time.Second
	closeWithin = 3 * time.Second
)
