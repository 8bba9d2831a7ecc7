// Package publicapi is a client of Segment's Public API: the sources of a workspace, the
// events that Segment received from them, its tracking plans, and requests to delete users.
// The plans Team and Business have this API.
//
// The calls and their shapes are those of Segment's Go SDK
// (github.com/segmentio/public-api-sdk-go, version 73.2.0) and of its documents: Getting
// Started, Versioning, Error Handling, Rate Limits and Pagination on docs.segmentapis.com,
// and "Regional Segment" for the host of the EU. Where they disagree, the comment of the type
// says so.
//
// The SDK itself is not used. A Lambda function can import this package, and the SDK is a
// package of 5 MB of source in 768 files, generated for the whole API. It reads answers of any
// length, repeats nothing, ignores the rate limit, follows redirects with the token, and its
// errors quote the answer, which can hold a user's id.
package publicapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"commerce-segment/shared/apicall"
	"commerce-segment/shared/loggable"
)

// The base URLs of the API. A workspace is in one of the two regions. Events are sent to other
// hosts.
const (
	USHost = "https://api.segmentapis.com"
	EUHost = "https://eu1.api.segmentapis.com"
)

// Credentials give access to one workspace.
type Credentials struct {
	URL   string // USHost, EUHost, or that of a stand-in
	Token string // a Public API token, which belongs to one workspace
}

// Client calls the API for one workspace. Many goroutines can use it at once. They share its
// rate limit.
//
// Its errors are *APIError, except the error for an id that is empty. It repeats a call that failed
// temporarily (no answer, 429, 5xx), up to apicall.MaxAttempts times or until the caller's context
// ends. Between attempts it waits as long as Segment asks, up to a minute. It repeats a call that
// creates something only if Segment cannot have done it.
type Client struct {
	base, token string
	transport   http.RoundTripper
	pace        *apicall.RateLimiter
}

// The rate of requests of one client. Segment limits them by the address of the sender, the
// token and the cost of the call, and names no number but 60 a minute for event volumes, 200
// for the rules of a tracking plan and 600 for deletions.
const (
	paceInterval = time.Second / 10
	paceBurst    = time.Second
)

// NewClient returns a client of the workspace to which the token belongs. It makes no call. A
// nil transport means http.DefaultTransport.
func NewClient(c Credentials, transport http.RoundTripper) (*Client, error) {
	switch {
	case c.URL == "":
		return nil, errors.New("no host of Segment's Public API is set: use " + USHost + ", or " + EUHost + " for a workspace in the EU")
	case c.Token == "":
		return nil, errors.New("no token of Segment's Public API is set")
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Client{
		base: c.URL, token: c.Token, transport: loggable.Transport(transport),
		pace: &apicall.RateLimiter{Interval: paceInterval, Burst: paceBurst},
	}, nil
}

// The versions of an endpoint, as the SDK asks for them in the header Accept. (The page
// Versioning writes stable and beta for v1 and v1beta.)
const (
	stable = "application/vnd.segment.v1+json"
	beta   = "application/vnd.segment.v1beta+json"
)

// request is one call to make.
type request struct {
	method, path string
	query        url.Values
	accept       string // stable, if it is empty
	body         any    // nil for no body
	personal     bool   // the answer may quote the ids of users, so errors must not
}

// get decodes the data of the answer at a path into result.
func (c *Client) get(ctx context.Context, path string, result any) error {
	return c.call(ctx, request{method: http.MethodGet, path: path}, result)
}

// call makes a request, again until it succeeds, and decodes the data of the answer into
// result. It returns the error if another attempt would be useless, unsafe or too late.
func (c *Client) call(ctx context.Context, r request, result any) error {
	if path.Clean(r.path) != r.path { // with an empty id the call would be about all sources, not one
		return fmt.Errorf("%s: an id in the path is empty or not valid", r.name())
	}
	for attempt := 1; ; attempt++ {
		body, err := c.attempt(ctx, r)
		if err == nil {
			return decode(r, body, result)
		}
		if !c.pace.WaitToRepeat(ctx, &err.Failure, attempt, r.method != http.MethodPost) {
			return err
		}
	}
}

// decode reads {"data":…} into result.
func decode(r request, body []byte, result any) error {
	answer := struct {
		Data json.RawMessage `json:"data"`
	}{}
	if json.Unmarshal(body, &answer) != nil || len(answer.Data) == 0 || json.Unmarshal(answer.Data, result) != nil {
		return r.newError(http.StatusOK, apicall.ErrNotAsDescribed)
	}
	return nil
}

func (r request) name() string { return apicall.Name(r.method, r.path) }

// newError returns the error of a call. Status is 0 if there is no complete answer.
func (r request) newError(status int, cause error) *APIError {
	return &APIError{Failure: apicall.Failure{Call: r.name(), Status: status, Cause: cause}}
}

// attemptTimeout limits one request, from connecting to the last byte of the answer.
const attemptTimeout = 30 * time.Second

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, r request) ([]byte, *APIError) {
	if err := c.pace.Wait(ctx, 1); err != nil {
		return nil, r.newError(0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	sent, err := c.build(ctx, r)
	if err != nil {
		return nil, r.newError(0, err)
	}
	// Not http.Client, because it follows redirects and would send the token there.
	response, err := c.transport.RoundTrip(sent)
	if err != nil {
		return nil, r.newError(0, err)
	}
	body, err := apicall.ReadAnswer(response)
	if errors.Is(err, apicall.ErrTooLong) {
		return nil, r.newError(http.StatusOK, err)
	}
	if err != nil {
		return nil, r.newError(0, err)
	}
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		return body, nil
	}
	return nil, c.errorOf(r, response, body)
}

// build returns the HTTP request.
func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, err
		}
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	accept := stable
	if r.accept != "" {
		accept = r.accept
	}
	sent.Header.Set("Accept", accept)
	sent.Header.Set("Authorization", "Bearer "+c.token)
	sent.Header.Set("User-Agent", "commerce-segment")
	if r.body != nil {
		sent.Header.Set("Content-Type", "application/json")
	}
	return sent, nil
}

// The size of a page, and how much of one list is read. The SDK allows 1,000 entries a page, and the
// page Pagination 200.
const (
	pageSize   = 200
	maxPages   = 200
	maxEntries = 10_000
)

// paged has the position of a page in its list.
type paged struct {
	Pagination struct {
		Next *string `json:"next"`
	} `json:"pagination"`
}

// ErrTooManyPages means that a list is longer than what is read of it.
var ErrTooManyPages = fmt.Errorf("the list has more than %d entries or %d pages", maxEntries, maxPages)

// list reads all pages of a list. If there are too many, it returns the entries of the first ones
// and an error that is ErrTooManyPages. It asks for smaller pages if an answer is too long: an entry
// about many users has their ids. Entries returns those of one page, whose data is decoded into a P
// that embeds paged.
func list[T, P any](ctx context.Context, c *Client, r request, entries func(*P) ([]T, paged)) ([]T, error) {
	if r.query == nil {
		r.query = url.Values{}
	}
	var all []T
	size := pageSize
	for range maxPages {
		r.query.Set("pagination[count]", strconv.Itoa(size))
		page := new(P)
		err := c.call(ctx, r, page)
		if errors.Is(err, apicall.ErrTooLong) && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		found, position := entries(page)
		all = append(all, found...)
		next := position.Pagination.Next
		if next == nil || *next == "" {
			return all, nil
		}
		if len(all) >= maxEntries {
			break
		}
		r.query.Set("pagination[cursor]", *next)
	}
	return all, r.newError(http.StatusOK, ErrTooManyPages)
}

// Number is a number of events, which Segment's descriptions declare as a float.
type Number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(text []byte) error {
	var value float64
	err := json.Unmarshal(text, &value)
	*n = Number(value)
	return err
}

// Time is a time in an answer, zero if the answer has none. Segment's descriptions declare it as
// a string.
type Time struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &value); err != nil || value == "" {
		return err
	}
	parsed, err := time.Parse(time.RFC3339, value)
	t.Time = parsed
	return err
}

// Count is the number of events in the minute, hour or day that begins at Time.
type Count struct {
	Time  time.Time `json:"time"`
	Count Number    `json:"count"`
}

// Granularity is the length of the periods for which events are counted.
type Granularity string

// The granularities that this project uses. Segment's limits for the delivery overview: by hour
// 14 days, of the last 30 days; by day 30 days, of the last 30. Its documents name no limits for
// event volumes.
const (
	Hour Granularity = "HOUR"
	Day  Granularity = "DAY"
)

// The dimensions by which events are grouped. EventVolumes has the first three, and
// DeliveryOverview all but BySource.
const (
	ByEventName     = "eventName"
	ByEventType     = "eventType"
	BySource        = "source"
	ByDiscardReason = "discardReason" // not of SuccessfullyReceived
)

// setList sets an array in a query: name.0=…&name.1=…
func setList(query url.Values, name string, values []string) {
	for i, value := range values {
		query.Set(name+"."+strconv.Itoa(i), value)
	}
}

// periodQuery returns the query of a period, from inclusive, to exclusive.
func periodQuery(g Granularity, from, to time.Time, groupBy []string) url.Values {
	query := url.Values{
		"granularity": {string(g)},
		"startTime":   {from.UTC().Format(time.RFC3339)},
		"endTime":     {to.UTC().Format(time.RFC3339)},
	}
	setList(query, "groupBy", groupBy)
	return query
}
