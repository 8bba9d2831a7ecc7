package local

import (
	"slices"
	"sync"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// accepted are the webhooks that were accepted last, for people to look at and to try
// templates on.
type accepted struct {
	mu    sync.Mutex
	list  []acceptedWebhook // oldest first
	bytes int
}

// acceptedWebhook is an accepted webhook as it was posted. It is read when somebody looks at it.
type acceptedWebhook struct {
	at       time.Time
	tracking tracking.Tracking
	body     string
}

// keep adds an accepted webhook, and drops the oldest beyond the bounds.
func (r *accepted) keep(t tracking.Tracking, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, acceptedWebhook{time.Now(), t, body})
	r.bytes += len(body)
	for len(r.list) > acceptedKeeps || r.bytes > acceptedBytes {
		r.bytes -= len(r.list[0].body)
		r.list = slices.Delete(r.list, 0, 1)
	}
}

// newestFirst are those that are kept.
func (r *accepted) newestFirst() []console.Recent {
	r.mu.Lock()
	list := slices.Clone(r.list)
	r.mu.Unlock()
	var webhooks []console.Recent
	for _, each := range slices.Backward(list) {
		webhook, kept, err := commerce.Check([]byte(each.body))
		if err != nil {
			continue // nothing is accepted that is no webhook
		}
		webhooks = append(webhooks, console.Recent{
			At: each.at, Tracking: each.tracking, Event: webhook.Event, Resource: webhook.ResourceID, Body: kept,
		})
	}
	return webhooks
}
