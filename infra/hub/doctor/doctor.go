// Package doctor examines a store, on this machine or deployed: it reports what is right,
// what is wrong, and what to do about it. Its findings contain no secret and no personal
// data.
//
// It changes nothing. The checks are independent: one that fails or hangs is a finding, and
// does not affect the others.
package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// State is the severity of a finding.
type State string

// The states, from the best to the worst.
const (
	OK      State = "ok"
	Note    State = "note"    // worth knowing; perhaps intended
	Warning State = "warning" // nothing is lost yet, but look at it soon
	Fault   State = "fault"   // events are lost, or are not delivered until it is fixed
)

// Finding is one result of a check.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do, with the command if there is one
}

// Report lists all findings, check by check.
type Report struct {
	Store    string       `json:"store"`
	State    health.State `json:"state"`
	Findings []Finding    `json:"findings"`
}

// Count returns the number of findings with a state.
func (r Report) Count(state State) (count int) {
	for _, f := range r.Findings {
		if f.State == state {
			count++
		}
	}
	return count
}

// Says summarizes the report in a sentence.
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
	// Log has the log lines about webhooks. It is nil if there is none; NoLog is the reason.
	Log   executions.Log
	NoLog string
	Since time.Duration
	// Health judges the store as the overview does.
	Health func(context.Context) (health.Judgement, error)
	// Timeout is the time limit of the checks, which run concurrently.
	Timeout time.Duration
}

// DefaultTimeout is the time limit of the checks where the network is as usual.
const DefaultTimeout = 10 * time.Second

// check is one check and its name.
type check struct {
	name string
	run  func(context.Context) []Finding
}

// Examine runs all checks concurrently.
func Examine(ctx context.Context, p Patient) Report {
	p.Health = once(p.Health)
	r := Report{Store: p.Store.Name, Findings: examine(ctx, p.Timeout, []check{
		{"store", p.store},
		{"health", p.health},
		{"settings", p.settings},
		{"segment", p.segment},
		{"commerce", p.commerce},
		{"currencies", p.currencies},
		{"webhooks", p.webhooks},
		{"secret", p.secret},
		{"templates", p.templates},
		{"events", p.events},
		{"received", p.received},
		{"deletions", p.deletions},
		{"limits", p.limits},
		{"clock", p.clock},
		{"version", p.version},
	})}
	r.State = r.state()
	return r
}

// state returns the state of the store: broken if there is a fault, and degraded if its health
// or what Segment received is.
func (r Report) state() health.State {
	switch {
	case r.Count(Fault) > 0:
		return health.Broken
	case slices.ContainsFunc(r.Findings, func(f Finding) bool { return (f.Check == "health" || f.Check == "received") && f.State == Warning }):
		return health.Degraded
	default:
		return health.Working
	}
}

// health reports the problems of the judgement that the overview shows too.
func (p Patient) health(ctx context.Context) []Finding {
	j, err := p.Health(ctx)
	if err != nil {
		return []Finding{{State: Fault, Says: "the store could not be asked: " + words.OneLine(err.Error())}}
	}
	return healthFindings(j)
}

// once returns a function that judges only once, for all checks that use the judgement.
func once(judge func(context.Context) (health.Judgement, error)) func(context.Context) (health.Judgement, error) {
	var judging sync.Once
	var j health.Judgement
	var err error
	return func(ctx context.Context) (health.Judgement, error) {
		judging.Do(func() { j, err = judge(ctx) })
		return j, err
	}
}

// judged returns the keys of the problems that the check health reports, so that no other check
// reports them again. If the store cannot be judged, there are none.
func (p Patient) judged(ctx context.Context) map[string]bool {
	j, _ := p.Health(ctx)
	keys := map[string]bool{}
	for _, problem := range j.Problems {
		keys[problem.Key] = true
	}
	return keys
}

// healthFindings returns the problems of a judgement as findings, without those of the
// settings and of what Segment received: the checks settings, segment, secret and received report
// those.
func healthFindings(j health.Judgement) []Finding {
	if len(j.Problems) == 0 {
		return []Finding{{State: OK, Says: j.Says()}}
	}
	states := map[health.State]State{health.Broken: Fault, health.Degraded: Warning, health.Working: Note}
	var found []Finding
	for _, one := range j.Problems {
		if one.Key == health.OfSettings || one.Key == health.OfInboxKey || strings.HasPrefix(one.Key, health.OfReceived) {
			continue
		}
		f := Finding{State: states[one.State], Says: one.Says, Do: one.Do}
		if one.Run != "" {
			f.Do += " " + one.Run
		}
		found = append(found, f)
	}
	return found
}

// examine returns the findings of all checks, in their order.
func examine(ctx context.Context, timeout time.Duration, checks []check) []Finding {
	ctx, cancel := context.WithTimeout(ctx, timeout)
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

// await returns what a check found, or a finding that it did not finish in time. It also
// returns the findings of a check that finished while await waited for another one.
func await(ctx context.Context, result <-chan []Finding) []Finding {
	select {
	case found := <-result:
		return found
	case <-ctx.Done():
	}
	select {
	case found := <-result:
		return found
	case <-time.After(time.Second): // a check whose context is done returns what it waited for
		return []Finding{{State: Warning, Says: "this check did not finish in time", Do: "check the network, and run hub doctor again, with a longer --timeout"}}
	}
}

// Unopened returns the report on a store that cannot be opened.
func Unopened(w store.Location, err error) Report {
	store := w.Dir
	if w.Prefix != "" {
		store = w.Prefix
	}
	return Report{Store: store, State: health.Broken, Findings: []Finding{{Check: "store", State: Fault, Says: words.OneLine(err.Error())}}}
}

// unknown returns the finding of a check that failed.
func unknown(err error) []Finding {
	return []Finding{{State: Warning, Says: "this could not be checked: " + err.Error()}}
}

// age formats a duration in its largest unit.
func age(d time.Duration) string {
	return executions.Milliseconds(max(d, 0).Milliseconds()).String()
}
