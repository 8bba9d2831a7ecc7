package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// tokenMargin is how long before its end a token is no longer used: a request may
// be under way for attemptTimeout.
const tokenMargin = time.Minute

// tokens keeps the access token of one client.
type tokens struct {
	mu       sync.Mutex
	value    string
	until    time.Time
	fetching *tokenFetch // nil where nobody fetches one
}

// tokenFetch is the one fetch that concurrent callers wait for.
type tokenFetch struct {
	done  chan struct{}
	value string
	err   error
}

// token gives the token that counts, and fetches one where there is none. Callers
// at the same time share one fetch and its error; where the one who makes it runs
// out of its own time, the next one makes another.
func (c *Client) token(ctx context.Context) (string, error) {
	for {
		c.tokens.mu.Lock()
		if time.Now().Before(c.tokens.until) {
			defer c.tokens.mu.Unlock()
			return c.tokens.value, nil
		}
		fetch := c.tokens.fetching
		if fetch == nil {
			fetch = &tokenFetch{done: make(chan struct{})}
			c.tokens.fetching = fetch
			c.tokens.mu.Unlock()
			c.fetch(ctx, fetch)
			return fetch.value, fetch.err
		}
		c.tokens.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", c.noAnswer("POST "+TokenPath, ctx.Err())
		case <-fetch.done:
		}
		var failed *APIError
		if !errors.As(fetch.err, &failed) || !failed.ended {
			return fetch.value, fetch.err
		}
	}
}

// fetch fetches a token and tells everybody who waits for it.
func (c *Client) fetch(ctx context.Context, fetch *tokenFetch) {
	asked := time.Now().Round(0) // by the wall clock: the other one may stand still while a Lambda function is frozen
	var lifetime time.Duration
	fetch.value, lifetime, fetch.err = c.requestToken(ctx)
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	c.tokens.fetching = nil
	if fetch.err == nil {
		c.tokens.value = fetch.value
		c.tokens.until = asked.Add(lifetime - min(tokenMargin, lifetime/2))
	}
	close(fetch.done)
}

// drop forgets a token that Commerce has refused, unless another one has taken
// its place meanwhile.
func (t *tokens) drop(refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == refused {
		t.until = time.Time{}
	}
}

// requestToken asks Commerce for a token. Its answer is an object in the guides
// and the SDK, and in authentication.yaml the same object inside of data.
func (c *Client) requestToken(ctx context.Context) (value string, lifetime time.Duration, err error) {
	body, err := c.repeat(ctx, request{
		method: http.MethodPost, path: TokenPath, contentType: "application/x-www-form-urlencoded",
		body: []byte(url.Values{
			"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret},
		}.Encode()),
		repeatable: true, // another token harms nobody
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
		return "", 0, unreadable(http.MethodPost, TokenPath, notAsDescribed)
	}
	given := answer.token
	if given.AccessToken == "" {
		given = answer.Data
	}
	if given.AccessToken == "" {
		return "", 0, unreadable(http.MethodPost, TokenPath, "there is no access_token in it")
	}
	return given.AccessToken, time.Duration(given.ExpiresIn) * time.Second, nil
}
