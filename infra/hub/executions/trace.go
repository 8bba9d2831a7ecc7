package executions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"commerce-segment/infra/hub/words"
)

// candidatesAtMost is how many ids a story lists that begin with the same characters.
const candidatesAtMost = 20

// Query returns the query for the executions of what was searched for.
func (s Search) Query() Query { return Query{From: s.Now.Add(-s.Since), ID: s.Resource} }

// Trace reads the executions of an id, or of the only id that begins with it, and returns
// their story and that of what was sent without a webhook. If several ids begin with it, the
// story lists them.
func (s Search) Trace(ctx context.Context, log Log) (Story, error) {
	var all []Execution
	var cut ErrCut
	q := s.Query()
	for e, err := range log.All(ctx, q) {
		if err != nil && !errors.As(err, &cut) {
			return Story{}, err
		}
		if err == nil {
			all = append(all, e)
		}
	}
	all = slices.Concat(all, Of(s.Sent.Lines))
	slices.SortStableFunc(all, compare)
	ids := idsIn(all, q)
	switch {
	case slices.Contains(ids, s.Resource):
		all = slices.DeleteFunc(all, func(e Execution) bool { return e.Resource != s.Resource && e.WebhookID != s.Resource })
	case len(ids) == 1:
		s.Resource = ids[0]
	case len(ids) > 1:
		return s.candidates(ids), nil
	}
	story := s.Tell(all)
	if s.Sent.Err != nil {
		story.Rest = append(story.Rest, "What hub backfill and hub reconcile sent is not known: "+s.Sent.Err.Error())
	}
	if !cut.Begins.IsZero() {
		story.Rest = append(story.Rest, fmt.Sprintf("The log has more lines than can be read: only the lines since %s were read.", words.Clock(cut.Begins)))
	}
	return story, nil
}

// idsIn returns the ids that a query selects, sorted.
func idsIn(all []Execution, q Query) []string {
	var ids []string
	for _, e := range all {
		for _, id := range []string{e.Resource, e.WebhookID} {
			if q.Names(id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// candidates returns the story that lists ids.
func (s Search) candidates(ids []string) Story {
	return s.choice(fmt.Sprintf("%s begin with %s.", words.Count(len(ids), "id"), s.Resource), "give more characters", ids)
}

// Orders returns the story that lists the orders with the number that was searched for.
func (s Search) Orders(ids []string) Story {
	return s.choice(fmt.Sprintf("%s have the number %s.", words.Count(len(ids), "order"), s.Resource), "search by an id", ids)
}

// choice returns a story that lists ids. If there are too many, it says what else to do.
func (s Search) choice(says, otherwise string, ids []string) Story {
	story := Story{Resource: s.Resource, Candidates: ids[:min(len(ids), candidatesAtMost)], Says: says + " Choose one of them:"}
	if len(ids) > candidatesAtMost {
		story.Says = fmt.Sprintf("%s Choose one of them, or %s. The first are:", says, otherwise)
	}
	return story
}
