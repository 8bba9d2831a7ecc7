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
	"commerce-segment/shared/turn"
)

// LookupWithin limits the time in which all templates of one batch wait for Commerce,
// from the first call on, including a token. Delivering ends a second before the 9 s of a
// function, and reading the settings takes at most 1.4 s. So three and a half seconds
// remain to send the batch to Segment. In three seconds the client's rate limit allows 40
// calls. An event for which no time is left is retried, in another batch.
const LookupWithin = 3 * time.Second

// Lookup returns the function behind $commerce for the templates of one batch. It
// requests each path once, and all paths within the given time. It must not be used by
// several goroutines at once. If Commerce answers 404 the result is empty. Its errors
// quote neither the path nor Commerce.
func Lookup(client *commerce.Client, within time.Duration) template.Fetch {
	return newLookups(client, within).get
}

func newLookups(client *commerce.Client, within time.Duration) *lookups {
	return &lookups{client: client, within: within, known: map[string]lookupResult{}, room: maxKnown}
}

// asking is how the templates of one batch call Commerce. Both functions are nil if no
// credentials are set.
type asking struct {
	lookup   template.Fetch // for what a message must have
	optional template.Fetch // for what it can do without
}

// asking returns how the templates of a batch call Commerce.
func (r *Relay) asking(credentials commerce.Credentials) asking {
	if credentials == (commerce.Credentials{}) {
		return asking{}
	}
	client, answers, err := r.clients.client(credentials, r.CommerceTransport)
	if err != nil {
		fail := func(context.Context, string) ([]byte, error) {
			return nil, &lookupError{outcome: retry("settings", err).forOperator()}
		}
		return asking{fail, fail}
	}
	batch := newLookups(client, LookupWithin)
	return asking{batch.get, (&optionalLookups{batch: batch, answers: answers}).get}
}

// clientCache keeps the client of the Commerce API, and its optional answers, until the
// credentials change. The client keeps its token for an hour.
type clientCache struct {
	mu          sync.Mutex
	credentials commerce.Credentials
	cached      *commerce.Client
	answers     *optionalAnswers
	err         error
}

func (c *clientCache) client(credentials commerce.Credentials, transport http.RoundTripper) (*commerce.Client, *optionalAnswers, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credentials != credentials {
		c.cached, c.err = commerce.NewClient(credentials, transport)
		c.answers = &optionalAnswers{client: c.cached}
		c.credentials = credentials
	}
	return c.cached, c.answers, c.err
}

// lookups requests paths for one batch, and keeps the results.
type lookups struct {
	client   *commerce.Client
	within   time.Duration
	deadline time.Time // for all lookups; zero before the first
	known    map[string]lookupResult
	room     int // bytes left for more results
}

// maxKnown limits the bytes of the results that are kept for the other events of a batch.
const maxKnown = 8 << 20

type lookupResult struct {
	body []byte
	err  error
}

func (l *lookups) get(ctx context.Context, path string) ([]byte, error) {
	if known, ok := l.known[path]; ok {
		return known.body, known.err
	}
	if l.deadline.IsZero() {
		l.deadline = time.Now().Add(l.within)
	}
	ends, limited := ctx.Deadline()
	ctx, cancel := context.WithDeadline(ctx, l.deadline)
	defer cancel()
	body, err := l.client.Get(ctx, path)
	result := lookupResult{body, newLookupError(err)}
	if isNotFound(err) {
		result = lookupResult{}
	}
	if result.err == nil || !limited || l.deadline.Before(ends) { // otherwise a later call may have more time
		l.keep(path, result)
	}
	return result.body, result.err
}

// keep keeps a result for the other events of the batch, if there is room. No template accepts a
// body over MaxAnswer.
func (l *lookups) keep(path string, result lookupResult) {
	if len(result.body) <= min(template.MaxAnswer, l.room) {
		l.known[path] = result
		l.room -= len(result.body)
	}
}

// isNotFound reports whether the store does not have the requested resource. A 404 for
// the token request is different: then the URL is not that of a store.
func isNotFound(err error) bool {
	var apiErr *commerce.APIError
	return errors.As(err, &apiErr) && apiErr.Status == http.StatusNotFound && strings.HasPrefix(apiErr.Call, http.MethodGet)
}

// lookupError is a failed request to Commerce, with the outcome for the event. Its text
// quotes neither Commerce nor the path. It comes after the line number of the template,
// which shows the request.
type lookupError struct {
	outcome outcome
	ofToken bool // it concerns every path
}

func (e *lookupError) Error() string { return e.outcome.detail }

// newLookupError makes a lookupError from an error of the client. The event is retried
// for every error. Time-outs, failed connections, 429 and 5xx are temporary. All others
// last until the operator fixes the credentials, the URL or the template.
func newLookupError(err error) error {
	var apiErr *commerce.APIError
	if !errors.As(err, &apiErr) {
		return err
	}
	bare := *apiErr
	bare.Title, bare.Detail = "", ""
	if strings.HasPrefix(bare.Call, http.MethodGet) {
		bare.Call = "$commerce"
	}
	o := retry(lookupReason(apiErr), &bare)
	o.retryAfter = apiErr.RetryAfter
	o.operator = apiErr.Status != 0 && apiErr.Status != http.StatusTooManyRequests && apiErr.Status < http.StatusInternalServerError
	return &lookupError{outcome: o, ofToken: !strings.HasPrefix(apiErr.Call, http.MethodGet)}
}

// lookupReason returns the reason of a failed request, in the same form as the reasons of
// Segment's answers.
func lookupReason(apiErr *commerce.APIError) string {
	var network net.Error
	switch {
	case errors.As(apiErr, &network) && network.Timeout():
		return "commerce_timeout"
	case apiErr.Status == 0:
		return "commerce_unreachable"
	default:
		return fmt.Sprintf("commerce_%d", apiErr.Status)
	}
}

// lookupOutcome returns the outcome of an error that may come from Commerce. The reason
// is for any other error.
func lookupOutcome(ctx context.Context, err error, reason string) outcome {
	var lookup *lookupError
	switch {
	case ctx.Err() != nil, errors.Is(err, turn.ErrBusy): // perhaps because of another event in the batch
		return retry("out_of_time", err)
	case errors.As(err, &lookup):
		o := lookup.outcome
		o.detail = detailOf(err)
		return o
	default:
		return retry(reason, err).forOperator()
	}
}
