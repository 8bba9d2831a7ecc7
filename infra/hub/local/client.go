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
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/serve"
)

const (
	// AnswerTimeout is how long a client waits for an answer. Commerce waits equally long.
	AnswerTimeout = 10 * time.Second
	// inboxPollInterval is the time between two requests for new messages in the inbox.
	inboxPollInterval = 50 * time.Millisecond
)

// noRedirects follows no redirect: the secret must not be sent to another address.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Client sends requests to a hub that runs on this machine.
type Client struct {
	http      *http.Client
	URL       string          // of the hub
	directory store.Directory // of the hub; it has the key
}

// NewClient returns a client of the hub at addr, HOST:PORT. It uses the key in the directory
// dir.
func NewClient(addr, dir string) (Client, error) {
	host, port, err := SplitAddr(addr)
	if err != nil {
		return Client{}, err
	}
	directory, err := store.OpenDirectory(dir)
	return Client{&http.Client{Timeout: AnswerTimeout, CheckRedirect: noRedirects}, HubURL(host, port), directory}, err
}

// ask sends a request with the key to the hub, with a form as its body. It returns the answer
// and its content.
func (c Client) ask(ctx context.Context, method, path string, form url.Values) (*http.Response, []byte, error) {
	key, err := c.directory.Key()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	header := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/x-www-form-urlencoded"}}
	response, content, err := c.do(ctx, method, c.URL+path, header, []byte(form.Encode()))
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		err = fmt.Errorf("the hub at %s does not accept the key in %s: name the hub's directory with --dir, or its address with --addr or ADDR", c.URL, c.directory.KeyFile())
	}
	return response, content, err
}

// do sends a request, and reads the whole answer. If nothing listens at the address, the
// error says how to start a hub.
func (c Client) do(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header = header
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil, errNotRunning{request.URL.Host}
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

// Post posts a webhook, and returns a line of text with the answer. It fails unless the
// webhook was accepted.
func (c Client) Post(ctx context.Context, address, secret string, body []byte) (answer string, err error) {
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set(serve.KeyHeader, secret)
	response, content, err := c.do(ctx, http.MethodPost, address, header, body)
	if err != nil {
		return "", err
	}
	answer = fmt.Sprintf("POST %s: %s %s", address, response.Status, bytes.TrimSpace(content))
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return "", fmt.Errorf("%s: the hub has another webhook secret: name the hub's directory with --dir, or its address with --addr or ADDR", answer)
	case response.StatusCode >= http.StatusMultipleChoices:
		return "", errors.New(answer)
	}
	return answer, nil
}

// Received returns the number of batches that the hub's inbox has ever received.
func (c Client) Received(ctx context.Context) (int, error) {
	response, _, err := c.ask(ctx, http.MethodHead, "/inbox", nil)
	if err != nil {
		return 0, err
	}
	received, err := strconv.Atoi(response.Header.Get(receivedHeader))
	if err != nil {
		return 0, fmt.Errorf("the program at %s is not a hub: it has no inbox. Check --addr", c.URL)
	}
	return received, nil
}

// AwaitMessages waits for messages about a resource. It returns those of the batches that
// followed the first before batches, and none if no such message arrives in time.
func (c Client) AwaitMessages(ctx context.Context, within time.Duration, before int, resource string) ([]json.RawMessage, error) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(inboxPollInterval) {
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

// newMessages returns the messages about a resource in the batches that the inbox received
// after the first before batches. A message is about a resource if it contains its id.
func (c Client) newMessages(ctx context.Context, before int, resource string) ([]json.RawMessage, error) {
	_, content, err := c.ask(ctx, http.MethodGet, fmt.Sprintf("/inbox?after=%d", before), nil)
	if err != nil {
		return nil, err
	}
	var bodies []struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal(content, &bodies); err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", err)
	}
	var messages []json.RawMessage
	for _, body := range bodies {
		for _, message := range body.Batch {
			if bytes.Contains(message, []byte(resource)) {
				messages = append(messages, message)
			}
		}
	}
	return messages, nil
}

// NewConsoleLink asks the hub for a new address of its console. One browser can sign in with
// it.
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

// Inbox returns the batches in the hub's inbox as a JSON list, the newest first. The caller closes
// it.
func (c Client) Inbox(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, "/inbox")
}

// stream returns the content of a page of the hub, which may take longer than AnswerTimeout. The
// caller closes it.
func (c Client) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	key, err := c.directory.Key()
	if err != nil {
		return nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := (&http.Client{CheckRedirect: noRedirects}).Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNotRunning{request.URL.Host}
	}
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("the hub at %s answers %s: is it the hub of the directory %s, and of this version?", c.URL, response.Status, c.directory.Dir)
	}
	return response.Body, nil
}
