package backfill

import (
	"context"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// Webhook is a webhook as Commerce would have posted it.
type Webhook struct {
	commerce.Record
	Event string
	Body  []byte
}

// Latest returns webhooks of an event for the newest orders or customers, newest first. It
// reads count of them and leaves out those to which the event did not happen, according to
// their current state. An update may have happened to each.
func Latest(ctx context.Context, client *commerce.Client, t tracking.Tracking, event string, count int) ([]Webhook, error) {
	resources, err := latest(ctx, client, t, count)
	if err != nil {
		return nil, err
	}
	sender := &Sender{commerce: client}
	var webhooks []Webhook
	for _, r := range resources {
		happened, err := sender.happened(ctx, event, r)
		if err != nil {
			return nil, err
		}
		if !happened && t.Once {
			continue
		}
		body, err := fact{event: event, resource: r}.webhook()
		if err != nil {
			return nil, err
		}
		webhooks = append(webhooks, Webhook{Record: r.Record, Event: event, Body: body})
	}
	return webhooks, nil
}

// latest returns the newest orders or customers, whichever the tracking is about. Of other
// resources it returns none.
func latest(ctx context.Context, client *commerce.Client, t tracking.Tracking, count int) (resources []*resource, err error) {
	switch t.Resource() {
	case Customers.resource():
		customers, err := client.LatestCustomers(ctx, count)
		for _, customer := range customers {
			resources = append(resources, &resource{Record: customer.Record})
		}
		return resources, err
	case Orders.resource():
		orders, err := client.LatestOrders(ctx, count)
		for _, order := range orders {
			resources = append(resources, &resource{Record: order.Record, order: &order})
		}
		return resources, err
	}
	return nil, nil
}
