// Package commercetest is a fake of the API of one Commerce store, in memory, for tests. It
// answers the calls of this project as Commerce's OpenAPI descriptions and guides say, and
// shares no code with the client that makes them.
//
// It does not have the whole API: it has only the filters and sort orders that this project
// uses, rejects all others, and delivers no webhook.
package commercetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The store's one application key.
const (
	ClientID     = "stand-in-client-id"
	ClientSecret = "stand-in-client-secret"
	KeyName      = "Segment"
)

// Object is a JSON object.
type Object = map[string]any

// Server is the API of one store, empty when it starts. It is safe for use by many
// goroutines at once.
type Server struct {
	// URL is its base URL, once it is started.
	URL string
	// TokenLife is how long a token is valid; an hour by default.
	TokenLife time.Duration
	// Limit is the number of requests a second above which it answers 429; 0 is no limit.
	Limit int

	mux          *http.ServeMux
	mu           sync.Mutex
	tokens       map[string]time.Time // until when each is valid
	integrations []Object
	logs         []Object
	orders       []Object
	items        map[string]Object // lines of all orders by their ids
	transactions map[string][]Object
	customers    []Object
	currencies   []Object
	faults       []*Fault
	requests     []Request
	ids          int
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
	// Status, Header and Body are the answer. An empty body means Commerce's list of
	// errors.
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
	s := &Server{
		TokenLife: time.Hour, tokens: map[string]time.Time{},
		items: map[string]Object{}, transactions: map[string][]Object{},
	}
	s.mux = s.routes()
	s.AddCurrency("USD", 2) // which every store has
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

// EndTokens makes all tokens invalid.
func (s *Server) EndTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
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

// PeakRate returns the largest number of requests in any second.
func (s *Server) PeakRate() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	peak := 0
	for i := range s.requests {
		peak = max(peak, s.within(i))
	}
	return peak
}

// within counts the requests in the second that ends with one of them.
func (s *Server) within(last int) int {
	count := 0
	for i := last; i >= 0 && s.requests[last].At.Sub(s.requests[i].At) < time.Second; i-- {
		count++
	}
	return count
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
	switch {
	case fault != nil:
		s.goWrong(answer, r, fault)
	case s.Limit > 0 && s.within(i) > s.Limit:
		answer.Header().Set("Retry-After", "1")
		refuse(answer, http.StatusTooManyRequests, "Too Many Requests", "")
	case r.URL.Path != tokenPath && !s.authorized(r):
		refuse(answer, http.StatusUnauthorized, "Unauthorized", "Unable to validate access token")
	default:
		s.mux.ServeHTTP(answer, r)
	}
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
		refuse(w, fault.Status, http.StatusText(fault.Status), "")
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

const tokenPath = "/oauth/access_token"

// giveToken is POST /oauth/access_token (authentication.yaml).
func (s *Server) giveToken(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.ParseForm() != nil:
		refuseToken(w, http.StatusBadRequest)
	case r.PostForm.Get("grant_type") != "client_credentials":
		refuseToken(w, http.StatusBadRequest)
	case r.PostForm.Get("client_id") != ClientID || r.PostForm.Get("client_secret") != ClientSecret:
		refuseToken(w, http.StatusUnauthorized)
	default:
		value := "token-" + s.newID()
		ends := time.Now().Add(s.TokenLife)
		s.tokens[value] = ends
		give(w, Object{
			"access_token": value, "token_type": "Bearer", "identifier": "client_credentials",
			"expires_in": int(s.TokenLife.Seconds()), "expires": ends.Unix(),
		})
	}
}

// authorized reports whether a request has a valid token.
func (s *Server) authorized(r *http.Request) bool {
	value, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return found && time.Now().Before(s.tokens[value])
}

// newID returns a new id in the form of Commerce's ids. The ids are the same in every run.
func (s *Server) newID() string {
	s.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.ids)
}

// give answers with JSON.
func give(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(body) // fails if the client has closed the connection
}

// refuse answers with an error in the form of integrations.yaml.
func refuse(w http.ResponseWriter, status int, title, detail string) {
	giveError(w, status, Object{"status": status, "title": title, "detail": detail})
}

// refuseToken answers with an error in the form of authentication.yaml: the status is a
// string.
func refuseToken(w http.ResponseWriter, status int) {
	giveError(w, status, Object{"status": strconv.Itoa(status), "title": http.StatusText(status)})
}

func giveError(w http.ResponseWriter, status int, problem Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Object{"errors": []Object{problem}})
}
