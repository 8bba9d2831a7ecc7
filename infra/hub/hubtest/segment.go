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

// Segment is a server that receives messages in place of Segment, and counts them by their
// messageId.
type Segment struct {
	*httptest.Server
	// Before is called with each request and its number, before its messages are counted.
	// Any status but 200 is the answer, and the messages are not counted.
	Before func(r *http.Request, number int) (status int)
	// Counted is called with the number of a request after its messages are counted, and before
	// it is answered.
	Counted func(number int)

	mu       sync.Mutex
	requests int
	times    map[string]int // by messageId
}

// StartSegment starts a Segment that answers every request with 200, unless a test sets
// Before.
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

// Hold calls f, which may set Counted. No message is counted until f returns.
func (s *Segment) Hold(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Count returns the number of different messages that were received, and the number of all.
func (s *Segment) Count() (different, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.times {
		all += n
	}
	return len(s.times), all
}

// IDs returns the messageIds that were received.
func (s *Segment) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.times))
}
