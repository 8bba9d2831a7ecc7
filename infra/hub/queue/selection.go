package queue

import (
	"maps"
	"math"
	"slices"
)

// Selection selects retrying events. An empty list of reasons or resources selects all.
type Selection struct {
	Reasons   []string
	Resources []string // the ids of orders and customers
}

// Retrying is what a queue has of a Selection.
type Retrying struct {
	Events    []Waiting `json:"events"`    // those with the earliest attempt
	Count     int       `json:"count"`     // of all that are selected
	Reasons   []string  `json:"reasons"`   // of all retrying events of the queue
	Resources []string  `json:"resources"` // those of the selection about which there is an event
}

// Retrying returns the selected events, at most limit of them.
func (q *Queue) Retrying(s Selection, limit int) (r Retrying, err error) {
	matches, about, err := q.Matching(s)
	if err != nil {
		return r, err
	}
	reasons := map[string]bool{}
	r.Events, r.Count, err = q.Waiting(limit, func(w Waiting) bool {
		reasons[w.Reason] = true
		return matches(w)
	})
	for i := range r.Events {
		r.Events[i].About = q.Describe(r.Events[i].ID)
	}
	r.Reasons, r.Resources = slices.Sorted(maps.Keys(reasons)), about
	return r, err
}

// Matching returns a function that reports whether an event is selected, and the resources of
// the selection about which there is an event. It reads what the events are about at once,
// because the function may be called while the queue is changed.
func (q *Queue) Matching(s Selection) (matches func(Waiting) bool, about []string, err error) {
	hasReason := func(w Waiting) bool { return len(s.Reasons) == 0 || slices.Contains(s.Reasons, w.Reason) }
	if len(s.Resources) == 0 {
		return hasReason, nil, nil
	}
	events, _, err := q.Waiting(math.MaxInt, hasReason)
	named, resources := map[string]bool{}, map[string]bool{}
	for _, w := range events {
		if resource := q.Describe(w.ID).Resource; slices.Contains(s.Resources, resource) {
			named[w.ID], resources[resource] = true, true
		}
	}
	return func(w Waiting) bool { return named[w.ID] }, slices.Sorted(maps.Keys(resources)), err
}
