package local

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/store"
)

// The hub of the directory can listen at another address than the default.
func TestTheExecutionsOfAHubAtAnotherAddressAreNotRead(t *testing.T) {
	dir := t.TempDir()
	directory, err := store.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	running, err := disk.Open(directory.File(store.ExecutionsFolder), disk.Limits{Age: time.Hour, Bytes: 1 << 20}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	slog.New(running.Handler()).Info("accept", "tracking", "order-completed", "received", time.Now(), "outcome", "accepted")
	if _, err := running.Find(t.Context(), executions.Query{}, executions.Page{Rows: 1}); err != nil { // creates the first file
		t.Fatal(err)
	}
	client, err := NewClient("127.0.0.1:1", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := client.Executions(t.Context()); err == nil || !strings.Contains(err.Error(), "but not at http://127.0.0.1:1: name its address with --addr") {
		t.Errorf("it says %v", err)
	}
}

func TestNewMessagesAreThoseAboutTheResource(t *testing.T) {
	h := serveInbox(t, &inbox{})
	client := Client{http: http.DefaultClient, URL: h.URL}
	for _, body := range []string{`{"batch":["old o-1"]}`, `{"batch":["o-2","new o-1"]}`, `{"batch":["o-3"]}`} {
		h.Request("POST", "/v1/batch", body)
	}
	got, err := client.newMessages(t.Context(), 1, "o-1")
	if err != nil || fmt.Sprintf("%s", got) != `["new o-1"]` {
		t.Errorf("got %s, %v", got, err)
	}
}
