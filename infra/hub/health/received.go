package health

import (
	"strings"

	"commerce-segment/infra/hub/received"
)

// OfReceived begins the keys of the problems that the comparison of what was sent with what
// Segment received has found.
const OfReceived = "received/"

// stateOf is the state of a store that has only a finding of this severity.
var stateOf = map[received.Severity]State{received.Fault: Broken, received.Warning: Degraded, received.Note: Working}

// notReceived reports the differences between what was sent and what Segment received. It reports
// nothing if the store has no token, or before the first comparison.
func notReceived(f Facts) (found []Problem) {
	if f.Received == nil {
		return nil
	}
	for _, one := range f.Received.Findings {
		found = append(found, Problem{Key: OfReceived + one.Key, State: stateOf[one.Severity], Says: one.Says, Do: strings.TrimSpace(one.Do),
			Run: "hub received" + f.HubFlag, Path: "/revenue#received", Page: "What Segment received"})
	}
	return found
}
