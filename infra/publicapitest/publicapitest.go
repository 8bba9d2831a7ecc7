// Package publicapitest is a fake of Segment's Public API for one workspace, in memory, for
// tests. It answers the calls of this project as Segment's Go SDK (version 73.2.0) and documents
// describe them, and shares no code with the client that makes them. No test compares it with that
// SDK or with Segment.
//
// It does not have the whole API. It rejects the parameters that the descriptions do not have,
// those that they require and that are missing, and periods outside of Segment's limits.
package publicapitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the token of the workspace.
const Token = "stand-in-public-api-token"

// The workspace.
const (
	WorkspaceID   = "9aQ1Lj62S4bomZKLF4DPqW"
	WorkspaceSlug = "stand-in"
	WorkspaceName = "Stand-in"
)

// Object is a JSON object.
type Object = map[string]any

// Server is the API for one workspace, empty when it starts. It is safe for use by many
// goroutines at once. Set its exported fields before the first request.
type Server struct {
	// URL is its base URL, once it is started.
	URL string
	// NotSourceAdmin takes the role Source Admin from the token: it sees no write keys, and
	// cannot create a source.
	NotSourceAdmin bool
	// NotPermitted are paths for which the token has no role: Segment answers 401.
	NotPermitted []string
	// Lag is how long it takes until received events are counted.
	Lag time.Duration
	// PageSize is the largest page, 200 by default. A smaller one makes lists have more pages.
	PageSize int
	// Limit is the number of requests a minute above which it answers 429; 0 is no limit other
	// than the 60 a minute of event volumes, 200 of rules and 600 of regulations.
	Limit int

	mux         *http.ServeMux
	mu          sync.Mutex
	sources     []*Source
	events      []counted
	plans       []*plan
	regulations []*regulation
	faults      []*Fault
	requests    []Request
	ids         int
}

// Request is a request that the server received, with the status of its answer.
type Request struct {
	Method, Path string
	Query        url.Values
	At           time.Time
	Status       int // 0 if it broke the connection
}

// Fault is a failure of the first Times requests with Method and Path.
type Fault struct {
	Method, Path string // an empty one is any
	Times        int    // 0 is once
	// Status, Header and Body are the answer. An empty body means Segment's list of errors.
	Status int
	Header map[string]string
	Body   string
	// Break breaks the connection instead of an answer.
	Break bool
	// AfterProcessing means that the request is processed before it fails.
	AfterProcessing bool
}

// New returns a server that does not listen: use it as an http.Handler or a transport.
func New() *Server {
	s := &Server{PageSize: 200}
	s.mux = s.routes()
	return s
}

// Start starts a server on a free port of this machine, until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := New()
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	s.URL = listening.URL
	return s
}

// Fail adds a fault. A request fails with the first fault that matches it, in the order in
// which they were added.
func (s *Server) Fail(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault.Times = max(fault.Times, 1)
	s.faults = append(s.faults, &fault)
}

// Requests returns the requests that the server received, in their order: all, or those of a
// path.
func (s *Server) Requests(path ...string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []Request
	for _, r := range s.requests {
		if len(path) == 0 || r.Path == path[0] {
			got = append(got, r)
		}
	}
	return got
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), At: time.Now()})
	i := len(s.requests) - 1
	answer := &recorder{ResponseWriter: w}
	defer func() { s.requests[i].Status = answer.status }()

	fault := s.fault(r)
	limit := s.limitOf(r)
	switch {
	case fault != nil:
		s.goWrong(answer, r, fault)
	case limit > 0 && s.lastMinute(r) > limit:
		giveRateLimit(answer, s.untilNext(r))
	case r.Header.Get("Authorization") != "Bearer "+Token:
		giveError(answer, http.StatusUnauthorized, "unauthorized", "", "Unauthorized")
	case !acceptable(r):
		giveError(answer, http.StatusNotAcceptable, "not-acceptable", "", "The version in Accept does not exist for this endpoint")
	case s.notPermitted(r):
		giveError(answer, http.StatusUnauthorized, "unauthorized", "", "Unauthorized")
	default:
		s.mux.ServeHTTP(answer, r)
	}
}

// acceptable reports whether an endpoint has the version that a request accepts: v1 is stable,
// and the delivery overview is only in beta. Without a version the most stable one answers.
func acceptable(r *http.Request) bool {
	accepted := r.Header.Get("Accept")
	version, names := strings.CutPrefix(accepted, "application/vnd.segment.")
	version = strings.TrimSuffix(version, "+json")
	switch {
	case !names:
		return slices.Contains([]string{"", "*/*", "application/json"}, accepted)
	case strings.HasPrefix(r.URL.Path, "/delivery-overview/"):
		return version == "v1beta" || version == "beta"
	}
	return version == "v1" || version == "stable"
}

func (s *Server) notPermitted(r *http.Request) bool {
	return slices.Contains(s.NotPermitted, r.URL.Path) || s.NotSourceAdmin && r.Method != http.MethodGet && strings.HasPrefix(r.URL.Path, "/sources")
}

// limitOf returns the number of requests a minute for the endpoint of a request.
func (s *Server) limitOf(r *http.Request) int {
	switch {
	case s.Limit > 0:
		return s.Limit
	case r.URL.Path == "/events/volume":
		return 60
	case strings.HasSuffix(r.URL.Path, "/rules") && r.Method == http.MethodGet:
		return 200
	case r.URL.Path == "/regulations" && r.Method == http.MethodPost:
		return 600
	}
	return 0
}

// lastMinute counts the requests of the last minute for the endpoint of a request, or for all
// endpoints if they share the limit. It does not count those that were rejected.
func (s *Server) lastMinute(r *http.Request) int {
	count := 0
	for _, earlier := range s.requests {
		same := s.Limit > 0 || earlier.Path == r.URL.Path && earlier.Method == r.Method
		if same && earlier.Status != http.StatusTooManyRequests && time.Since(earlier.At) < time.Minute {
			count++
		}
	}
	return count
}

// untilNext returns how long it takes until the oldest request of the last minute is older.
func (s *Server) untilNext(r *http.Request) time.Duration {
	for _, earlier := range s.requests {
		same := s.Limit > 0 || earlier.Path == r.URL.Path && earlier.Method == r.Method
		if age := time.Since(earlier.At); same && earlier.Status != http.StatusTooManyRequests && age < time.Minute {
			return time.Minute - age
		}
	}
	return 0
}

// giveRateLimit answers 429 as the page Rate Limits describes it.
func giveRateLimit(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("X-RateLimit-Remaining", "0")
	w.Header().Set("X-RateLimit-Reset", time.Now().Add(wait).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	giveErrors(w, http.StatusTooManyRequests, Object{
		"type": "rate-limit", "message": "Too many requests",
		"data": Object{"msBeforeNext": wait.Milliseconds(), "remainingPoints": 0, "consumedPoints": 1},
	})
}

// RoundTrip implements http.RoundTripper without a network, for tests in virtual time
// (testing/synctest).
func (s *Server) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	defer func() {
		if broken := recover(); broken == http.ErrAbortHandler {
			response, err = nil, io.ErrUnexpectedEOF
		} else if broken != nil {
			panic(broken)
		}
	}()
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// fault returns the first fault that matches a request, or nil.
func (s *Server) fault(r *http.Request) *Fault {
	for _, f := range s.faults {
		if f.Times > 0 && (f.Method == "" || f.Method == r.Method) && (f.Path == "" || f.Path == r.URL.Path) {
			f.Times--
			return f
		}
	}
	return nil
}

func (s *Server) goWrong(w *recorder, r *http.Request, fault *Fault) {
	if fault.AfterProcessing {
		s.mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	if fault.Break {
		panic(http.ErrAbortHandler)
	}
	for name, value := range fault.Header {
		w.Header().Set(name, value)
	}
	if fault.Body == "" {
		giveError(w, fault.Status, "server-error", "", http.StatusText(fault.Status))
		return
	}
	w.WriteHeader(fault.Status)
	fmt.Fprint(w, fault.Body)
}

// recorder records the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// newID returns a new id in the form of Segment's ids. The ids are the same in every run.
func (s *Server) newID() string {
	s.ids++
	return fmt.Sprintf("standIn%015d", s.ids)
}

// give answers with data.
func give(w http.ResponseWriter, status int, data Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Object{"data": data}) // fails if the client has closed the connection
}

// giveError answers with one error.
func giveError(w http.ResponseWriter, status int, kind, field, message string) {
	problem := Object{"type": kind, "message": message}
	if field != "" {
		problem["field"] = field
	}
	giveErrors(w, status, problem)
}

// invalid answers 422: a field of the request is missing or wrong.
func invalid(w http.ResponseWriter, field, message string) {
	giveError(w, http.StatusUnprocessableEntity, "input-validation", field, message)
}

func notFound(w http.ResponseWriter) {
	giveError(w, http.StatusNotFound, "not-found", "", "Not found")
}

func giveErrors(w http.ResponseWriter, status int, problem Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Object{"errors": []Object{problem}})
}

// givePage answers with a page of a list, in data with this name, and with more data. The cursor
// is the position of the page, written so that no client can use it as a number.
func (s *Server) givePage(w http.ResponseWriter, r *http.Request, name string, all []Object, more Object) {
	query := r.URL.Query()
	size := 200
	if text := query.Get("pagination[count]"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 1000 {
			invalid(w, "pagination.count", "pagination.count must be between 1 and 1000")
			return
		}
	}
	size = min(size, s.PageSize)
	begin := 0
	if cursor := query.Get("pagination[cursor]"); cursor != "" {
		position, found := strings.CutPrefix(cursor, "cursor-")
		var err error
		if begin, err = strconv.Atoi(position); !found || err != nil || begin < 0 || begin > len(all) {
			invalid(w, "pagination.cursor", "pagination.cursor is invalid")
			return
		}
	}
	end := min(begin+size, len(all))
	pagination := Object{"current": fmt.Sprintf("cursor-%d", begin), "totalEntries": len(all)}
	if end < len(all) {
		pagination["next"] = fmt.Sprintf("cursor-%d", end)
	}
	if begin > 0 {
		pagination["previous"] = fmt.Sprintf("cursor-%d", max(begin-size, 0))
	}
	data := Object{name: append([]Object{}, all[begin:end]...), "pagination": pagination}
	for key, value := range more {
		data[key] = value
	}
	give(w, http.StatusOK, data)
}

// readBody reads the JSON object in a request. It answers 422 if there is none, and for a member
// that is not in allowed.
func readBody(w http.ResponseWriter, r *http.Request, allowed ...string) (Object, bool) {
	var body Object
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&body) != nil {
		invalid(w, "", "the body is not a JSON object")
		return nil, false
	}
	for name := range body {
		if !slices.Contains(allowed, name) {
			invalid(w, name, name+" is not allowed")
			return nil, false
		}
	}
	return body, true
}

// text returns a member that must be a string with a length, or answers 422.
func text(w http.ResponseWriter, body Object, name string) (string, bool) {
	value, _ := body[name].(string)
	if value == "" {
		invalid(w, name, name+" is required")
	}
	return value, value != ""
}
