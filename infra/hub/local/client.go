package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/serve"
)

const (
	// AnswerWithin is how long a client waits for an answer. Commerce waits as long.
	AnswerWithin = 10 * time.Second
	// inboxEvery is how often a client looks for new messages in the inbox.
	inboxEvery = 50 * time.Millisecond
)

// noRedirects keeps the secret from going where nobody sent it.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Caller is a client of a hub that runs on this machine.
type Client struct {
	http      *http.Client
	URL       string          // the hub's
	directory store.Directory // which has the key
}

// NewCaller speaks to the hub at an address, with the key that is in a directory.
func NewClient(addr, dir string) (Client, error) {
	host, port, err := SplitAddr(addr)
	if err != nil {
		return Client{}, err
	}
	directory, err := store.OpenDirectory(dir)
	return Client{&http.Client{Timeout: AnswerWithin, CheckRedirect: noRedirects}, HubURL(host, port), directory}, err
}

// ask asks the hub for what it shows to who has the key, or sends it a form.
func (c Client) ask(ctx context.Context, method, path string, form url.Values) (*http.Response, []byte, error) {
	key, err := c.directory.Key()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	header := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/x-www-form-urlencoded"}}
	response, content, err := c.do(ctx, method, c.URL+path, header, []byte(form.Encode()))
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		err = fmt.Errorf("the hub at %s has another key than is in %s: name the directory in which it runs with --dir", c.URL, c.directory.KeyFile())
	}
	return response, content, err
}

// do sends a request, and says in a person's words where nothing listens.
func (c Client) do(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header = header
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil, fmt.Errorf("nothing listens on %s: start it with make run", request.URL.Host)
	}
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	return response, content, nil
}

// Post posts a webhook, and returns the answer as a line for people. It fails unless the
// webhook was accepted.
func (c Client) Post(ctx context.Context, address, secret string, body []byte) (said string, err error) {
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set(serve.KeyHeader, secret)
	response, content, err := c.do(ctx, http.MethodPost, address, header, body)
	if err != nil {
		return "", err
	}
	said = fmt.Sprintf("POST %s: %s %s", address, response.Status, bytes.TrimSpace(content))
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return "", fmt.Errorf("%s: the secret here is not the one there: name the directory that has it with --dir", said)
	case response.StatusCode >= http.StatusMultipleChoices:
		return "", errors.New(said)
	}
	return said, nil
}

// Received is how many batches the hub's inbox has taken so far.
func (c Client) Received(ctx context.Context) (int, error) {
	response, _, err := c.ask(ctx, http.MethodHead, "/inbox", nil)
	if err != nil {
		return 0, err
	}
	received, err := strconv.Atoi(response.Header.Get(receivedHeader))
	if err != nil {
		return 0, fmt.Errorf("what listens at %s has no inbox: is it a hub?", c.URL)
	}
	return received, nil
}

// WaitForNews waits for new messages about a resource; none where none came in time.
func (c Client) AwaitMessages(ctx context.Context, within time.Duration, before int, resource string) ([]json.RawMessage, error) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(inboxEvery) {
		now, err := c.Received(ctx)
		if err != nil {
			return nil, err
		}
		if now == before {
			continue
		}
		messages, err := c.newMessages(ctx, before, resource)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
	}
	return nil, nil
}

// news is the messages about a resource that came after the inbox had taken
// that many batches. Whatever is about a resource has its id somewhere.
func (c Client) newMessages(ctx context.Context, before int, resource string) ([]json.RawMessage, error) {
	response, content, err := c.ask(ctx, http.MethodGet, "/inbox", nil)
	if err != nil {
		return nil, err
	}
	received, _ := strconv.Atoi(response.Header.Get(receivedHeader))
	var bodies []struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal(content, &bodies); err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", err)
	}
	var messages []json.RawMessage
	for _, body := range bodies[:min(max(received-before, 0), len(bodies))] {
		for _, message := range body.Batch {
			if bytes.Contains(message, []byte(resource)) {
				messages = append(messages, message)
			}
		}
	}
	return messages, nil
}

// ConsoleLink asks the hub for a new address of its console, which lets in one browser.
func (c Client) NewConsoleLink(ctx context.Context) (string, error) {
	response, path, err := c.ask(ctx, http.MethodPost, console.LinkPath, nil)
	switch {
	case err != nil:
		return "", err
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("the hub at %s answers %s: %s", c.URL, response.Status, strings.TrimSpace(string(path)))
	}
	return c.URL + string(path), nil
}

// Read implements executions.Log: it asks the hub that runs on this machine.
func (c Client) Read(ctx context.Context, q executions.Query) (executions.Reading, error) {
	response, content, err := c.ask(ctx, http.MethodGet, console.LinesPath, nil)
	if err != nil {
		return executions.Reading{}, err
	}
	if response.StatusCode != http.StatusOK {
		return executions.Reading{}, fmt.Errorf("the hub at %s answers %s: %s", c.URL, response.Status, strings.TrimSpace(string(content)))
	}
	cut, err := strconv.ParseBool(response.Header.Get(console.LinesCut))
	if err != nil {
		return executions.Reading{}, fmt.Errorf("what listens at %s does not tell of its webhooks: is it a hub of this version?", c.URL)
	}
	return executions.Reading{Lines: q.PickFrom(content), Cut: cut}, nil
}
