// Package deletions follows the requests to delete users that Segment accepted, until Segment
// has finished them. It takes the requests from the log of the store, and their state from
// Segment's Public API.
package deletions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/tracking"
)

// Due is the time within which Segment promises to delete a user from its own systems.
const Due = 30 * 24 * time.Hour

// LooksBack is how far back requests are followed, unless another period is chosen: a few days
// more than Due, so that one that is late is found.
const LooksBack = Due + 5*24*time.Hour

// Kept is the time after which Segment no longer knows a request.
const Kept = 90 * 24 * time.Hour

// maxDetails is the number of failed requests for which Segment is asked which destinations failed.
const maxDetails = 20

// Segment has the calls of the Public API that Follow needs.
type Segment interface {
	Regulations(context.Context) ([]publicapi.RegulationEntry, error)
	Regulation(ctx context.Context, id string) (publicapi.Regulation, error)
}

// Request is one request to Segment, for one user or several.
type Request struct {
	Regulation string    `json:"regulation"` // Segment's id of it
	Requested  time.Time `json:"requested"`
	Users      []string  `json:"users"` // the ids of the customers or orders of the webhooks
	// Status is Segment's, such as "FINISHED". It is empty if Segment does not know the request.
	Status       string        `json:"status,omitempty"`
	Finished     time.Time     `json:"finished,omitzero"`
	Destinations []Destination `json:"destinations,omitempty"` // of a request that failed, those that did not finish
}

// Destination is the state of a request in a destination.
type Destination struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Report is the requests of a period.
type Report struct {
	Since    time.Time `json:"since"`
	Requests []Request `json:"requests"` // the newest first
	Unsent   int       `json:"unsent"`   // deletions that Segment has not accepted yet, or never will
	// Begins is when the oldest webhook was received that could be read; zero if all were read.
	Begins time.Time `json:"begins,omitzero"`
}

// Trackings returns the trackings that request deletions.
func Trackings() []tracking.Tracking {
	return slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return t.Call != tracking.Delete })
}

// Follow returns the requests since a time, with their state in Segment.
func Follow(ctx context.Context, log executions.Log, segment Segment, since time.Time) (Report, error) {
	r := Report{Since: since, Requests: []Request{}}
	if err := r.read(ctx, log); err != nil || len(r.Requests) == 0 {
		return r, err
	}
	known, err := segment.Regulations(ctx)
	if err != nil {
		return r, fmt.Errorf("asking Segment for the state of the deletions: %w", err)
	}
	entries := map[string]publicapi.RegulationEntry{}
	for _, entry := range known {
		entries[entry.ID] = entry
	}
	details := 0
	for i := range r.Requests {
		request := &r.Requests[i]
		entry := entries[request.Regulation]
		request.Status, request.Finished = entry.Status, entry.FinishedAt.Time
		if !request.hasFailed() || details == maxDetails {
			continue
		}
		details++
		regulation, err := segment.Regulation(ctx, request.Regulation)
		if err != nil {
			return r, fmt.Errorf("asking Segment for the destinations of a deletion: %w", err)
		}
		request.Destinations = unfinished(regulation)
	}
	return r, nil
}

// read reads the requests from the log.
func (r *Report) read(ctx context.Context, log executions.Log) error {
	byID := map[string]int{}
	for e, err := range log.All(ctx, executions.Query{From: r.Since, Trackings: Trackings()}) {
		var cut executions.ErrCut
		if errors.As(err, &cut) {
			r.Begins = cut.Begins
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if e.Outcome != executions.Delivered {
			if e.Outcome != executions.Skipped && e.Outcome != executions.Rejected {
				r.Unsent++
			}
			continue
		}
		last := e.Lines[len(e.Lines)-1]
		for _, id := range last.Regulations {
			at, found := byID[id]
			if !found {
				at = len(r.Requests)
				byID[id] = at
				r.Requests = append(r.Requests, Request{Regulation: id, Requested: last.Time})
			}
			r.Requests[at].Users = append(r.Requests[at].Users, e.Resource)
		}
	}
	return nil
}

// unfinished returns the destinations that have not deleted the users.
func unfinished(r publicapi.Regulation) (all []Destination) {
	for _, stream := range r.StreamStatus {
		for _, d := range stream.DestinationStatus {
			if d.Status != publicapi.StatusFinished {
				all = append(all, Destination{Name: d.Name, Status: d.Status})
			}
		}
	}
	return all
}

// hasFailed reports whether Segment ended the request and did not delete the users everywhere.
func (r Request) hasFailed() bool {
	return !r.isOpen() && r.Status != publicapi.StatusFinished && r.Status != ""
}

// isOpen reports whether Segment still works on the request.
func (r Request) isOpen() bool {
	return r.Status == publicapi.StatusInitialized || r.Status == publicapi.StatusRunning
}

// onlyUnsupported reports whether the request failed only in destinations that cannot delete a
// user by a request of Segment. Segment reports the whole request as failed then.
func (r Request) onlyUnsupported() bool {
	return len(r.Destinations) > 0 && !slices.ContainsFunc(r.Destinations, func(d Destination) bool { return d.Status != publicapi.StatusNotSupported })
}

// State describes the state of the request, without a full stop.
func (r Request) State(now time.Time) string {
	switch {
	case r.Status == "" && now.Sub(r.Requested) > Kept:
		return "no longer known to Segment, which forgets a request after 90 days"
	case r.Status == "":
		return "not known to Segment: it may be in another workspace"
	case r.Status == publicapi.StatusFinished:
		return "finished"
	case r.isOpen() && now.Sub(r.Requested) > Due:
		return "not finished after " + words.Count(int(now.Sub(r.Requested)/(24*time.Hour)), "day")
	case r.Status == publicapi.StatusInitialized:
		return "not begun yet"
	case r.isOpen():
		return "in progress"
	case r.onlyUnsupported():
		return "finished in Segment; delete the users yourself in " + r.destinations()
	case len(r.Destinations) > 0:
		return "failed in " + r.destinations()
	default:
		return "failed (" + r.Status + ")"
	}
}

// destinations returns the names of the destinations that did not finish.
func (r Request) destinations() string {
	names := make([]string, len(r.Destinations))
	for i, d := range r.Destinations {
		names[i] = d.Name
	}
	return strings.Join(names, ", ")
}

// NeedsSomeone reports whether the operator has to do something about the request.
func (r Request) NeedsSomeone(now time.Time) bool {
	return r.hasFailed() || r.Status == "" && now.Sub(r.Requested) <= Kept || r.isOpen() && now.Sub(r.Requested) > Due
}

// Attention returns for how many users the operator has to do something.
func (r Report) Attention(now time.Time) (users int) {
	for _, request := range r.Requests {
		if request.NeedsSomeone(now) {
			users += len(request.Users)
		}
	}
	return users
}

// Says summarizes the report in a sentence.
func (r Report) Says(now time.Time) string {
	users, finished, open := 0, 0, 0
	for _, request := range r.Requests {
		n := len(request.Users)
		users += n
		switch {
		case request.NeedsSomeone(now):
		case request.isOpen():
			open += n
		default:
			finished += n
		}
	}
	says := fmt.Sprintf("Since %s Segment was asked to delete %s: %d finished, %d in progress, %d that need attention",
		executions.Clock(r.Since), words.Count(users, "user"), finished, open, r.Attention(now))
	if r.Unsent > 0 {
		says += fmt.Sprintf("; %s not accepted by Segment yet, or failed", words.Count(r.Unsent, "deletion"))
	}
	return says + "."
}
