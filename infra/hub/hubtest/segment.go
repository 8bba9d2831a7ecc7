package hubtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Segment is a server that counts the messages that it receives, as Segment would.
type Segment struct {
	*httptest.Server
	// Before is called with each request and its number, before its messages are counted.
	// Unless it returns 200, they are not.
	Before func(r *http.Request, number int) (status int)
	// Counted is called with the number of a request that has no answer yet.
	Counted func(number int)

	mu       sync.Mutex
	requests int
	times    map[string]int // how often each messageId came
}

// StartSegment starts a Segment that answers every request with 200 until a test sets
// Before or Counted.
func StartSegment(t *testing.T) *Segment {
	s := &Segment{
		Before:  func(*http.Request, int) int { return http.StatusOK },
		Counted: func(int) {},
		times:   map[string]int{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Batch []struct{ MessageID string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.requests++
		number := s.requests
		s.mu.Unlock()
		if status := s.Before(r, number); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, message := range body.Batch {
			s.times[message.MessageID]++
		}
		s.Counted(number)
		fmt.Fprint(w, `{"success": true}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// Hold counts no message while a function runs, which may set Counted.
func (s *Segment) Hold(while func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	while()
}

// Count returns how many different messages came, and how many in all.
func (s *Segment) Count() (different, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.times {
		all += n
	}
	return len(s.times), all
}

// IDs returns the messageIds that came.
func (s *Segment) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.times))
}
