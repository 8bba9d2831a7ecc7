package commerce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"commerce-segment/shared/loggable"
)

// Credentials are what the API of one store asks for. The id and the secret are
// those of an application key in Commerce Manager.
type Credentials struct {
	URL          string // in any of the forms that BaseURL understands
	ClientID     string
	ClientSecret string
}

// Client calls the API of one store. It is safe for use by many goroutines at
// once, which then share its token and its pace.
//
// Its errors are *APIError, but where a path or a filter makes no request. It
// repeats what failed for a time (no answer, 429, 5xx) within the caller's
// context, and waits as long as Commerce asks, up to a minute. What may be done
// only once it repeats only where Commerce cannot have done it.
type Client struct {
	base, id, secret string
	transport        http.RoundTripper
	tokens           tokens
	pace             pace
}

// NewClient returns a client of the store. It calls nothing yet. The transport is
// the one to use; nil means the default one.
func NewClient(c Credentials, transport http.RoundTripper) (*Client, error) {
	base, _, err := BaseURL(c.URL)
	switch {
	case err != nil:
		return nil, err
	case c.ClientID == "":
		return nil, errors.New("no Commerce client id is set: set the one of an application key in Commerce Manager")
	case c.ClientSecret == "":
		return nil, errors.New("no Commerce client secret is set: set the one of an application key in Commerce Manager")
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Client{base: base, id: c.ClientID, secret: c.ClientSecret, transport: loggable.Transport(transport)}, nil
}

// Get reads what is at a path of the API, such as
// "/v2/customers/8c6f…?include=addresses", and returns the JSON of the answer. The
// query is in it as a URL has it, encoded.
func (c *Client) Get(ctx context.Context, target string) (json.RawMessage, error) {
	path, query, _ := strings.Cut(target, "?")
	answer, err := c.call(ctx, request{method: http.MethodGet, path: path, query: query, repeatable: true})
	if err == nil && !json.Valid(answer) {
		return nil, unreadable(http.MethodGet, path, "it is not JSON")
	}
	return answer, err
}

// read reads the data of what is at a path.
func (c *Client) read(ctx context.Context, target string, result any) error {
	answer, err := c.Get(ctx, target)
	if err != nil {
		return err
	}
	path, _, _ := strings.Cut(target, "?")
	return decodeData(http.MethodGet, path, answer, result)
}

// write sends a JSON body, and gives the data of the answer. The secret is the one in the
// data, if there is any.
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

// decodeData reads the data of an answer.
func decodeData(method, path string, answer []byte, result any) error {
	if err := json.Unmarshal(answer, &struct {
		Data any `json:"data"`
	}{result}); err != nil {
		return unreadable(method, path, notAsDescribed)
	}
	return nil
}

// request is one call to make.
type request struct {
	method, path, query string
	contentType         string // of the body; empty where there is none
	body                []byte
	secret              string // in the body, which Commerce may quote in an error
	token               string
	repeatable          bool // done twice, it is as if done once
}

func (r request) name() string { return callOf(r.method, r.path) }

// callOf names a call. An id in its path may come from an answer.
func callOf(method, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = loggable.ID(part)
	}
	return method + " " + strings.Join(parts, "/")
}

// writes says that a request sends what the operator has set, an integration for example.
// Only then are Commerce's words shown, which say what is wrong with it. In an answer to
// any other request they may quote a customer's data.
func (r request) writes() bool { return r.method != http.MethodGet && r.path != TokenPath }

// call makes a request with a token. A token that is refused is replaced once.
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	err := r.check()
	if err != nil {
		return nil, err
	}
	for range 2 {
		if r.token, err = c.token(ctx); err != nil {
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

// check refuses what would lead elsewhere than it seems to: to another host, or with
// an empty id from one integration to all of them. It quotes no query: there may be
// personal data in it.
func (r request) check() error {
	u, err := url.Parse(r.path)
	if err != nil || u.IsAbs() || u.Host != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/") || path.Clean(u.Path) != u.Path {
		return fmt.Errorf("%q is no path of the Commerce API: use one like /v2/customers/ID", r.path)
	}
	if strings.ContainsFunc(r.query, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) {
		return fmt.Errorf("the query of %s holds a character that cannot stand in a URL: encode it, a space as %%20", r.path)
	}
	return nil
}

// repeat makes a request until its answer counts, and gives up where repeating
// it is useless, unsafe, or too late.
func (c *Client) repeat(ctx context.Context, r request) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		body, err := c.attempt(ctx, r)
		if err == nil {
			return body, nil
		}
		if r.method == http.MethodDelete && attempt > 1 && err.Status == http.StatusNotFound {
			return nil, nil // the attempt before has done it, and its answer got lost
		}
		err.unclear = !r.repeatable && err.temporary() && !err.notDone()
		if !err.temporary() || err.unclear || attempt == maxAttempts || err.RetryAfter > maxWait {
			return nil, err
		}
		wait := backoff(attempt, err.RetryAfter)
		if err.Status == http.StatusTooManyRequests {
			c.pace.hold(wait)
		}
		if err.ended = !outlasts(ctx, wait) || sleep(ctx, wait) != nil; err.ended {
			return nil, err
		}
	}
}

// outlasts says that a context leaves time for more than a wait.
func outlasts(ctx context.Context, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return !limited || time.Until(deadline) > wait
}

// attemptTimeout bounds one request from dialling to the answer's last byte.
const attemptTimeout = 30 * time.Second

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, r request) ([]byte, *APIError) {
	if err := c.pace.wait(ctx); err != nil {
		return nil, c.noAnswer(r.name(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	sent, err := c.build(ctx, r)
	if err != nil {
		return nil, c.noAnswer(r.name(), err)
	}
	// The transport and no http.Client: a redirect must not carry the secret on.
	response, err := c.transport.RoundTrip(sent)
	if err != nil {
		return nil, c.noAnswer(r.name(), err)
	}
	body, err := readAnswer(response)
	if errors.Is(err, errTooLong) {
		return nil, unreadable(r.method, r.path, err.Error())
	}
	if err != nil {
		return nil, c.noAnswer(r.name(), err)
	}
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		return body, nil
	}
	refused := &APIError{
		Call: r.name(), Status: response.StatusCode,
		RetryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	if r.writes() {
		refused.explain(body)
		refused.Title = presentable(refused.Title, c.secret, r.token, r.secret)
		refused.Detail = presentable(refused.Detail, c.secret, r.token, r.secret)
	}
	return nil, refused
}

// build makes the HTTP request.
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

// maxAnswerBytes bounds an answer. A page of 100 orders with their lines has one
// or two megabytes.
const maxAnswerBytes = 16 << 20

// readAnswer reads an answer and closes it.
func readAnswer(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(body) > maxAnswerBytes {
		return nil, errTooLong
	}
	return body, nil
}

var errTooLong = fmt.Errorf("the answer is longer than %d MB", maxAnswerBytes>>20)

// noAnswer is the error of a call that got no answer, or no whole one.
func (c *Client) noAnswer(call string, cause error) *APIError {
	return &APIError{Call: call, cause: cause}
}

// notAsDescribed is what is wrong with an answer that cannot be decoded. The words of
// encoding/json quote it.
const notAsDescribed = "it has another form than the API describes"

// unreadable is the error of an answer that says something else than described.
func unreadable(method, path, why string) *APIError {
	return &APIError{Call: callOf(method, path), Status: http.StatusOK, Title: "unreadable", Detail: why}
}
