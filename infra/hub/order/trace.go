package order

import (
	"context"
	"errors"
	"slices"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/loggable"
)

// Trace traces an order by its number, or an order, a customer or a webhook by its id. It adds
// what was sent without a webhook, and what Commerce has. The inbox is as in InCommerce.
func Trace(ctx context.Context, s store.Store, inbox string, log executions.Log, search executions.Search) (executions.Story, error) {
	near, err := executions.Near(ctx, log, search.Query())
	if err != nil {
		return executions.Story{}, err
	}
	ids, err := idsByNumber(ctx, s, near, search)
	switch {
	case err != nil:
		return executions.Story{}, err
	case len(ids) > 1:
		return search.Orders(ids), nil
	case len(ids) == 1:
		search.Resource, search.Number = ids[0], search.Resource
		near = log // it has no lines without the number
	}
	search.Sent = s.Sent(ctx, inbox, search.Resource)
	story, err := search.Trace(ctx, near)
	if err != nil {
		return executions.Story{}, err
	}
	story.Commerce = InCommerce(ctx, s, inbox, log, story)
	return story, nil
}

// idsByNumber returns the ids of the orders whose number was searched for. It asks Commerce if the
// log has nothing of that name: the webhooks of the order may never have come.
func idsByNumber(ctx context.Context, s store.Store, log executions.Log, search executions.Search) (ids []string, err error) {
	number := loggable.OrderNumber(search.Resource)
	if number == "" {
		return nil, nil
	}
	q := search.Query()
	q.ID = number
	known := false
	for e, err := range log.All(ctx, q) {
		if errors.As(err, new(executions.ErrCut)) {
			break
		}
		if err != nil {
			return nil, err
		}
		known = true
		if e.Number == number && e.Resource != "" && !slices.Contains(ids, e.Resource) {
			ids = append(ids, e.Resource)
		}
	}
	if known {
		return ids, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	client, err := s.Commerce(ctx)
	if err == nil {
		ids, err = client.OrderIDsByNumber(ctx, number)
	}
	if err != nil {
		return nil, nil // InCommerce says why Commerce does not answer
	}
	return ids, nil
}
