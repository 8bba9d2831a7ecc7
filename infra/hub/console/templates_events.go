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
	latestFor    = time.Minute // they are asked for again with every key that somebody types
	latestWithin = 5 * time.Second
)

// realEventsTitle says where the real events are from.
func (c *Console) realEventsTitle() string {
	if c.Machine != nil {
		return "Came in last"
	}
	return "The latest in Commerce"
}

// realEvents are the real events of a tracking that there are to try a template on, the
// newest first: what came in, on this machine. A deployed store keeps no webhook that
// was delivered; there they are made of the orders and customers that Commerce has got
// last.
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

// latestOf asks Commerce, where the store is connected. Where it cannot be asked there
// are the samples, and the log says why.
func (c *Console) latestOf(ctx context.Context, t tracking.Tracking) []event {
	return c.latest.get(t.Name, latestFor, func() []event {
		// The page's script gives a request up with the next key that is typed: what it read
		// serves the one after it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), latestWithin)
		defer cancel()
		events, err := c.askLatest(ctx, t)
		if err != nil && !errors.Is(err, store.ErrNotConnected) {
			c.Log.Warn("reading what Commerce has got last", "tracking", t.Name, "error", err)
		}
		return events
	})
}

func (c *Console) askLatest(ctx context.Context, t tracking.Tracking) ([]event, error) {
	client, err := c.commerce(ctx)
	if err != nil {
		return nil, err
	}
	webhooks, err := backfill.Latest(ctx, client, t, t.Observes[0], latestCount)
	var events []event
	for _, w := range webhooks {
		at, _ := time.Parse(time.RFC3339, w.UpdatedAt) // else the zero time
		events = append(events, realEvent(w.Event, w.ID, at, w.Body))
	}
	return events, err
}
