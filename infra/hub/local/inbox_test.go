package local

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/segmentio/analytics-go/v3"

	"commerce-segment/infra/hub/hubtest"
)

// serveInbox starts a server that has only an inbox.
func serveInbox(t *testing.T, in *inbox) *hubtest.Hub {
	if in.batches == nil {
		batches, err := openBatches(t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		in.batches = batches
	}
	in.writeKey, in.bodyReader = func() (string, error) { return hubtest.InboxKey, nil }, newBodyReader()
	mux := http.NewServeMux()
	in.routes(mux, func(handler http.HandlerFunc) http.HandlerFunc { return handler })
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		in.batches.Close()
	})
	return &hubtest.Hub{T: t, URL: server.URL, Stderr: new(hubtest.Log)}
}

// zip returns a text compressed with gzip.
func zip(text string) string {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	io.WriteString(w, text)
	w.Close()
	return zipped.String()
}

// indented returns JSON as the hub prints it.
func indented(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}

func TestTheInboxAcceptsRequestsOfSDKs(t *testing.T) {
	const unusual = `{"type":"track","n":12345678901234567890.10,"html":"<&>","u":"\u00e9", "dup":1,"dup":2}`
	for _, c := range []struct {
		name, path, body string
		header           []string
		want             string // the whole inbox
	}{
		{"a batch is kept byte by byte", "/v1/batch", `{"batch":[` + unusual + `],"sentAt":"x", "more":1}`, nil, `{"batch":[` + unusual + `],"sentAt":"x", "more":1}`},
		{"an import is a batch", "/v1/import", `{"batch":[]}`, nil, `{"batch":[]}`},
		{"the mobile SDKs' short path is a batch", "/v1/b", `{"batch":[{}]}`, nil, `{"batch":[{}]}`},
		{"a zipped batch is unzipped", "/v1/batch", zip(`{"batch":[1]}`), []string{"Content-Encoding", "gzip"}, `{"batch":[1]}`},
		{"a single call is a batch of one message with its path", "/v1/track", unusual, nil, `{"path":"/v1/track","batch":[` + unusual + `]}`},
		{"a browser's short path is a single call", "/v1/i", `{"userId":"u"}`, []string{"Content-Type", "text/plain"}, `{"path":"/v1/i","batch":[{"userId":"u"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := serveInbox(t, &inbox{})
			if status, answer := h.Request("POST", c.path, c.body, c.header...); status != http.StatusOK || answer != "{\"success\":true}\n" {
				t.Fatalf("got %d %s", status, answer)
			}
			if _, got := h.Request("GET", "/inbox", ""); got != indented(t, "["+c.want+"]") {
				t.Errorf("the inbox has\n%s want\n%s", got, indented(t, "["+c.want+"]"))
			}
		})
	}
}

// Only the hub and an SDK with its write key can add to the inbox. Other clients cannot fill
// it, and so cannot push messages out.
func TestTheInboxAcceptsOnlyTheWriteKeyOfTheHub(t *testing.T) {
	basic := func(user string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"))
	}
	h := serveInbox(t, &inbox{fail: 0.5})
	for name, authorization := range map[string]string{
		"no key": "", "a wrong key": basic("guess"), "an empty key": basic(""), "the beginning of the key": basic(hubtest.InboxKey[:5]),
		"the key as a password": "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+hubtest.InboxKey)), "the key as a bearer token": "Bearer " + hubtest.InboxKey,
	} {
		for _, path := range []string{"/v1/batch", "/v1/import", "/v1/b", "/v1/track", "/v1/t"} {
			status, answer := h.Request("POST", path, `{"batch":[]}`, "Authorization", authorization)
			if status != http.StatusUnauthorized || !strings.Contains(answer, "segment/write-key") {
				t.Errorf("%s, to %s: got %d %s", name, path, status, answer)
			}
		}
	}
	if status, _ := h.Request("POST", "/v1/batch", `{"batch":[1]}`); status != http.StatusInternalServerError {
		t.Errorf("the first request with the key got %d, want 500: requests without the key must not use up its failure", status)
	}
	if status, _ := h.Request("POST", "/v1/batch", `{"batch":[1]}`); status != http.StatusOK || len(h.Messages()) != 1 {
		t.Errorf("the second request with the key got %d, and %d messages are kept", status, len(h.Messages()))
	}
}

func TestAnInboxWithoutAWriteKeyRejectsAllRequests(t *testing.T) {
	for name, key := range map[string]func() (string, error){
		"there is no key":       func() (string, error) { return "", nil },
		"it cannot be read now": func() (string, error) { return "", errors.New("no permission") },
	} {
		in := &inbox{}
		h := serveInbox(t, in)
		in.writeKey = key
		if status, _ := h.Request("POST", "/v1/batch", `{"batch":[]}`, "Authorization", "Basic Og=="); status != http.StatusUnauthorized {
			t.Errorf("when %s: got %d", name, status)
		}
	}
}

func TestTheInboxRejectsInvalidRequests(t *testing.T) {
	huge := `{"batch":["` + strings.Repeat("x", maxBatchBytes) + `"]}`
	for _, c := range []struct {
		name, path, body string
		header           []string
		status           int
	}{
		{"text is not JSON", "/v1/batch", "hello", nil, 400},
		{"an empty body is not JSON", "/v1/track", "", nil, 400},
		{"two values are not a batch", "/v1/batch", `{"batch":[]}{}`, nil, 400},
		{"an object without a batch is not a batch", "/v1/batch", `{"event":"x"}`, nil, 400},
		{"a batch must be a list", "/v1/batch", `{"batch":{}}`, nil, 400},
		{"a list is not a message", "/v1/track", `[]`, nil, 400},
		{"a body that is not gzip as its header says", "/v1/batch", `{"batch":[]}`, []string{"Content-Encoding", "gzip"}, 400},
		{"an unsupported encoding", "/v1/batch", `{"batch":[]}`, []string{"Content-Encoding", "br"}, 415},
		{"a body over the limit", "/v1/batch", huge, nil, 413},
		{"a small body that is over the limit when unzipped", "/v1/batch", zip(huge), []string{"Content-Encoding", "gzip"}, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := serveInbox(t, &inbox{})
			status, answer := h.Request("POST", c.path, c.body, c.header...)
			if status != c.status || !strings.HasPrefix(answer, `{"success":false,"message":"`) {
				t.Errorf("got %d %s want %d", status, answer, c.status)
			}
			if _, got := h.Request("GET", "/inbox", ""); got != "[]\n" {
				t.Errorf("the inbox has %s", got)
			}
		})
	}
}

// The client of this project also sends its messages with analytics-go.
func TestTheInboxAcceptsMessagesOfAnalyticsGo(t *testing.T) {
	h := serveInbox(t, &inbox{})
	results := make(chan error, 2)
	client, err := analytics.NewWithConfig(hubtest.InboxKey, analytics.Config{Endpoint: h.URL, BatchSize: 2, Callback: callback(results)})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"One", "Two"} {
		if err := client.Enqueue(analytics.Track{Event: event, UserId: "u"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("analytics-go reports %v", err)
		}
	}
	if got := fmt.Sprintf("%s", h.AwaitMessages(2)); !strings.Contains(got, `"event":"One"`) || !strings.Contains(got, `"event":"Two"`) {
		t.Errorf("the inbox has %s", got)
	}
}

// callback sends the result of each message to a channel.
type callback chan error

func (c callback) Success(analytics.Message)            { c <- nil }
func (c callback) Failure(_ analytics.Message, e error) { c <- e }

func TestTheInboxListsTheNewestBatchFirstAndCanBeEmptied(t *testing.T) {
	h := serveInbox(t, &inbox{})
	for n := range 3 {
		h.Request("POST", "/v1/batch", fmt.Sprintf(`{"batch":[%d]}`, n))
	}
	if _, got := h.Request("GET", "/inbox", ""); got != indented(t, `[{"batch":[2]},{"batch":[1]},{"batch":[0]}]`) {
		t.Errorf("the inbox has %s", got)
	}
	if status, _ := h.Request("DELETE", "/inbox", ""); status != http.StatusNoContent {
		t.Errorf("emptying it: got %d", status)
	}
	if _, got := h.Request("GET", "/inbox", ""); got != "[]\n" {
		t.Errorf("after emptying it has %s", got)
	}
}

func TestTheInboxListsOnlyTheBatchesAfterANumber(t *testing.T) {
	h := serveInbox(t, &inbox{})
	for n := range 3 {
		h.Request("POST", "/v1/batch", fmt.Sprintf(`{"batch":[%d]}`, n))
	}
	for after, want := range map[string]string{"0": `[{"batch":[2]},{"batch":[1]},{"batch":[0]}]`, "2": `[{"batch":[2]}]`} {
		if _, got := h.Request("GET", "/inbox?after="+after, ""); got != indented(t, want) {
			t.Errorf("after %s it has %s", after, got)
		}
	}
	for _, after := range []string{"3", "9"} {
		if _, got := h.Request("GET", "/inbox?after="+after, ""); got != "[]\n" {
			t.Errorf("after %s it has %s", after, got)
		}
	}
	if status, _ := h.Request("GET", "/inbox?after=x", ""); status != http.StatusBadRequest {
		t.Errorf("after a word: got %d", status)
	}
}

// A failed write must not be answered with 200: the client sends the batch again.
func TestTheInboxAnswers500IfItCannotWriteToTheDisk(t *testing.T) {
	in := &inbox{}
	h := serveInbox(t, in)
	in.batches.Close()
	if status, answer := h.Request("POST", "/v1/batch", `{"batch":[1]}`); status != http.StatusInternalServerError || !strings.Contains(answer, "cannot write to the disk") {
		t.Errorf("got %d %s", status, answer)
	}
}

func TestTheInboxFailsTheGivenShareOfRequests(t *testing.T) {
	for _, c := range []struct {
		name   string
		share  float64
		failed string // x for each request that fails
	}{
		{"never", 0, "............"},
		{"every third time", 1.0 / 3, "x..x..x..x.."},
		{"every second time", 0.5, "x.x.x.x.x.x."},
		{"most of the time", 0.75, "xxx.xxx.xxx."},
		{"always", 1, "xxxxxxxxxxxx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := serveInbox(t, &inbox{fail: c.share})
			failed := ""
			for range c.failed {
				status, _ := h.Request("POST", "/v1/batch", `{"batch":[1]}`)
				failed += map[int]string{http.StatusInternalServerError: "x", http.StatusOK: "."}[status]
			}
			if failed != c.failed {
				t.Errorf("failed requests: %s want %s", failed, c.failed)
			}
			if kept := len(h.Messages()); kept != strings.Count(failed, ".") {
				t.Errorf("%d messages of %s are kept, want those of the requests that did not fail", kept, failed)
			}
		})
	}
}

// Otherwise a page of another site could read the inbox of its visitors, if the name of the site
// resolves to 127.0.0.1. A tunnel through which Commerce reaches a developer's hub would make
// the inbox public.
func TestTheInboxAnswersOnlyToLocalNames(t *testing.T) {
	h := serveInbox(t, &inbox{host: "devbox"})
	for _, c := range []struct {
		host   string
		status int
	}{
		{"127.0.0.1:8080", 200}, {"localhost:8080", 200}, {"LOCALHOST", 200}, {"[::1]:8080", 200}, {"192.168.1.7:8080", 200},
		{"rebound.example:8080", 403}, {"abc.tunnel.example", 403}, {"localhost.example", 403}, {"127.0.0.1.example", 403},
	} {
		t.Run(c.host, func(t *testing.T) {
			if status, _ := h.Request("GET", "/inbox", "", "Host", c.host); status != c.status {
				t.Errorf("got %d, want %d", status, c.status)
			}
		})
	}
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"} { // a tunnel can be set to send Host: localhost
		if status, _ := h.Request("GET", "/inbox", "", "Host", "localhost:8080", header, "203.0.113.9"); status != http.StatusForbidden {
			t.Errorf("through a tunnel with the header %s: got %d", header, status)
		}
	}
	if status, _ := h.Request("DELETE", "/inbox", "", "Host", "rebound.example"); status != http.StatusForbidden {
		t.Errorf("emptying it with another host name: got %d", status)
	}
	for host, want := range map[string]int{"hub.example": 403, "rebound.example:8080": 403, "localhost:8080": 200, "192.168.1.7:8080": 200, "Devbox:8080": 200} {
		if status, _ := h.Request("POST", "/v1/batch", `{"batch":[]}`, "Host", host); status != want {
			t.Errorf("an SDK with the host name %s: got %d, want %d", host, status, want)
		}
	}
}
