package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"commerce-segment/shared/apicall"
)

// tokenMargin is how long before its expiry a token is no longer used, because a request
// may last for attemptTimeout.
const tokenMargin = time.Minute

// tokens keeps the access token of one client.
type tokens struct {
	mu       sync.Mutex
	value    string
	until    time.Time
	fetching *tokenFetch // the fetch in progress, or nil
}

// tokenFetch is the one fetch that concurrent callers wait for.
type tokenFetch struct {
	done  chan struct{}
	once  bool // there is no other attempt if it fails
	value string
	err   error
}

// token returns the current token, or fetches one if there is none. Concurrent callers
// share one fetch and its error. If the context of the caller that fetches ends, the next
// caller fetches again, and so does one that wants more attempts than the failed fetch made.
func (c *Client) token(ctx context.Context, once bool) (string, error) {
	for {
		c.tokens.mu.Lock()
		if time.Now().Before(c.tokens.until) {
			defer c.tokens.mu.Unlock()
			return c.tokens.value, nil
		}
		fetch := c.tokens.fetching
		if fetch == nil {
			fetch = &tokenFetch{done: make(chan struct{}), once: once}
			c.tokens.fetching = fetch
			c.tokens.mu.Unlock()
			c.fetch(ctx, fetch)
			return fetch.value, fetch.err
		}
		c.tokens.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", noAnswer("POST "+TokenPath, ctx.Err())
		case <-fetch.done:
		}
		var failed *APIError
		if !errors.As(fetch.err, &failed) || !failed.OutOfTime && (once || !fetch.once) {
			return fetch.value, fetch.err
		}
	}
}

// fetch fetches a token and wakes the callers that wait for it.
func (c *Client) fetch(ctx context.Context, fetch *tokenFetch) {
	asked := time.Now().Round(0) // wall clock only: the monotonic clock may stop while a Lambda function is frozen
	var lifetime time.Duration
	fetch.value, lifetime, fetch.err = c.requestToken(ctx, fetch.once)
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	c.tokens.fetching = nil
	if fetch.err == nil {
		c.tokens.value = fetch.value
		c.tokens.until = asked.Add(lifetime - min(tokenMargin, lifetime/2))
	}
	close(fetch.done)
}

// drop forgets a token that Commerce has rejected, unless it has been replaced meanwhile.
func (t *tokens) drop(rejected string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == rejected {
		t.until = time.Time{}
	}
}

// requestToken gets a token from Commerce. The answer is an object in the guides and the
// SDK. In authentication.yaml it is the same object inside data.
func (c *Client) requestToken(ctx context.Context, once bool) (value string, lifetime time.Duration, err error) {
	body, err := c.repeat(ctx, request{
		method: http.MethodPost, path: TokenPath, contentType: "application/x-www-form-urlencoded",
		body: []byte(url.Values{
			"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret},
		}.Encode()),
		repeatable: true, // a second token does no harm
		once:       once,
	})
	if err != nil {
		return "", 0, err
	}
	type token struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}
	var answer struct {
		token
		Data token `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", 0, unreadable(http.MethodPost, TokenPath, apicall.ErrNotAsDescribed)
	}
	given := answer.token
	if given.AccessToken == "" {
		given = answer.Data
	}
	if given.AccessToken == "" {
		return "", 0, unreadable(http.MethodPost, TokenPath, errors.New("it has no access_token"))
	}
	return given.AccessToken, time.Duration(given.ExpiresIn) * time.Second, nil
}
