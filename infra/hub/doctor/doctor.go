// Package doctor examines a store, on this machine or deployed: what is right, what is
// wrong, and what to do about it. What it finds holds no secret and no personal data.
//
// It changes nothing. Each check is on its own: one that fails or hangs is a finding,
// and hides no other.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// State is how a finding is to be taken.
type State string

// The states, from the best to the worst.
const (
	OK      State = "ok"
	Note    State = "note"    // worth knowing; perhaps as it should be
	Warning State = "warning" // nothing is lost yet, and somebody should look
	Fault   State = "fault"   // events are lost, or are not delivered until it is mended
)

// Finding is one thing that a check has found.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do, with the command where there is one
}

// Report is all that was found, check by check.
type Report struct {
	Store    string    `json:"store"`
	Findings []Finding `json:"findings"`
}

// Count is how many findings have a state.
func (r Report) Count(state State) (count int) {
	for _, f := range r.Findings {
		if f.State == state {
			count++
		}
	}
	return count
}

// Says sums the report up in a sentence.
func (r Report) Says() string {
	var parts []string
	for _, state := range []State{Fault, Warning, Note} {
		if n := r.Count(state); n > 0 {
			parts = append(parts, words.Count(n, string(state)))
		}
	}
	if len(parts) == 0 {
		return "Nothing is wrong."
	}
	return strings.Join(parts, ", ") + "."
}

// Patient is the store to examine.
type Patient struct {
	Store store.Store
	// Base is that of the webhooks' URLs, where it is an address of the store's own.
	Base string
	// Log is what is told of webhooks. It is nil where nothing tells of them, which NoLog
	// then says.
	Log   executions.Log
	NoLog string
	Since time.Duration
}

// checkWithin is how long a check may take. All run at once.
const checkWithin = 10 * time.Second

// check is one of the things to look at.
type check struct {
	name string
	run  func(context.Context) []Finding
}

// Examine runs all checks at once.
func Examine(ctx context.Context, p Patient) Report {
	return Report{Store: p.Store.Name, Findings: examine(ctx, []check{
		{"store", p.store},
		{"settings", p.settings},
		{"segment", p.segment},
		{"commerce", p.commerce},
		{"currencies", p.currencies},
		{"webhooks", p.webhooks},
		{"secret", p.secret},
		{"templates", p.templates},
		{"queues", p.queues},
		{"events", p.events},
		{"clock", p.clock},
		{"version", p.version},
	})}
}

func examine(ctx context.Context, checks []check) []Finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	results := make([]chan []Finding, len(checks))
	for i, c := range checks {
		results[i] = make(chan []Finding, 1)
		go func() { results[i] <- c.run(ctx) }()
	}
	var all []Finding
	for i, c := range checks {
		for _, finding := range await(ctx, results[i]) {
			finding.Check = c.name
			all = append(all, finding)
		}
	}
	return all
}

// await is what a check found, or that it has not ended in time. What has ended by then
// counts also where another check has used the time up.
func await(ctx context.Context, result <-chan []Finding) []Finding {
	select {
	case found := <-result:
		return found
	case <-ctx.Done():
	}
	select {
	case found := <-result:
		return found
	case <-time.After(time.Second): // a check hears of the end as well, and says what it waited for
		return []Finding{{State: Warning, Says: fmt.Sprintf("this check did not end within %v", checkWithin), Do: "look at the network, and run it again"}}
	}
}

// Unopened is the report on a store that cannot be opened at all.
func Unopened(w store.Location, err error) Report {
	store := w.Dir
	if w.Prefix != "" {
		store = w.Prefix
	}
	return Report{Store: store, Findings: []Finding{{Check: "store", State: Fault, Says: oneLine(err.Error())}}}
}

// unknown is the finding of a check that could not look.
func unknown(err error) []Finding {
	return []Finding{{State: Warning, Says: "this could not be looked at: " + err.Error()}}
}

// age is a time that has passed, in its largest unit.
func age(d time.Duration) string {
	return executions.Milliseconds(max(d, 0).Milliseconds()).String()
}
