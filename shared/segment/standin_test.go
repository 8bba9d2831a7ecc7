package segment

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// standInSegment is a test server for Segment. It keeps the requests that it gets.
type standInSegment struct {
	*httptest.Server
	connections atomic.Int64
	mu          sync.Mutex
	requests    []received
}

type received struct {
	method, host, target string
	header               http.Header
	length               int64
	body                 string
	at                   time.Time
}

// startSegment starts a test server that answers with a handler. The handler can read the
// whole body of the request from r.Body.
func startSegment(t testing.TB, answer http.HandlerFunc) *standInSegment {
	t.Helper()
	s := prepareSegment(answer)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func prepareSegment(answer http.HandlerFunc) *standInSegment {
	s := &standInSegment{}
	s.serve(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, received{
			r.Method, r.Host, r.RequestURI, r.Header.Clone(), r.ContentLength, string(body), time.Now(),
		})
		s.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		answer(w, r)
	})
	return s
}

// serve answers with a handler, and counts the connections.
func (s *standInSegment) serve(handler http.HandlerFunc) {
	s.Server = httptest.NewUnstartedServer(handler)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
}

func (s *standInSegment) endpoint() Endpoint {
	return Endpoint{Host: s.URL, Path: "/v1/batch", WriteKey: "key-one"}
}

func (s *standInSegment) received() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.requests...)
}

// batches returns the messageIds of each request, in the order of arrival.
func (s *standInSegment) batches(t testing.TB) [][]string {
	t.Helper()
	var all [][]string
	for _, r := range s.received() {
		all = append(all, idsIn(t, r.body))
	}
	return all
}

func idsIn(t testing.TB, body string) []string {
	t.Helper()
	var batch struct {
		Batch []struct{ MessageID string }
	}
	if err := json.Unmarshal([]byte(body), &batch); err != nil {
		t.Fatalf("the request is not JSON: %v", err)
	}
	ids := make([]string, len(batch.Batch))
	for i, message := range batch.Batch {
		ids[i] = message.MessageID
	}
	return ids
}

// success answers as Segment does.
func success(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, "{\n  \"success\": true\n}")
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// messagesNamed returns a small message for each id.
func messagesNamed(ids ...string) []Message {
	messages := make([]Message, len(ids))
	for i, id := range ids {
		messages[i] = sized(id, 0)
	}
	return messages
}

// sized returns a message whose JSON has a number of bytes, or the fewest possible.
func sized(id string, bytes int) Message {
	start, end := `{"messageId":"`+id+`","type":"track","event":"E","userId":"u","pad":"`, `"}`
	return Message{ID: id, JSON: json.RawMessage(start + strings.Repeat("x", max(0, bytes-len(start)-len(end))) + end)}
}
