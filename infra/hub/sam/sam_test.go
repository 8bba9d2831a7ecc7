package sam

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

const (
	secret   = "the-secret-of-the-webhooks"
	writeKey = "inbox_0123456789abcdef0123456789abcdef"
)

// fakeHub is a hub that takes batches with the write key, and keeps their paths.
func fakeHub(t *testing.T) (url string, paths chan string) {
	paths = make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, _, _ := r.BasicAuth(); key != writeKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		paths <- r.Method + " " + r.URL.Path
		io.WriteString(w, `{"success":true}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, paths
}

// openInbox opens an inbox with a fake docker, and returns its URL on this machine and what it
// shows.
func openInbox(t *testing.T, hub string) (url string, shown chan []json.RawMessage) {
	t.Helper()
	hubtest.FakePrograms(t, map[string]string{"docker": hubtest.FakeDocker})
	shown = make(chan []json.RawMessage, 100)
	in, err := OpenInbox(t.Context(), "0", hub, func(messages []json.RawMessage) { shown <- messages })
	if err != nil {
		t.Fatal(err)
	}
	go in.Serve(t.Context())
	return strings.Replace(in.URL(), hostName, "127.0.0.1", 1), shown
}

// read returns the content of a file that WriteFiles wrote.
func read(t *testing.T, folder, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestTheFunctionsHandleTheEventsWithTheVariablesOfEnvJSON(t *testing.T) {
	hub, paths := fakeHub(t)
	inbox, shown := openInbox(t, hub)
	folder := t.TempDir()
	values := map[string]string{
		settings.WebhookSecret: secret, settings.SegmentWriteKey: writeKey, settings.SegmentPath: "/of-another-host",
		settings.SegmentAPIToken: "PLANTED-token",
	}
	for _, tracked := range tracking.All() {
		values[settings.Enabled(tracked)] = "true"
	}
	if _, err := WriteFiles(folder, values, secret, time.Now()); err != nil {
		t.Fatal(err)
	}
	var env struct{ Parameters map[string]string }
	if err := json.Unmarshal(read(t, folder, "env.json"), &env); err != nil {
		t.Fatal(err)
	}
	for _, empty := range []string{serve.VariablePrefix, serve.VariableQueue, serve.VariableWaiting, serve.VariableDeadLetters} {
		if value, set := env.Parameters[empty]; value != "" || !set {
			t.Errorf("%s is %q, %v, want an empty variable", empty, value, set)
		}
	}
	if strings.Contains(env.Parameters[settings.Variable], "PLANTED-token") {
		t.Error("env.json has the token that can delete users, although messages go to the inbox")
	}
	t.Setenv(settings.Variable, strings.Replace(env.Parameters[settings.Variable], urlAt(Port), inbox, 1))

	for _, tracked := range tracking.All() {
		function := serve.NewFunction(tracked, &settings.Cache{Tracking: tracked, Source: settings.Env{}}, nil, slog.New(slog.DiscardHandler))
		answers := map[string]string{"http": `"statusCode":202`, "sqs": `{"batchItemFailures":[]}`}
		if tracked.Call == tracking.Delete { // it has no token
			answers = map[string]string{"http": `"statusCode":503`, "sqs": `{"batchItemFailures":[{"itemIdentifier":"1"}]}`}
		}
		for kind, want := range answers {
			t.Run(tracked.Name+"."+kind, func(t *testing.T) {
				answer, err := function.Invoke(t.Context(), read(t, folder, "events/"+tracked.Name+"."+kind+".json"))
				if err != nil || !strings.Contains(string(answer), want) {
					t.Fatalf("the function answers %s, %v, want %s", answer, err, want)
				}
				if tracked.Call == tracking.Delete {
					return
				}
				if path := <-paths; path != "POST /v1/batch" {
					t.Errorf("the hub got %s", path)
				}
				if messages := <-shown; len(messages) == 0 {
					t.Error("no message is shown")
				}
			})
		}
	}
	if len(paths)+len(shown) > 0 {
		t.Errorf("the hub got %d more batches, and %d more are shown", len(paths), len(shown))
	}
}

func TestTheInboxAnswersAsTheHubDoes(t *testing.T) {
	hub, _ := fakeHub(t)
	url, shown := openInbox(t, hub)
	stopped := httptest.NewServer(http.NotFoundHandler())
	stopped.Close()
	withoutHub, _ := openInbox(t, stopped.URL)
	for _, c := range []struct {
		name, method, url, body string
		want                    int
	}{
		{"another write key", "POST", url + "/v1/batch", `{"batch":[]}`, http.StatusUnauthorized},
		{"another path", "GET", url + "/inbox", "", http.StatusNotFound},
		{"a batch larger than Segment's limit", "POST", url + "/v1/batch", strings.Repeat("x", maxBatch+1), http.StatusRequestEntityTooLarge},
		{"a hub that was stopped", "POST", withoutHub + "/v1/batch", `{"batch":[]}`, http.StatusBadGateway},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != c.want || len(shown) > 0 {
				t.Errorf("it answers %s and shows %d batches, want %d and none", response.Status, len(shown), c.want)
			}
		})
	}
}
