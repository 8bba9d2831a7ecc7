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

// Trace reads the executions of an id, or of the only id that begins with it, and returns
// their story and that of what was sent without a webhook. If several ids begin with it, the
// story lists them.
func (s Search) Trace(ctx context.Context, log Log) (Story, error) {
	var all []Execution
	var cut ErrCut
	q := Query{From: s.Now.Add(-s.Since), ID: s.Resource}
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
		story.Rest = append(story.Rest, fmt.Sprintf("There are more log lines than can be read at once. These begin at %s.", Clock(cut.Begins)))
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
	story := Story{Resource: s.Resource, Candidates: ids[:min(len(ids), candidatesAtMost)]}
	story.Says = fmt.Sprintf("%s begin with %s. Choose one of them:", words.Count(len(ids), "id"), s.Resource)
	if len(ids) > candidatesAtMost {
		story.Says = fmt.Sprintf("%s begin with %s. Choose one of them, or give more characters. The first are:", words.Count(len(ids), "id"), s.Resource)
	}
	return story
}
