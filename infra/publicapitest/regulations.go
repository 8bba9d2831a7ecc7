package publicapitest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// MonthlyUsers is how many users a month can be in the regulations that are forwarded to
// destinations.
const MonthlyUsers = 110_000

// Regulation is a request to delete users that the server received.
type Regulation struct {
	ID, Type string
	Subjects []string
}

type regulation struct {
	Regulation
	created      time.Time
	status       string // "" is INITIALIZED for the first answer, RUNNING for the second, then FINISHED
	destinations []Object
	answers      int
}

// Regulations returns the requests to delete users that the server received, in their order.
func (s *Server) Regulations() []Regulation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Regulation
	for _, r := range s.regulations {
		all = append(all, r.Regulation)
	}
	return all
}

// AddRegulation adds a request to delete users, as if it had been received now, and returns its id.
func (s *Server) AddRegulation(kind string, subjects ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addRegulation(kind, subjects)
}

func (s *Server) addRegulation(kind string, subjects []string) string {
	id := "reg_" + s.newID()
	s.regulations = append(s.regulations, &regulation{Regulation: Regulation{ID: id, Type: kind, Subjects: subjects}, created: time.Now()})
	return id
}

// SetRegulation sets the status of a regulation, and of destinations, each with the members
// name, status and errString. A regulation that is not set is INITIALIZED in the first answer
// about it, RUNNING in the second, and then FINISHED.
func (s *Server) SetRegulation(id, status string, destinations ...Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.regulations {
		if r.ID == id {
			r.status, r.destinations = status, destinations
		}
	}
}

// currentStatus returns the status for the next answer.
func (r *regulation) currentStatus() string {
	switch {
	case r.status != "":
		return r.status
	case r.answers < 1:
		return "INITIALIZED"
	case r.answers < 2:
		return "RUNNING"
	}
	return "FINISHED"
}

// isEnd reports whether a status is not followed by another one.
func isEnd(status string) bool { return status != "INITIALIZED" && status != "RUNNING" }

// forwarded are the types that are forwarded to destinations.
var forwarded = []string{"DELETE_ONLY", "SUPPRESS_WITH_DELETE"}

var regulationTypes = append([]string{"DELETE_ARCHIVE_ONLY", "DELETE_INTERNAL", "SUPPRESS_ONLY", "SUPPRESS_WITH_DELETE_INTERNAL", "UNSUPPRESS"}, forwarded...)

func (s *Server) createRegulation(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > 4<<20 {
		giveError(w, http.StatusRequestEntityTooLarge, "payload-too-large", "", "The request is larger than 4 MB")
		return
	}
	body, ok := readBody(w, r, "regulationType", "subjectType", "subjectIds")
	if !ok {
		return
	}
	kind, ok := text(w, body, "regulationType")
	if !ok {
		return
	}
	subject, ok := text(w, body, "subjectType")
	if !ok {
		return
	}
	ids, _ := body["subjectIds"].([]any)
	switch {
	case !slices.Contains(regulationTypes, kind):
		invalid(w, "regulationType", "regulationType is not a type of regulations")
		return
	case subject != "USER_ID" && subject != "OBJECT_ID":
		invalid(w, "subjectType", "subjectType must be one of USER_ID, OBJECT_ID")
		return
	case len(ids) == 0:
		invalid(w, "subjectIds", "subjectIds is required")
		return
	case len(ids) > 5000:
		invalid(w, "subjectIds", fmt.Sprintf("subjectIds has %d entries, more than 5000; the first is %v", len(ids), ids[0]))
		return
	case slices.Contains(forwarded, kind) && s.usersThisMonth()+len(ids) > MonthlyUsers:
		now := time.Now().UTC()
		giveRateLimit(w, time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Sub(now))
		return
	}
	subjects := make([]string, len(ids))
	for i, id := range ids {
		subjects[i] = fmt.Sprint(id)
	}
	give(w, http.StatusOK, Object{"regulateId": s.addRegulation(kind, subjects)})
}

func (s *Server) usersThisMonth() int {
	users, now := 0, time.Now().UTC()
	for _, r := range s.regulations {
		created := r.created.UTC()
		if slices.Contains(forwarded, r.Type) && created.Year() == now.Year() && created.Month() == now.Month() {
			users += len(r.Subjects)
		}
	}
	return users
}

// known returns the regulations of the last 90 days.
func (s *Server) known() []*regulation {
	return slices.DeleteFunc(slices.Clone(s.regulations), func(r *regulation) bool { return time.Since(r.created) > 90*24*time.Hour })
}

func (s *Server) listRegulations(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !onlyKnown(w, query, []string{"status"}, []string{"regulationTypes"}) {
		return
	}
	status, types := query.Get("status"), array(query, "regulationTypes")
	var all []Object
	for _, one := range s.known() {
		if status != "" && status != one.currentStatus() || !among(types, one.Type) {
			continue
		}
		entry := Object{
			"id": one.ID, "subjectType": "USER_ID", "subjects": one.Subjects, "status": one.currentStatus(),
			"regulationType": one.Type, "createdAt": stamp(one.created),
		}
		if isEnd(one.currentStatus()) {
			entry["finishedAt"] = stamp(time.Now())
		}
		one.answers++
		all = append(all, entry)
	}
	s.givePage(w, r, "regulations", all, nil)
}

func (s *Server) getRegulation(w http.ResponseWriter, r *http.Request) {
	for _, one := range s.known() {
		if one.ID != r.PathValue("id") {
			continue
		}
		data := Object{
			"id": one.ID, "workspaceId": WorkspaceID, "overallStatus": one.currentStatus(), "createdAt": stamp(one.created),
			"streamStatus": []Object{{"id": "stream", "destinationStatus": append([]Object{}, one.destinations...)}},
		}
		if isEnd(one.currentStatus()) {
			data["finishedAt"] = stamp(time.Now())
		}
		one.answers++
		give(w, http.StatusOK, Object{"regulation": data})
		return
	}
	notFound(w)
}
