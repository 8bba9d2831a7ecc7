// Package hubtest runs a hub for tests, and sends it requests as Commerce, an SDK and an
// operator do.
package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/serve"
)

// Logger receives the log of a hub. A failing test prints its String.
type Logger interface {
	io.Writer
	fmt.Stringer
}

// Hub is a hub that a test has started.
type Hub struct {
	T        *testing.T
	URL, Dir string
	Stdout   *Log
	Stderr   Logger
	changed  time.Time // when the last setting was written
	// Stop stops the hub, waits for its end and returns its exit code.
	Stop func() int
}

// AddrFlag returns the flag with which a command finds the hub.
func (h *Hub) AddrFlag() string { return "--addr=" + strings.TrimPrefix(h.URL, "http://") }

// In returns the same hub for a subtest.
func (h *Hub) In(t *testing.T) *Hub {
	same := *h
	same.T = t
	return &same
}

var listening = regexp.MustCompile(`Listening on (http://\S+)[\s\S]+\ncurl .*http://\S+/inbox\n`)

// logged matches the start message of a hub whose log is JSON.
var logged = regexp.MustCompile(`"msg":"listening","url":"(http://[^"]+)"`)

// AwaitURL waits until a hub has printed or logged its start messages, and returns its URL.
func AwaitURL(t *testing.T, stdout, stderr fmt.Stringer) string {
	t.Helper()
	var url string
	Eventually(t, "the hub prints where it listens", func() bool {
		match := listening.FindStringSubmatch(stdout.String())
		if match == nil {
			match = logged.FindStringSubmatch(stderr.String())
		}
		if match != nil {
			url = match[1]
		}
		return match != nil
	}, stdout, stderr)
	return url
}

// Parameter returns the content of a file in the hub's directory.
func (h *Hub) Parameter(name string) string {
	h.T.Helper()
	content, err := os.ReadFile(filepath.Join(h.Dir, name))
	if err != nil {
		h.T.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// ParameterOr returns what Parameter returns, or a default if there is no such file.
func (h *Hub) ParameterOr(name, otherwise string) string {
	h.T.Helper()
	if _, err := os.Stat(filepath.Join(h.Dir, name)); err != nil {
		return otherwise
	}
	return h.Parameter(name)
}

// inEffectWithin is the time after which a file that is written to the directory is in effect.
const inEffectWithin = time.Second

// Set writes a file in the hub's directory. The next request waits until it is in effect.
func (h *Hub) Set(name, value string) {
	h.T.Helper()
	WriteFile(h.T, filepath.Join(h.Dir, name), value)
	h.changed = time.Now()
}

// AwaitSettings waits until the settings that were written are in effect.
func (h *Hub) AwaitSettings() { time.Sleep(time.Until(h.changed.Add(inEffectWithin))) }

// Request sends a request to the hub, with the console key, or for the inbox with the write
// key. It returns the status and the body of the answer.
func (h *Hub) Request(method, path, body string, header ...string) (int, string) {
	h.T.Helper()
	h.AwaitSettings()
	request, err := http.NewRequestWithContext(h.T.Context(), method, h.URL+path, strings.NewReader(body))
	if err != nil {
		h.T.Fatal(err)
	}
	switch toInbox := strings.HasPrefix(path, "/v1/"); {
	case toInbox && h.Dir != "":
		request.SetBasicAuth(h.Parameter("segment/write-key"), "")
	case toInbox:
		request.SetBasicAuth(InboxKey, "")
	case h.Dir != "":
		request.Header.Set("Authorization", "Bearer "+h.Parameter("console-key"))
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.T.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		h.T.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// Webhook posts a webhook with the hub's secret. The test fails unless it is accepted.
func (h *Hub) Webhook(name, body string) {
	h.T.Helper()
	status, answer := h.Request("POST", "/webhooks/"+name, body, serve.KeyHeader, h.Parameter("commerce/webhook-secret"))
	if status != http.StatusAccepted {
		h.T.Fatalf("the webhook was answered %d %s", status, answer)
	}
}

// Messages returns every message in the inbox, the newest batch first, without indentation.
func (h *Hub) Messages() []json.RawMessage {
	h.T.Helper()
	_, content := h.Request("GET", "/inbox", "")
	var bodies []struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal([]byte(content), &bodies); err != nil {
		h.T.Fatalf("the inbox is not JSON: %v\n%s", err, content)
	}
	var messages []json.RawMessage
	for _, body := range bodies {
		for _, message := range body.Batch {
			messages = append(messages, Compact(h.T, message))
		}
	}
	return messages
}

// AwaitMessages waits until the inbox holds that number of messages, and returns them.
func (h *Hub) AwaitMessages(count int) []json.RawMessage {
	h.T.Helper()
	var messages []json.RawMessage
	Eventually(h.T, fmt.Sprintf("the inbox holds %d messages", count), func() bool {
		messages = h.Messages()
		return len(messages) >= count
	}, h.Stderr)
	if len(messages) != count {
		h.T.Fatalf("the inbox holds %d messages, want %d: %s", len(messages), count, messages)
	}
	return messages
}

// InboxKey is the write key of an inbox that runs without a hub's directory.
const InboxKey = "an-inbox-key"

// Start starts a hub with its settings in a directory, and waits until it listens. run must
// run the hub until the context is done, and return its exit code.
func Start(t *testing.T, dir string, run func(ctx context.Context, stdout, stderr io.Writer) int) *Hub {
	t.Helper()
	h := &Hub{T: t, Dir: dir, Stdout: new(Log), Stderr: new(Log)}
	ctx, cancel := context.WithCancel(context.Background())
	exited := make(chan int, 1)
	go func() { exited <- run(ctx, h.Stdout, h.Stderr) }()
	h.Stop = sync.OnceValue(func() int {
		cancel()
		return <-exited
	})
	t.Cleanup(func() { h.Stop() })
	h.URL = AwaitURL(t, h.Stdout, h.Stderr)
	return h
}
