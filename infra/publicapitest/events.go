package publicapitest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// counted are events that Segment counted at a step of their delivery.
type counted struct {
	step, source, eventType, name, reason string
	at                                    time.Time
	count                                 int
}

// The steps of the delivery overview that are the same for all destinations.
const (
	received = "successfully-received"
	failed   = "failed-on-ingest"
	filtered = "filtered-at-source"
)

// Received adds events that Segment received from a source. Type is "track" or another type, and
// name the name of a track event.
func (s *Server) Received(sourceID, eventType, name string, at time.Time, count int) {
	s.count(counted{received, sourceID, eventType, name, "", at, count})
}

// FailedOnIngest adds events that Segment's validation rejected.
func (s *Server) FailedOnIngest(sourceID, eventType, name, reason string, at time.Time, count int) {
	s.count(counted{failed, sourceID, eventType, name, reason, at, count})
}

// FilteredAtSource adds events that the schema settings or the tracking plan of a source blocked.
// They are not among those that were received.
func (s *Server) FilteredAtSource(sourceID, eventType, name, reason string, at time.Time, count int) {
	s.count(counted{filtered, sourceID, eventType, name, reason, at, count})
}

func (s *Server) count(c counted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, c)
}

// period is the period of a query.
type period struct {
	from, to time.Time
	bucket   time.Duration
}

// limits are the longest range and the oldest start of the delivery overview.
var limits = map[string]struct{ longest, oldest time.Duration }{
	"MINUTE": {4 * time.Hour, 48 * time.Hour},
	"HOUR":   {14 * 24 * time.Hour, 30 * 24 * time.Hour},
	"DAY":    {30 * 24 * time.Hour, 30 * 24 * time.Hour},
}

var buckets = map[string]time.Duration{"MINUTE": time.Minute, "HOUR": time.Hour, "DAY": 24 * time.Hour}

// readPeriod reads the period of a query, or answers 422.
func readPeriod(w http.ResponseWriter, query url.Values) (p period, ok bool) {
	for _, name := range []string{"granularity", "startTime", "endTime"} {
		if query.Get(name) == "" {
			invalid(w, name, name+" is required")
			return p, false
		}
	}
	if p.bucket, ok = buckets[query.Get("granularity")]; !ok {
		invalid(w, "granularity", "granularity must be one of DAY, HOUR, MINUTE")
		return p, false
	}
	var fromErr, toErr error
	p.from, fromErr = time.Parse(time.RFC3339, query.Get("startTime"))
	p.to, toErr = time.Parse(time.RFC3339, query.Get("endTime"))
	switch {
	case fromErr != nil:
		invalid(w, "startTime", "startTime is not an ISO8601 timestamp")
	case toErr != nil:
		invalid(w, "endTime", "endTime is not an ISO8601 timestamp")
	case !p.from.Before(p.to):
		invalid(w, "endTime", "endTime must be after startTime")
	default:
		return p, true
	}
	return p, false
}

// array returns the values of an array in a query, name.0=…&name.1=…
func array(query url.Values, name string) []string {
	var values []string
	for i := 0; query.Has(fmt.Sprintf("%s.%d", name, i)); i++ {
		values = append(values, query.Get(fmt.Sprintf("%s.%d", name, i)))
	}
	return values
}

// onlyKnown answers 422 for a parameter that the endpoint does not have.
func onlyKnown(w http.ResponseWriter, query url.Values, scalars, arrays []string) bool {
	for name := range query {
		array, position, isArray := strings.Cut(name, ".")
		digits := strings.Trim(position, "0123456789") == "" && position != ""
		if slices.Contains(append(scalars, "pagination[count]", "pagination[cursor]"), name) || isArray && digits && slices.Contains(arrays, array) {
			continue
		}
		invalid(w, name, name+" is not allowed")
		return false
	}
	return true
}

// groupsOf reads the dimensions by which a query groups, or answers 422.
func groupsOf(w http.ResponseWriter, query url.Values, allowed ...string) ([]string, bool) {
	groups := array(query, "groupBy")
	for _, group := range groups {
		if !slices.Contains(allowed, group) {
			invalid(w, "groupBy", "groupBy must be one of "+strings.Join(allowed, ", "))
			return nil, false
		}
	}
	return groups, true
}

// volumes is GET /events/volume.
func (s *Server) volumes(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !onlyKnown(w, query, []string{"granularity", "startTime", "endTime"}, []string{"groupBy", "sourceId", "eventName", "eventType", "appVersion"}) {
		return
	}
	p, ok := readPeriod(w, query)
	if !ok {
		return
	}
	groups, ok := groupsOf(w, query, "eventName", "eventType", "source")
	if !ok {
		return
	}
	result := s.grouped(received, p, groups, func(c counted) bool {
		return among(array(query, "sourceId"), c.source) && among(array(query, "eventName"), c.name) && among(array(query, "eventType"), c.eventType)
	})
	echo := Object{
		"workspaceId": WorkspaceID, "granularity": query.Get("granularity"), "startTime": query.Get("startTime"), "endTime": query.Get("endTime"),
	}
	s.givePage(w, r, "result", result, Object{"path": "/events/volume", "query": echo})
}

// among reports whether a value passes a filter. An empty filter passes all.
func among(filter []string, value string) bool {
	return len(filter) == 0 || slices.Contains(filter, value)
}

// overview is GET /delivery-overview/….
func (s *Server) overview(step string, dimensions ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if !onlyKnown(w, query, []string{"sourceId", "granularity", "startTime", "endTime"}, []string{"groupBy"}) {
			return
		}
		id := query.Get("sourceId")
		if id == "" {
			invalid(w, "sourceId", "sourceId is required")
			return
		}
		p, ok := readPeriod(w, query)
		if !ok {
			return
		}
		limit := limits[query.Get("granularity")]
		switch {
		case p.to.Sub(p.from) > limit.longest:
			invalid(w, "endTime", "the time range is longer than this granularity allows")
			return
		case time.Since(p.from) > limit.oldest+time.Minute:
			invalid(w, "startTime", "startTime is older than this granularity allows")
			return
		}
		groups, ok := groupsOf(w, query, dimensions...)
		if !ok {
			return
		}
		dataset := s.grouped(step, p, groups, func(c counted) bool { return c.source == id })
		total := 0
		for _, group := range dataset {
			total += group["total"].(int)
		}
		s.givePage(w, r, "dataset", dataset, Object{"total": total})
	}
}

// grouped returns the numbers of events of a step, by groups, the largest first. Each has the
// numbers of all buckets of the period.
func (s *Server) grouped(step string, p period, groups []string, keep func(counted) bool) []Object {
	type group struct {
		object Object
		counts map[time.Time]int
		total  int
	}
	found := map[string]*group{}
	var order []*group
	for _, c := range s.events {
		if c.step != step || c.at.Before(p.from) || !c.at.Before(p.to) || time.Since(c.at) < s.Lag || !keep(c) {
			continue
		}
		members := s.members(c, groups)
		key := fmt.Sprint(members)
		if found[key] == nil {
			found[key] = &group{object: members, counts: map[time.Time]int{}}
			order = append(order, found[key])
		}
		found[key].counts[c.at.UTC().Truncate(p.bucket)] += c.count
		found[key].total += c.count
	}
	slices.SortStableFunc(order, func(a, b *group) int { return b.total - a.total })
	var result []Object
	for _, g := range order {
		series := []Object{}
		for at := p.from.UTC().Truncate(p.bucket); at.Before(p.to); at = at.Add(p.bucket) {
			series = append(series, Object{"time": at.Format("2006-01-02T15:04:05.000Z"), "count": g.counts[at]})
		}
		g.object["total"], g.object["series"] = g.total, series
		result = append(result, g.object)
	}
	return result
}

// members returns the members of a group.
func (s *Server) members(c counted, groups []string) Object {
	members := Object{}
	for _, group := range groups {
		switch group {
		case "eventName":
			members["eventName"] = c.name
		case "eventType":
			members["eventType"] = c.eventType
		case "discardReason":
			members["discardReason"] = c.reason
		case "source":
			source := Object{"id": c.source}
			if known := s.source(c.source); known != nil {
				source["name"], source["slug"] = known.Name, known.Slug
			}
			members["source"] = source
		}
	}
	return members
}
