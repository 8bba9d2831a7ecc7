// Package health judges whether a store works, on this machine or deployed. The console, the
// commands and the alerts all show the same judgement.
//
// Judge is a pure function of Facts, so every rule can be tested without a store. Source reads
// the facts. Neither a fact nor a judgement contains a secret or personal data.
package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"commerce-segment/infra/hub/words"
)

// State is how well a store works.
type State string

// The states, from the best to the worst.
const (
	Working  State = "working"
	Degraded State = "degraded" // nothing is lost, but events are late or need attention
	Broken   State = "broken"   // events are not accepted or not delivered until it is fixed
)

// rank orders the states from the best to the worst.
func (s State) rank() int { return slices.Index([]State{Working, Degraded, Broken}, s) }

// Worse reports whether a state is worse than another one.
func (s State) Worse(than State) bool { return s.rank() > than.rank() }

// Problem is one thing that is wrong, and what to do about it.
type Problem struct {
	// Key is the same as long as it is the same problem.
	Key string `json:"key"`
	// State is the state of a store that has only this problem. It is Working if the problem
	// is only for information.
	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"`
	Says  string    `json:"says"`
	Do    string    `json:"do,omitempty"`
	// Run is a command that helps. It works as it is.
	Run string `json:"run,omitempty"`
	// Path is the page of the console that helps, and Page its title.
	Path string `json:"path,omitempty"`
	Page string `json:"page,omitempty"`
}

// Judgement is the state of a store at a time, and its problems, the worst first.
type Judgement struct {
	State       State     `json:"state"`
	At          time.Time `json:"at"`
	Waiting     int       `json:"waiting"` // events that are queued or retried
	Oldest      time.Time `json:"oldest,omitzero"`
	DeadLetters int       `json:"dead_letters"`
	Problems    []Problem `json:"problems"`
}

// Judge judges a store by its facts.
func Judge(f Facts) Judgement {
	j := Judgement{State: Working, At: f.Now, Waiting: f.Waiting, Oldest: f.Oldest, DeadLetters: f.DeadLetters, Problems: []Problem{}}
	for _, rule := range rules {
		j.Problems = append(j.Problems, rule(f)...)
	}
	slices.SortStableFunc(j.Problems, func(a, b Problem) int { return cmp.Compare(b.State.rank(), a.State.rank()) })
	if len(j.Problems) > 0 {
		j.State = j.Problems[0].State
	}
	return j
}

// Count returns the number of problems that make the state worse than working.
func (j Judgement) Count() (count int) {
	for _, p := range j.Problems {
		if p.State != Working {
			count++
		}
	}
	return count
}

// Says describes the state in a sentence.
func (j Judgement) Says() string {
	switch {
	case j.State == Working:
		return "Working. Webhooks are accepted and delivered as they arrive."
	case j.Count() == 1:
		return words.Capital(string(j.State)) + ". " + j.Problems[0].Says
	default:
		return fmt.Sprintf("%s: %s. The first: %s", words.Capital(string(j.State)), words.Count(j.Count(), "problem"), j.Problems[0].Says)
	}
}

// Title describes the state and the number of problems, above a list of them.
func (j Judgement) Title() string {
	if j.State == Working {
		return j.Says()
	}
	return fmt.Sprintf("%s: %s", words.Capital(string(j.State)), words.Count(j.Count(), "problem"))
}
