package segment

import (
	"net/http"
	"sync"
	"time"

	"github.com/segmentio/analytics-go/v3"
)

// senders are the clients of analytics-go that are open and that nobody uses, the
// last one used at the end. One is made for every delivery that runs at the same
// time as others, which in a function is one.
type senders struct {
	below http.RoundTripper
	mu    sync.Mutex
	idle  []*sender
}

// take gives a client of the library with that write key, for the caller alone.
// Those of another one, which has been replaced since, are closed on the way.
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

// sender is one client of analytics-go, kept open because the library takes longer
// to open one than to send with it, and the http.RoundTripper below it.
//
// The library would retry every status from 300 up, ignore Retry-After, and lose
// what its own types do not know of a message. So it gets one small stand-in for
// all messages of a request, and is told 200 whatever became of them; the exchange
// has the messages and the outcome.
type sender struct {
	writeKey string
	below    http.RoundTripper
	library  analytics.Client
	exchange *exchange // of the request that is underway
}

// never is longer than any client of analytics-go lives here.
const never = 24 * time.Hour

func newSender(writeKey string, below http.RoundTripper) (*sender, error) {
	s := &sender{writeKey: writeKey, below: below}
	library, err := analytics.NewWithConfig(writeKey, analytics.Config{
		Transport: s,
		Logger:    silence{},
		Interval:  never,
		BatchSize: 1, // so that a stand-in goes out as soon as it comes
	})
	s.library = library
	return s, err
}

// standIn is what analytics-go gets to see of the messages.
var standIn = analytics.Track{MessageId: "-", UserId: "-", Event: "-", Timestamp: time.Unix(0, 0).UTC()}

// send makes the request of an exchange and waits for it, which its context bounds.
func (s *sender) send(x *exchange) error {
	s.exchange = x
	if err := s.library.Enqueue(standIn); err != nil {
		return err
	}
	<-x.over
	return nil
}

// RoundTrip sends the messages in the place of the library's request. The library
// gets an answer without a body: a status from 300 up would make it try again, and
// a Location follow a redirect.
func (s *sender) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		request.Body.Close()
	}
	s.exchange.make(s.below, request.Header)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request}, nil
}

// silence is the log of analytics-go, which would write whole messages.
type silence struct{}

func (silence) Logf(string, ...any)   {}
func (silence) Errorf(string, ...any) {}
