package segment

import (
	"net/http"
	"sync"
	"time"

	"github.com/segmentio/analytics-go/v3"
)

// senders is a pool of idle senders, the most recently used at the end. Each concurrent
// delivery uses one. A function has one delivery at a time.
type senders struct {
	below http.RoundTripper
	mu    sync.Mutex
	idle  []*sender
}

// take returns a sender with the write key, for exclusive use. It closes idle senders of a
// write key that has been replaced.
func (s *senders) take(writeKey string) (*sender, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		last := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if last.writeKey == writeKey {
			return last, nil
		}
		last.library.Close()
	}
	return newSender(writeKey, s.below)
}

func (s *senders) put(idle *sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, idle)
}

func (s *senders) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, idle := range s.idle {
		idle.library.Close()
	}
	s.idle = nil
}

// sender is one client of analytics-go and the http.RoundTripper that it uses. It is kept,
// because opening such a client takes longer than sending with it.
//
// The library would retry every status from 300 up, ignore Retry-After, and lose the fields
// of a message that its types do not have. So it gets one small placeholder for all messages
// of a request, and always gets the answer 200. The exchange has the messages and the
// outcome.
type sender struct {
	writeKey string
	below    http.RoundTripper
	library  analytics.Client
	exchange *exchange // of the current request
}

// never is longer than a client of analytics-go is kept.
const never = 24 * time.Hour

func newSender(writeKey string, below http.RoundTripper) (*sender, error) {
	s := &sender{writeKey: writeKey, below: below}
	library, err := analytics.NewWithConfig(writeKey, analytics.Config{
		Transport: s,
		Logger:    silence{},
		Interval:  never,
		BatchSize: 1, // so that a placeholder is sent at once
	})
	s.library = library
	return s, err
}

// placeholder is the message that analytics-go gets instead of the real ones.
var placeholder = analytics.Track{MessageId: "-", UserId: "-", Event: "-", Timestamp: time.Unix(0, 0).UTC()}

// send makes the request of an exchange, and waits until it has ended. The context of the exchange limits it.
func (s *sender) send(x *exchange) error {
	s.exchange = x
	if err := s.library.Enqueue(placeholder); err != nil {
		return err
	}
	<-x.done
	return nil
}

// RoundTrip sends the messages instead of the library's request. The library always gets a
// 200 without a body: it would retry a status from 300 up, and follow a redirect.
func (s *sender) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		request.Body.Close()
	}
	s.exchange.make(s.below, request.Header)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request}, nil
}

// silence discards the log of analytics-go, which would contain whole messages.
type silence struct{}

func (silence) Logf(string, ...any)   {}
func (silence) Errorf(string, ...any) {}
