// Package deletions follows the requests to delete users that Segment accepted, until Segment
// has finished them. It takes the requests from the log of the store, and their state from
// Segment's Public API.
package deletions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/deletion"
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

// maxDetails is the number of requests about which Segment is asked one by one: which destinations
// failed, or the state of a request that is not in the part of the list that was read.
const maxDetails = 20

// acceptedWithin is the time after which a deletion that Segment has not accepted needs attention.
const acceptedWithin = time.Hour

// Segment has the calls of the Public API that Ask needs.
type Segment interface {
	Regulations(context.Context) ([]publicapi.RegulationEntry, error)
	Regulation(ctx context.Context, id string) (publicapi.Regulation, error)
}

// Request is one request to Segment, for one user or several.
type Request struct {
	Regulation string    `json:"regulation"` // Segment's id of it
	Requested  time.Time `json:"requested"`
	Users      []string  `json:"users"` // the ids of the customers or orders of the webhooks; none if the log does not have the request
	// Status is Segment's, such as "FINISHED". It is empty if Segment does not know the request, or if
	// it is not read.
	Status string `json:"status,omitempty"`
	// Unread means that the state of the request was not read: Segment's list is too long, or Segment
	// cannot be asked.
	Unread       bool          `json:"unread,omitempty"`
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
	Waiting  []Reason  `json:"waiting"`  // why Segment has not accepted deletions yet
	Failed   []Reason  `json:"failed"`   // why deletions are dead letters
	// Partial means that Segment has more requests than were read, so the state of some is not known.
	Partial bool `json:"partial,omitempty"`
	// Begins is when the oldest webhook was received that could be read; zero if all were read.
	Begins time.Time `json:"begins,omitzero"`
}

// Reason is why Segment has not accepted some deletions.
type Reason struct {
	Name   string    `json:"name"` // that of the log, such as "deletion_401"; empty if there was no attempt
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest"` // when the first of them was received
}

// addTo adds a deletion to the reasons.
func addTo(reasons []Reason, e executions.Execution) []Reason {
	i := slices.IndexFunc(reasons, func(r Reason) bool { return r.Name == e.Reason })
	if i < 0 {
		i = len(reasons)
		reasons = append(reasons, Reason{Name: e.Reason, Oldest: e.Received})
	}
	reasons[i].Count++
	if e.Received.Before(reasons[i].Oldest) {
		reasons[i].Oldest = e.Received
	}
	return reasons
}

// needsAttention reports whether deletions that wait need the operator's attention.
func (r Reason) needsAttention(now time.Time) bool {
	return deletion.NeedsOperator(r.Name) || now.Sub(r.Oldest) > acceptedWithin
}

// Trackings returns the trackings that request deletions.
func Trackings() []tracking.Tracking {
	return slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return t.Call != tracking.Delete })
}

// Read returns the requests since a time that the log has. Their state is not read before Ask.
func Read(ctx context.Context, log executions.Log, since time.Time) (Report, error) {
	r := Report{Since: since, Requests: []Request{}, Waiting: []Reason{}, Failed: []Reason{}}
	return r, r.read(ctx, log)
}

// Ask asks Segment for the state of the requests, and for those that the log does not have.
func (r *Report) Ask(ctx context.Context, segment Segment) error {
	known, err := segment.Regulations(ctx)
	if r.Partial = errors.Is(err, publicapi.ErrTooManyPages); err != nil && !r.Partial {
		return fmt.Errorf("asking Segment for the state of the deletions: %w", err)
	}
	for i := range known { // texts of Segment
		known[i].ID, known[i].Status = chars.Line(known[i].ID), chars.Line(known[i].Status)
	}
	now := time.Now()
	r.addUnlogged(known, now)
	return r.setStates(ctx, segment, known, now)
}

// CountWaiting returns how many deletions of the DefaultPeriod Segment has not accepted yet.
func CountWaiting(ctx context.Context, log executions.Log) (int, error) {
	r, err := Read(ctx, log, time.Now().Add(-DefaultPeriod))
	return total(r.Waiting), err
}

// addUnlogged adds the requests that are late or failed and not in the log, which has 30 days by
// default: so a request leaves it when it becomes late. Segment also has the requests that others made.
func (r *Report) addUnlogged(known []publicapi.RegulationEntry, now time.Time) {
	for _, entry := range known {
		request := Request{Regulation: entry.ID, Requested: entry.CreatedAt.Time, Status: entry.Status}
		isDeletion := entry.RegulationType == publicapi.SuppressWithDelete || entry.RegulationType == publicapi.DeleteOnly
		hasFailed := request.hasFailed() && !request.Requested.Before(r.Since)
		isLogged := func(other Request) bool { return other.Regulation == entry.ID }
		if isDeletion && (hasFailed || request.isLate(now)) && !slices.ContainsFunc(r.Requests, isLogged) {
			r.Requests = append(r.Requests, request)
		}
	}
}

// setStates sets the state of each request from the list of those that Segment knows, and asks Segment
// about some of them.
func (r *Report) setStates(ctx context.Context, segment Segment, known []publicapi.RegulationEntry, now time.Time) error {
	entries := map[string]publicapi.RegulationEntry{}
	for _, entry := range known {
		entries[entry.ID] = entry
	}
	asked := 0
	for i := range r.Requests {
		request := &r.Requests[i]
		entry, isListed := entries[request.Regulation]
		request.Status, request.Finished = entry.Status, entry.FinishedAt.Time
		request.Unread = r.Partial && !isListed && now.Sub(request.Requested) <= retention
		if !request.Unread && !request.hasFailed() || asked == maxDetails {
			continue
		}
		asked++
		regulation, err := segment.Regulation(ctx, request.Regulation)
		switch {
		case publicapi.IsStatus(err, http.StatusNotFound):
			request.Unread = false
		case err != nil:
			return fmt.Errorf("asking Segment for the state of a deletion: %w", err)
		default:
			request.Unread, request.Status, request.Finished = false, chars.Line(regulation.OverallStatus), regulation.FinishedAt.Time
			request.Destinations = unfinished(regulation)
		}
	}
	return nil
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
				r.Waiting = addTo(r.Waiting, e)
			case executions.Failed:
				r.Failed = addTo(r.Failed, e)
			}
			continue
		}
		last := e.Lines[len(e.Lines)-1]
		for _, id := range last.Regulations {
			id = chars.Line(id) // a text of Segment
			at, found := byID[id]
			if !found {
				at = len(r.Requests)
				byID[id] = at
				r.Requests = append(r.Requests, Request{Regulation: id, Requested: last.Time, Unread: true})
			}
			if users := r.Requests[at].Users; !slices.Contains(users, e.Resource) {
				r.Requests[at].Users = append(users, e.Resource)
			}
		}
	}
	return nil
}

// unfinished returns the destinations that have not deleted the users.
func unfinished(r publicapi.Regulation) (all []Destination) {
	for _, stream := range r.StreamStatus {
		for _, d := range stream.DestinationStatus {
			if d.Status != publicapi.StatusFinished {
				all = append(all, Destination{Name: chars.Line(d.Name), Status: chars.Line(d.Status)})
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
	case r.Unread:
		return "not read from Segment"
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
	return r.hasFailed() || r.Status == "" && !r.Unread && now.Sub(r.Requested) <= retention || r.isLate(now)
}

// NeedsAttention reports whether a request, a deletion that Segment has not accepted, or a dead letter
// needs the operator's attention.
func (r Report) NeedsAttention(now time.Time) bool {
	return len(r.Failed) > 0 ||
		slices.ContainsFunc(r.Waiting, func(reason Reason) bool { return reason.needsAttention(now) }) ||
		slices.ContainsFunc(r.Requests, func(request Request) bool { return request.NeedsAttention(now) })
}

// fix returns what the operator can do about the request; empty if nothing.
func (r Request) fix(now time.Time) string {
	const inApp = "Segment's app shows it at Settings > End User Privacy > Deletion Requests"
	switch {
	case !r.NeedsAttention(now):
		return ""
	case r.Status == "":
		return "Segment does not know a request if the token is now that of another workspace. Look at the request in the workspace in which it was made: " + inApp + "."
	case len(r.Destinations) > 0:
		return "Delete the users yourself in the destinations that failed or cannot delete users. The hub does not notice that, and still lists the request."
	default:
		return "Look at a request that failed or is late: " + inApp + ". Delete the users yourself in a destination that failed. If Segment itself failed or is late, ask Segment's support."
	}
}

// Fixes returns what the operator can do about the requests, and about the deletions that Segment has
// not accepted, for a store that commands name in this way.
func (r Report) Fixes(named executions.Store, now time.Time) (fixes []string) {
	add := func(fix string) {
		if fix != "" && !slices.Contains(fixes, fix) {
			fixes = append(fixes, fix)
		}
	}
	for _, request := range r.Requests {
		add(request.fix(now))
	}
	for _, reason := range slices.Concat(r.Waiting, r.Failed) {
		add(named.Fix(reason.Name))
	}
	return fixes
}

// progress is how far a request is. If there are several requests for a user, the greatest counts.
type progress int

const (
	forgotten progress = iota
	finished
	unread
	open
	attention
)

// progress returns how far the request is.
func (r Request) progress(now time.Time) progress {
	switch {
	case r.NeedsAttention(now):
		return attention
	case r.isOpen():
		return open
	case r.Unread:
		return unread
	case r.Status == "":
		return forgotten
	default:
		return finished
	}
}

// Says summarizes the report in a sentence. It counts each user once.
func (r Report) Says(now time.Time) string {
	users, unlogged := map[string]progress{}, 0
	for _, request := range r.Requests {
		for _, user := range request.Users {
			users[user] = max(users[user], request.progress(now))
		}
		if len(request.Users) == 0 {
			unlogged++
		}
	}
	count := map[progress]int{}
	for _, p := range users {
		count[p]++
	}
	notRead := "whose request was not read from Segment"
	if r.Partial {
		notRead += ", because Segment has more requests than are read"
	}
	need := "need"
	if count[attention] == 1 {
		need = "needs"
	}
	says := fmt.Sprintf("Since %s Segment was asked to delete %s: %d finished, %d in progress, %d %s attention",
		words.Clock(r.Since), words.Count(len(users), "user"), count[finished], count[open], count[attention], need)
	for _, also := range []struct {
		n    int
		noun string
		what string
	}{
		{count[forgotten], "user", "whose request Segment no longer knows"},
		{count[unread], "user", notRead},
		{unlogged, "late or failed request", "that the log does not have"},
		{total(r.Waiting), "deletion", "that Segment has not accepted yet (" + list(r.Waiting) + ")"},
		{total(r.Failed), "dead letter", "to replay (" + list(r.Failed) + "): hub deadletters list"},
	} {
		if also.n > 0 {
			says += "; " + words.Count(also.n, also.noun) + " " + also.what
		}
	}
	return says + "."
}

// total returns the number of deletions with some reasons.
func total(reasons []Reason) (sum int) {
	for _, r := range reasons {
		sum += r.Count
	}
	return sum
}

// list names the reasons, and when the first of their deletions was received.
func list(reasons []Reason) string {
	parts := make([]string, len(reasons))
	for i, r := range reasons {
		parts[i] = fmt.Sprintf("%d %s since %s", r.Count, cmp.Or(r.Name, "without an attempt"), words.Clock(r.Oldest))
	}
	return strings.Join(parts, ", ")
}
