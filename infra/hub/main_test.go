package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/serve"
)

// patience is how long a test waits for what should take milliseconds.
const patience = 20 * time.Second

// result is what one command line came to.
type result struct {
	code           int
	stdout, stderr string
}

// command runs one command line to its end.
func command(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// buffer is a bytes.Buffer that a hub writes while a test reads.
type buffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

// logBook is what a hub logs to, and what a test that fails shows of it.
type logBook interface {
	io.Writer
	fmt.Stringer
}

// running is a hub that a test has started.
type running struct {
	t        *testing.T
	url, dir string
	stdout   *buffer
	stderr   logBook
	changed  time.Time // when a setting was written last
	// stop asks it to stop, and returns its exit code once it has.
	stop func() int
}

// start runs a hub on a free port, in a directory of its own.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), ".hub"), args...)
}

// startIn is start in a given directory.
func startIn(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	h := &running{t: t, dir: dir, stdout: new(buffer), stderr: new(buffer)}
	args = append([]string{"run", "--addr", "127.0.0.1:0", "--dir", h.dir}, args...)
	ctx, cancel := context.WithCancel(context.Background())
	exited := make(chan int, 1)
	go func() { exited <- run(ctx, args, strings.NewReader(""), h.stdout, h.stderr) }()
	h.stop = sync.OnceValue(func() int {
		cancel()
		return <-exited
	})
	t.Cleanup(func() { h.stop() })
	h.url = awaitURL(t, h.stdout, h.stderr)
	return h
}

// in is the hub as a subtest sees it.
func (h *running) in(t *testing.T) *running {
	seen := *h
	seen.t = t
	return &seen
}

var listening = regexp.MustCompile(`Listening on (http://\S+)[\s\S]+\ncurl .*http://\S+/inbox\n`)

// awaitURL waits until a hub has said all that it says on start.
func awaitURL(t *testing.T, stdout, stderr fmt.Stringer) string {
	t.Helper()
	var url string
	eventually(t, "the hub says where it listens", func() bool {
		match := listening.FindStringSubmatch(stdout.String())
		if match != nil {
			url = match[1]
		}
		return match != nil
	}, stdout, stderr)
	return url
}

// eventually waits for a condition. What is given besides is shown if it never holds.
func eventually(t *testing.T, what string, holds func() bool, besides ...fmt.Stringer) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, shown := range besides {
				t.Logf("%s", shown)
			}
			t.Fatalf("still not so after %v: %s", patience, what)
		}
	}
}

// parameter reads a file of the hub's directory.
func (h *running) parameter(name string) string {
	h.t.Helper()
	content, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// parameterOr is parameter, with a default where there is no such file.
func (h *running) parameterOr(name, otherwise string) string {
	h.t.Helper()
	if _, err := os.Stat(filepath.Join(h.dir, name)); err != nil {
		return otherwise
	}
	return h.parameter(name)
}

// inEffectWithin is how long it takes until what is written to the directory is in effect.
const inEffectWithin = time.Second

// set writes a file of the hub's directory. The next request waits until it is in effect.
func (h *running) set(name, value string) {
	h.t.Helper()
	put(h.t, filepath.Join(h.dir, name), value)
	h.changed = time.Now()
}

// awaitSettings waits until what was set is in effect.
func (h *running) awaitSettings() { time.Sleep(time.Until(h.changed.Add(inEffectWithin))) }

func put(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// request sends a request to the hub, with its key or its write key, and returns the answer.
func (h *running) request(method, path, body string, header ...string) (int, string) {
	h.t.Helper()
	h.awaitSettings()
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	switch toInbox := strings.HasPrefix(path, "/v1/"); {
	case toInbox && h.dir != "":
		request.SetBasicAuth(h.parameter("segment/write-key"), "")
	case toInbox:
		request.SetBasicAuth(inboxKey, "")
	case h.dir != "":
		request.Header.Set("Authorization", "Bearer "+h.parameter("console-key"))
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// webhook posts a webhook with the hub's secret, and wants it accepted.
func (h *running) webhook(name, body string) {
	h.t.Helper()
	status, answer := h.request("POST", "/webhooks/"+name, body, serve.KeyHeader, h.parameter("commerce/webhook-secret"))
	if status != http.StatusAccepted {
		h.t.Fatalf("the webhook was answered %d %s", status, answer)
	}
}

// messages is every message in the inbox, newest batch first, without indentation.
func (h *running) messages() []json.RawMessage {
	h.t.Helper()
	_, content := h.request("GET", "/inbox", "")
	var bodies []struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal([]byte(content), &bodies); err != nil {
		h.t.Fatalf("the inbox is not JSON: %v\n%s", err, content)
	}
	var messages []json.RawMessage
	for _, body := range bodies {
		for _, message := range body.Batch {
			messages = append(messages, compact(h.t, message))
		}
	}
	return messages
}

// awaitMessages waits until the inbox holds that many messages.
func (h *running) awaitMessages(count int) []json.RawMessage {
	h.t.Helper()
	var messages []json.RawMessage
	eventually(h.t, fmt.Sprintf("the inbox holds %d messages", count), func() bool {
		messages = h.messages()
		return len(messages) >= count
	}, h.stderr)
	if len(messages) != count {
		h.t.Fatalf("the inbox holds %d messages, want %d: %s", len(messages), count, messages)
	}
	return messages
}

// order is a webhook about an order, in the form that Commerce sends today.
func order(event, id string) string {
	return fmt.Sprintf(`{"id":"w-%s","triggered_by":%q,"attempt":1,"payload":{"data":{"type":"order","id":%[1]q,`+
		`"meta":{"display_price":{"with_tax":{"amount":10000,"currency":"GBP"}},`+
		`"timestamps":{"created_at":"2026-11-01T10:00:00Z","updated_at":"2026-11-02T10:00:00Z"}}},"included":{"items":[]}}}`, id, event)
}

// simple is a template that needs little of an order.
const simple = `{"event": "Order Completed", "userId": payload.data.id, "properties": {"order_id": payload.data.id}}`

// built is the program as people run it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hub-test-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "hub")
	output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	os.Unsetenv("ADDR") // what the developer has set is not what the tests mean
	code := m.Run()
	if binary, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

func TestTheCommandLineHelpsWhoIsNew(t *testing.T) {
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // a part of it
	}{
		{"without arguments it lists the commands", nil, exitFailed, "", "\n  preview     Show what Segment would be told"},
		{"a mistyped command gets a suggestion", []string{"rnu"}, exitFailed, "", `unknown command "rnu" for "hub": did you mean run?`},
		{"an unknown flag gets the usage", []string{"run", "--port", "1"}, exitFailed, "", "unknown flag: --port\nUsage: hub run"},
		{"a missing argument gets the usage", []string{"preview", "order-completed"}, exitFailed, "", "received 1\nUsage: hub preview NAME WEBHOOK|-"},
		{"a missing --file gets the usage", []string{"eval"}, exitFailed, "", "name the template with --file\nUsage: hub eval"},
		{"the version is known", []string{"--version"}, exitDone, "hub version ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := command(t, "", c.args...)
			if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
				t.Errorf("code %d, stdout %q, stderr %q, want %d and in them %q and %q",
					got.code, got.stdout, got.stderr, c.code, c.stdout, c.stderr)
			}
			if c.code != exitDone && got.stdout != "" {
				t.Errorf("an error left %q on stdout, where a program would read it", got.stdout)
			}
		})
	}
}
