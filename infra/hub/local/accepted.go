package local

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// accepted holds the latest accepted webhooks, for the pages that show them and try
// templates on them. They are in memory, and written to the disk in the background, so that
// accepting a webhook does not wait for it. A hub that is killed loses those of the last
// acceptedInterval from this list.
type accepted struct {
	disk *database.List

	mu      sync.Mutex
	list    []acceptedWebhook // oldest first
	bytes   int
	unsaved int // how many at the end of list are not on the disk
}

// acceptedWebhook is an accepted webhook as it was posted. It is decoded when a page shows it.
type acceptedWebhook struct {
	at       time.Time
	tracking tracking.Tracking
	body     string
}

// openAccepted returns the webhooks that an earlier run has written to a folder.
func openAccepted(folder string, log *slog.Logger) (*accepted, error) {
	disk, err := database.OpenList(filepath.Join(folder, "webhooks.db"), "the list of the latest webhooks",
		database.Limits{Entries: maxAccepted, Bytes: maxAcceptedBytes, Age: receivedAge}, log)
	if err != nil {
		return nil, err
	}
	a := &accepted{disk: disk}
	for entry, err := range disk.NewestFirst(disk.Added()) {
		if err != nil {
			disk.Close()
			return nil, err
		}
		name, body, _ := bytes.Cut(entry.Body, []byte("\n"))
		if t, err := tracking.ByName(string(name)); err == nil { // not of a tracking that this release does not have
			a.list = append(a.list, acceptedWebhook{entry.At, t, string(body)})
			a.bytes += len(body)
		}
	}
	slices.Reverse(a.list)
	return a, nil
}

// entry returns the webhook as it is written to the disk: without the configuration that holds
// the secret, after a line with the tracking.
func (w acceptedWebhook) entry() (database.Entry, error) {
	_, kept, err := commerce.Check([]byte(w.body))
	return database.Entry{At: w.at, Body: append([]byte(w.tracking.Name+"\n"), kept...)}, err
}

// keep adds an accepted webhook, and removes the oldest ones while there are more than
// maxAccepted webhooks or maxAcceptedBytes.
func (a *accepted) keep(t tracking.Tracking, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, acceptedWebhook{time.Now(), t, body})
	a.bytes += len(body)
	a.unsaved++
	for len(a.list) > maxAccepted || a.bytes > maxAcceptedBytes {
		a.bytes -= len(a.list[0].body)
		a.list = slices.Delete(a.list, 0, 1)
	}
	a.unsaved = min(a.unsaved, len(a.list))
}

// save writes the new webhooks to the disk every acceptedInterval, until the context is done.
// Of many webhooks it writes only those that are still in the list.
func (a *accepted) save(ctx context.Context) {
	for {
		select {
		case <-time.After(acceptedInterval):
			a.write()
		case <-ctx.Done():
			return
		}
	}
}

// write writes the new webhooks to the disk. If that fails, the next call tries it again.
func (a *accepted) write() {
	a.mu.Lock()
	fresh := slices.Clone(a.list[len(a.list)-a.unsaved:])
	a.unsaved = 0
	a.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	var entries []database.Entry
	for _, each := range fresh {
		if entry, err := each.entry(); err == nil { // only valid webhooks are accepted
			entries = append(entries, entry)
		}
	}
	if a.disk.Add(entries...) == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsaved = min(a.unsaved+len(fresh), len(a.list))
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
