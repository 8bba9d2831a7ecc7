package main

import (
	"slices"
	"sync"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

const (
	recentsKeeps = 50
	recentsBytes = 8 << 20 // of bodies
)

// recents are the webhooks that were accepted last, for people to look at and to try
// templates on.
type recents struct {
	mu    sync.Mutex
	list  []console.Recent // oldest first
	bytes int
}

// keep adds an accepted webhook, and drops the oldest beyond the bounds.
func (r *recents) keep(t tracking.Tracking, body []byte) {
	webhook, kept, err := commerce.Check(body)
	if err != nil {
		return // accepted all the same, and buried with the reason
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, console.Recent{
		At: time.Now(), Tracking: t, Event: webhook.Event, Resource: webhook.ResourceID, Body: kept,
	})
	r.bytes += len(kept)
	for len(r.list) > recentsKeeps || r.bytes > recentsBytes {
		r.bytes -= len(r.list[0].Body)
		r.list = slices.Delete(r.list, 0, 1)
	}
}

// newestFirst are those that are kept.
func (r *recents) newestFirst() []console.Recent {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}
