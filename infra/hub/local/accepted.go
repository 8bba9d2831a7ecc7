package local

import (
	"slices"
	"sync"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// accepted holds the latest accepted webhooks, for the pages that show them and try
// templates on them.
type accepted struct {
	mu    sync.Mutex
	list  []acceptedWebhook // oldest first
	bytes int
}

// acceptedWebhook is an accepted webhook as it was posted. It is decoded when a page shows it.
type acceptedWebhook struct {
	at       time.Time
	tracking tracking.Tracking
	body     string
}

// keep adds an accepted webhook, and removes the oldest ones while there are more than
// maxAccepted webhooks or maxAcceptedBytes.
func (a *accepted) keep(t tracking.Tracking, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, acceptedWebhook{time.Now(), t, body})
	a.bytes += len(body)
	for len(a.list) > maxAccepted || a.bytes > maxAcceptedBytes {
		a.bytes -= len(a.list[0].body)
		a.list = slices.Delete(a.list, 0, 1)
	}
}

// newestFirst returns the webhooks, the newest first.
func (a *accepted) newestFirst() []console.Recent {
	a.mu.Lock()
	list := slices.Clone(a.list)
	a.mu.Unlock()
	var webhooks []console.Recent
	for _, each := range slices.Backward(list) {
		webhook, kept, err := commerce.Check([]byte(each.body))
		if err != nil {
			continue // not reached: only valid webhooks are accepted
		}
		webhooks = append(webhooks, console.Recent{
			At: each.at, Tracking: each.tracking, Event: webhook.Event, Resource: webhook.ResourceID, Body: kept,
		})
	}
	return webhooks
}
