package commerce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"commerce-segment/shared/apicall"
	"commerce-segment/shared/loggable"
)

// Credentials give access to the API of one store. The id and the secret are those of an
// application key in Commerce Manager.
type Credentials struct {
	URL          string // in any form that BaseURL accepts
	ClientID     string
	ClientSecret string
}

// The rate of requests of one client. Commerce rejects more than 25 requests a second to a
// development store and 100 to any other (its guide on rate limits). The pages of the shop
// share this limit. A client may make ten requests at once and then ten a second, so at
// most 20 in any second.
const (
	paceInterval = time.Second / 10
	paceBurst    = time.Second
)

// Client calls the API of one store. Many goroutines can use it at once. They share its
// access token and its rate limit.
//
// Its errors are *APIError, except for an invalid path or query, which is not sent. It
// repeats a call that failed temporarily (no answer, 429, 5xx) until the caller's context
// ends, and waits between attempts as long as Commerce asks, up to a minute. It repeats a
// call that must be done only once only if Commerce cannot have done it.
type Client struct {
	base, id, secret string
	transport        http.RoundTripper
	tokens           tokens
	pace             *apicall.RateLimiter
}

// NewClient returns a client of the store. It makes no call. A nil transport means
// http.DefaultTransport.
func NewClient(c Credentials, transport http.RoundTripper) (*Client, error) {
	base, _, err := BaseURL(c.URL)
	switch {
	case err != nil:
		return nil, err
	case c.ClientID == "":
		return nil, errors.New("no Commerce client id is set: set the client id of an application key in Commerce Manager")
	case c.ClientSecret == "":
		return nil, errors.New("no Commerce client secret is set: set the client secret of an application key in Commerce Manager")
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Client{base: base, id: c.ClientID, secret: c.ClientSecret, transport: loggable.Transport(transport),
		pace: &apicall.RateLimiter{Interval: paceInterval, Burst: paceBurst}}, nil
}

// Get returns the JSON that the API has at a path, such as
// "/v2/customers/8c6f…?include=addresses". The query in it is encoded as in a URL.
func (c *Client) Get(ctx context.Context, target string) (json.RawMessage, error) {
	return c.get(ctx, target, false)
}

// GetOnce is Get without another attempt if the first one fails. It is for what the caller can
// do without: it does not add to the load of a store that has too much.
func (c *Client) GetOnce(ctx context.Context, target string) (json.RawMessage, error) {
	return c.get(ctx, target, true)
}

func (c *Client) get(ctx context.Context, target string, once bool) (json.RawMessage, error) {
	path, query, _ := strings.Cut(target, "?")
	answer, err := c.call(ctx, request{method: http.MethodGet, path: path, query: query, repeatable: true, once: once})
	if err == nil && !json.Valid(answer) {
		return nil, unreadable(http.MethodGet, path, errors.New("it is not JSON"))
	}
	return answer, err
}

// read decodes the data of the answer at a path into result.
func (c *Client) read(ctx context.Context, target string, result any) error {
	answer, err := c.Get(ctx, target)
	if err != nil {
		return err
	}
	path, _, _ := strings.Cut(target, "?")
	return decodeData(http.MethodGet, path, answer, result)
}

// write sends data as JSON and decodes the data of the answer into result. The secret is
// the secret in data, or "".
func (c *Client) write(ctx context.Context, method, path, secret string, data, result any) error {
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return fmt.Errorf("%s %s: writing the request: %w", method, path, err)
	}
	answer, err := c.call(ctx, request{
		method: method, path: path, contentType: "application/json", body: body, secret: secret,
		repeatable: method != http.MethodPost,
	})
	if err != nil {
		return err
	}
	return decodeData(method, path, answer, result)
}

// decodeData decodes the data of an answer into result.
func decodeData(method, path string, answer []byte, result any) error {
	if err := json.Unmarshal(answer, &struct {
		Data any `json:"data"`
	}{result}); err != nil {
		return unreadable(method, path, apicall.ErrNotAsDescribed)
	}
	return nil
}

// request is one call to make.
type request struct {
	method, path, query string
	contentType         string // of the body; empty without a body
	body                []byte
	secret              string // the secret in the body, which Commerce may quote in an error
	token               string
	repeatable          bool // doing it twice has the same effect as doing it once
	once                bool // there is no other attempt if it fails
}

func (r request) name() string { return apicall.Name(r.method, r.path) }

// writes reports whether a request sends something that the operator has set, such as an
// integration. Only then do errors quote Commerce's explanation. In the answer to any
// other request it may contain a customer's data.
func (r request) writes() bool { return r.method != http.MethodGet && r.path != TokenPath }

// call makes a request with an access token. It replaces a rejected token once.
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	err := r.check()
	if err != nil {
		return nil, err
	}
	for range 2 {
		if r.token, err = c.token(ctx, r.once); err != nil {
			return nil, err
		}
		var body []byte
		if body, err = c.repeat(ctx, r); !isStatus(err, http.StatusUnauthorized) {
			return body, err
		}
		c.tokens.drop(r.token)
	}
	return nil, err
}

// check returns an error for a path that leads somewhere else than it seems to: to another
// host, or with an empty id to all integrations instead of one. The error does not quote
// the query, which may contain personal data.
func (r request) check() error {
	u, err := url.Parse(r.path)
	if err != nil || u.IsAbs() || u.Host != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/") || path.Clean(u.Path) != u.Path {
		return fmt.Errorf("%q is not a path of the Commerce API: use a path such as /v2/customers/ID", r.path)
	}
	if strings.ContainsFunc(r.query, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) {
		return fmt.Errorf("the query of %s has a character that is not allowed in a URL: encode it, a space as %%20", r.path)
	}
	return nil
}

// repeat makes a request again until it succeeds. It returns the error if another attempt
// would be useless, unsafe or too late.
func (c *Client) repeat(ctx context.Context, r request) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		body, err := c.attempt(ctx, r)
		if err == nil {
			return body, nil
		}
		if r.method == http.MethodDelete && attempt > 1 && err.Status == http.StatusNotFound {
			return nil, nil // the previous attempt deleted it, and its answer was lost
		}
		if r.once || !c.pace.WaitToRepeat(ctx, &err.Failure, attempt, r.repeatable) {
			return nil, err
		}
	}
}

// attemptTimeout limits one request, from connecting to the last byte of the answer.
const attemptTimeout = 30 * time.Second

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, r request) ([]byte, *APIError) {
	if err := c.pace.Wait(ctx, 1); err != nil {
		return nil, noAnswer(r.name(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	sent, err := c.build(ctx, r)
	if err != nil {
		return nil, noAnswer(r.name(), err)
	}
	// Not http.Client, because it follows redirects and would send the secret there.
	response, err := c.transport.RoundTrip(sent)
	if err != nil {
		return nil, noAnswer(r.name(), err)
	}
	body, err := apicall.ReadAnswer(response)
	if errors.Is(err, apicall.ErrTooLong) {
		return nil, unreadable(r.method, r.path, err)
	}
	if err != nil {
		return nil, noAnswer(r.name(), err)
	}
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		return body, nil
	}
	refused := &APIError{Failure: apicall.Failure{
		Call: r.name(), Status: response.StatusCode,
		RetryAfter: apicall.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}}
	if r.writes() {
		refused.explain(body)
		refused.Title = loggable.Text(refused.Title, c.secret, r.token, r.secret)
		refused.Detail = loggable.Text(refused.Detail, c.secret, r.token, r.secret)
	}
	return nil, refused
}

// build returns the HTTP request.
func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	target := c.base + r.path
	if r.query != "" {
		target += "?" + r.query
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	sent.Header.Set("Accept", "application/json")
	sent.Header.Set("User-Agent", "commerce-segment")
	if r.contentType != "" {
		sent.Header.Set("Content-Type", r.contentType)
	}
	if r.token != "" {
		sent.Header.Set("Authorization", "Bearer "+r.token)
	}
	return sent, nil
}

// noAnswer returns the error of a call without a complete answer.
func noAnswer(call string, cause error) *APIError {
	return &APIError{Failure: apicall.Failure{Call: call, Cause: cause}}
}

// unreadable returns the error of an answer that is not as Commerce describes it.
func unreadable(method, path string, cause error) *APIError {
	return &APIError{
		Failure: apicall.Failure{Call: apicall.Name(method, path), Status: http.StatusOK, Cause: cause},
		Title:   "unreadable", Detail: cause.Error(),
	}
}
