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

// deadline is the time within which Segment promises to delete a user from its own systems.
const deadline = 30 * 24 * time.Hour

// DefaultPeriod is how far back requests are followed, unless another period is chosen: a few days
// more than the deadline, so that a late request is found.
const DefaultPeriod = deadline + 5*24*time.Hour

// retention is the time after which Segment no longer knows a request.
const retention = 90 * 24 * time.Hour

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
	Users      []string  `json:"users"` // the ids of the customers or orders of the webhooks; none if the log does not have the request
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
	Requests []Request `json:"requests"` // the newest first; those that are not in the log are the last
	Waiting  int       `json:"waiting"`  // deletions that Segment has not accepted yet
	Failed   int       `json:"failed"`   // deletions that are dead letters
	// Partial means that Segment has more requests than were read, so the state of some is not known.
	Partial bool `json:"partial,omitempty"`
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
	if err := r.read(ctx, log); err != nil {
		return r, err
	}
	known, err := segment.Regulations(ctx)
	if r.Partial = errors.Is(err, publicapi.ErrTooManyPages); err != nil && !r.Partial {
		return r, fmt.Errorf("asking Segment for the state of the deletions: %w", err)
	}
	entries := map[string]publicapi.RegulationEntry{}
	for _, entry := range known {
		entries[entry.ID] = entry
	}
	r.addLate(known, time.Now())
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

// addLate adds the requests that are late and not in the log, which has 30 days by default: so a
// request leaves it when it becomes late. Segment also has the requests that others made.
func (r *Report) addLate(known []publicapi.RegulationEntry, now time.Time) {
	for _, entry := range known {
		request := Request{Regulation: entry.ID, Requested: entry.CreatedAt.Time, Status: entry.Status}
		isDeletion := entry.RegulationType == publicapi.SuppressWithDelete || entry.RegulationType == publicapi.DeleteOnly
		isLogged := slices.ContainsFunc(r.Requests, func(other Request) bool { return other.Regulation == entry.ID })
		if isDeletion && !isLogged && request.isLate(now) {
			r.Requests = append(r.Requests, request)
		}
	}
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
			switch e.Outcome {
			case executions.Accepted, executions.Retrying:
				r.Waiting++
			case executions.Failed:
				r.Failed++
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

// isLate reports whether Segment still works on the request after the time that it promises.
func (r Request) isLate(now time.Time) bool { return r.isOpen() && now.Sub(r.Requested) > deadline }

// onlyUnsupported reports whether the request failed only in destinations that cannot delete a
// user by a request of Segment. Segment reports the whole request as failed then.
func (r Request) onlyUnsupported() bool {
	return len(r.Destinations) > 0 && !slices.ContainsFunc(r.Destinations, func(d Destination) bool { return d.Status != publicapi.StatusNotSupported })
}

// State describes the state of the request, without a full stop.
func (r Request) State(now time.Time) string {
	switch {
	case r.Status == "" && now.Sub(r.Requested) > retention:
		return "no longer known to Segment, which forgets a request after 90 days"
	case r.Status == "":
		return "not known to Segment: it may be in another workspace"
	case r.Status == publicapi.StatusFinished:
		return "finished"
	case r.isLate(now):
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

// NeedsAttention reports whether the request needs the operator's attention.
func (r Request) NeedsAttention(now time.Time) bool {
	return r.hasFailed() || r.Status == "" && now.Sub(r.Requested) <= retention || r.isLate(now)
}

// NeedsAttention reports whether a request or a dead letter needs the operator's attention.
func (r Report) NeedsAttention(now time.Time) bool {
	return r.Failed > 0 || slices.ContainsFunc(r.Requests, func(request Request) bool { return request.NeedsAttention(now) })
}

// Says summarizes the report in a sentence.
func (r Report) Says(now time.Time) string {
	users, finished, open, forgotten, attention, unlogged := 0, 0, 0, 0, 0, 0
	for _, request := range r.Requests {
		n := len(request.Users)
		users += n
		switch {
		case n == 0:
			unlogged++
		case request.NeedsAttention(now):
			attention += n
		case request.isOpen():
			open += n
		case request.Status == "":
			forgotten += n
		default:
			finished += n
		}
	}
	need := "need"
	if attention == 1 {
		need = "needs"
	}
	says := fmt.Sprintf("Since %s Segment was asked to delete %s: %d finished, %d in progress, %d %s attention",
		words.Clock(r.Since), words.Count(users, "user"), finished, open, attention, need)
	for _, also := range []struct {
		n    int
		noun string
		what string
	}{
		{forgotten, "user", "whose request Segment no longer knows"},
		{unlogged, "late request", "that the log does not have"},
		{r.Waiting, "deletion", "that Segment has not accepted yet"},
		{r.Failed, "dead letter", "to replay (hub deadletters list)"},
	} {
		if also.n > 0 {
			says += "; " + words.Count(also.n, also.noun) + " " + also.what
		}
	}
	if r.Partial {
		says += "; Segment has more requests than are read, so the state of some is not known"
	}
	return says + "."
}
