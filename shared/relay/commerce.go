package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
)

// LookupWithin bounds what all templates of one batch wait for Commerce, from the
// first call on, a token included. Delivering ends a second before a function's 9 s
// are over, and reading the settings takes 1.4 s of them at most: so Segment, which
// is told of the whole batch afterwards, has three and a half. The client's pace
// leaves room for 40 calls. Whoever comes too late is postponed and comes back in
// another batch.
const LookupWithin = 3 * time.Second

// Lookup is what $commerce asks in the templates of one batch. It asks the client for
// each path once, in all for so long, and must not be used by several goroutines at
// once. Where Commerce answers 404 it gives nothing; the text of its errors quotes
// neither the path nor Commerce.
func Lookup(client *commerce.Client, within time.Duration) template.Fetch {
	l := &lookups{client: client, within: within, known: map[string]answer{}, room: knownBytes}
	return l.get
}

// lookup is the Lookup of a batch; nil where no credentials are set.
func (r *Relay) lookup(credentials commerce.Credentials) template.Fetch {
	if credentials == (commerce.Credentials{}) {
		return nil
	}
	client, err := r.store.client(credentials, r.CommerceTransport)
	if err != nil {
		return func(context.Context, string) ([]byte, error) {
			return nil, &lookupError{retry("settings", err).forOperator()}
		}
	}
	return Lookup(client, LookupWithin)
}

// store keeps the client of the Commerce API, whose token counts for an hour, for as
// long as the credentials stay the same.
type store struct {
	mu          sync.Mutex
	credentials commerce.Credentials
	made        *commerce.Client
	err         error
}

func (s *store) client(credentials commerce.Credentials, transport http.RoundTripper) (*commerce.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credentials != credentials {
		s.made, s.err = commerce.NewClient(credentials, transport)
		s.credentials = credentials
	}
	return s.made, s.err
}

// lookups are the answers to one batch so far.
type lookups struct {
	client *commerce.Client
	within time.Duration
	until  time.Time // when there is no more time for any; zero before the first
	known  map[string]answer
	room   int // for more of them, in bytes
}

// knownBytes bounds the answers that are kept for the other events of a batch.
const knownBytes = 8 << 20

type answer struct {
	body []byte
	err  error
}

func (l *lookups) get(ctx context.Context, path string) ([]byte, error) {
	if known, asked := l.known[path]; asked {
		return known.body, known.err
	}
	if l.until.IsZero() {
		l.until = time.Now().Add(l.within)
	}
	ctx, cancel := context.WithDeadline(ctx, l.until)
	defer cancel()
	body, err := l.client.Get(ctx, path)
	a := answer{body, failureOf(err)}
	if isNothing(err) {
		a = answer{}
	}
	if len(body) <= min(template.MaxAnswer, l.room) { // a longer one, which no template takes, is not worth its memory
		l.known[path] = a
		l.room -= len(body)
	}
	return a.body, a.err
}

// isNothing says that there is no such thing in the store. (Where there is nothing
// that gives tokens, it is no store.)
func isNothing(err error) bool {
	var failed *commerce.APIError
	return errors.As(err, &failed) && failed.Status == http.StatusNotFound && strings.HasPrefix(failed.Call, http.MethodGet)
}

// lookupError is why Commerce gave a template no answer, as what it makes of the
// event. It quotes neither Commerce nor the path: the line of the template, which
// stands before it, says what was asked.
type lookupError struct{ outcome outcome }

func (e *lookupError) Error() string { return e.outcome.detail }

// failureOf is what an error of the client makes of the event. No time, no
// connection, 429 and 5xx pass. Anything else stays until somebody mends the
// credentials, the URL or the template.
func failureOf(err error) error {
	var failed *commerce.APIError
	if !errors.As(err, &failed) {
		return err
	}
	bare := *failed
	bare.Title, bare.Detail = "", ""
	if strings.HasPrefix(bare.Call, http.MethodGet) {
		bare.Call = "$commerce"
	}
	o := retry(reasonOf(failed), &bare)
	o.retryAfter = failed.RetryAfter
	o.operator = failed.Status != 0 && failed.Status != http.StatusTooManyRequests && failed.Status < http.StatusInternalServerError
	return &lookupError{o}
}

// reasonOf is the reason of a failure, in the form of those of Segment's.
func reasonOf(failed *commerce.APIError) string {
	var network net.Error
	switch {
	case errors.As(failed, &network) && network.Timeout():
		return "commerce_timeout"
	case failed.Status == 0:
		return "commerce_unreachable"
	default:
		return fmt.Sprintf("commerce_%d", failed.Status)
	}
}
