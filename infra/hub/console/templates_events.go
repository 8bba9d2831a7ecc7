package console

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

const (
	latestCount  = 20
	latestMaxAge = time.Minute // the page needs them again with every key that the user types
	latestWithin = 5 * time.Second
)

// realEventsTitle returns the title of the real events.
func (c *Console) realEventsTitle() string {
	if c.Machine != nil {
		return "Latest webhooks"
	}
	return "Latest in Commerce"
}

// realEvents returns the latest real events of a tracking, newest first, for previews. On this
// machine they are the latest webhooks. A deployed store keeps no webhook that was delivered, so
// its events are made from the latest orders and customers in Commerce.
func (c *Console) realEvents(ctx context.Context, t tracking.Tracking) []event {
	if c.Machine == nil {
		return c.latestOf(ctx, t)
	}
	var all []event
	for _, recent := range c.Machine.Recent() {
		if recent.Tracking.Name == t.Name {
			all = append(all, realEvent(recent.Event, recent.Resource, recent.At, recent.Body))
		}
	}
	return all
}

func realEvent(trigger, resource string, at time.Time, body []byte) event {
	return event{
		Value: "recent:" + resource + ":" + strconv.FormatInt(at.UnixNano(), 10),
		Label: fmt.Sprintf("%s %s, %s", trigger, resource, ago(time.Since(at))),
		Body:  body, At: at, Real: true,
	}
}

// latestOf returns the latest events in Commerce. If Commerce cannot be reached, it logs the
// error and returns none, and the page has only the samples.
func (c *Console) latestOf(ctx context.Context, t tracking.Tracking) []event {
	return c.latest.get(t.Name, latestMaxAge, func() []event {
		// The page's script cancels a request when the user types the next key. The answer is
		// still useful for the next request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), latestWithin)
		defer cancel()
		events, err := c.askLatest(ctx, t)
		if err != nil && !errors.Is(err, store.ErrNotConnected) {
			c.Log.Warn("reading the latest events in Commerce", "tracking", t.Name, "error", err)
		}
		return events
	})
}

// askLatest reads the latest events from Commerce.
func (c *Console) askLatest(ctx context.Context, t tracking.Tracking) ([]event, error) {
	client, err := c.commerce(ctx)
	if err != nil {
		return nil, err
	}
	webhooks, err := backfill.Latest(ctx, client, t, t.Observes[0], latestCount)
	var events []event
	for _, w := range webhooks {
		at, _ := time.Parse(time.RFC3339, w.UpdatedAt) // the zero time if it cannot be parsed
		events = append(events, realEvent(w.Event, w.ID, at, w.Body))
	}
	return events, err
}
