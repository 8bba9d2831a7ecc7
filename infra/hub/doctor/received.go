package doctor

import (
	"context"
	"errors"
	"time"

	"commerce-segment/infra/hub/received"
)

// received compares what was sent to Segment with what Segment received.
func (p Patient) received(ctx context.Context) []Finding {
	if p.Log == nil {
		return unknown(errors.New(p.NoLog))
	}
	now := time.Now()
	r, err := received.Read(ctx, received.Options{Store: p.Store, Log: p.Log, Since: now.Add(-max(p.Since, shortestComparison))}, now)
	if err != nil {
		return unknown(err)
	}
	return receivedFindings(*r)
}

// shortestComparison is the shortest period. It has at least one whole hour that can be compared.
const shortestComparison = 3 * time.Hour

// receivedFindings returns the findings of a report, without those of the check segment.
func receivedFindings(r received.Report) []Finding {
	first := Finding{State: OK, Says: r.Says()}
	if !r.Known() {
		first.State = Note
	}
	found := []Finding{first}
	for _, one := range r.Findings {
		if one.Key == received.FindingWrongKey || one.Key == received.FindingSourceDisabled {
			continue
		}
		found = append(found, Finding{State: states[one.Severity], Says: one.Says, Do: one.Do})
	}
	return found
}

var states = map[received.Severity]State{received.Fault: Fault, received.Warning: Warning, received.Note: Note}
