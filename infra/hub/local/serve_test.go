package local

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
)

// openHere opens a hub on free ports, with an address for webhooks alone, and returns it with
// its listeners.
func openHere(t *testing.T) (*hub, listeners, *hubtest.Log) {
	t.Helper()
	log := new(hubtest.Log)
	options := Options{Addr: "127.0.0.1:0", WebhooksAddr: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), ".hub"), Backoff: time.Minute, Keep: 24 * time.Hour}
	l, err := listenAll(t.Context(), options, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	h, err := open(t.Context(), options, l, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h, l, log
}

// serveHere serves a hub until the test ends, and returns it for requests at both addresses.
func serveHere(t *testing.T) (h *hub, all, webhooks *hubtest.Hub) {
	t.Helper()
	h, l, log := openHere(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	at := func(url string) *hubtest.Hub {
		return &hubtest.Hub{T: t, URL: url, Dir: string(h.directory.Dir), Stderr: log}
	}
	return h, at(h.url), at(h.elsewhere)
}

func TestTheAddressForWebhooksHasNothingElse(t *testing.T) {
	_, all, webhooks := serveHere(t)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/healthz", 200}, {"GET", "/readyz", 200},
		{"GET", "/", 404}, {"GET", "/inbox", 404}, {"DELETE", "/inbox", 404}, {"GET", "/metrics", 404}, {"POST", "/v1/batch", 404},
		{"GET", "/connections", 404}, {"POST", "/link", 404}, {"GET", "/static/console.css", 404}, {"GET", "/s/x/", 404},
	} {
		if status, _ := webhooks.Request(c.method, c.path, ""); status != c.status {
			t.Errorf("%s %s is answered %d, want %d", c.method, c.path, status, c.status)
		}
	}
	if status, _ := webhooks.Request("POST", "/webhooks/order-completed", "{}", serve.KeyHeader, "wrong"); status != http.StatusUnauthorized {
		t.Errorf("a forged webhook is answered %d", status)
	}
	webhooks.Webhook("order-completed", hubtest.Order("order.paid", "one"))
	all.Webhook("order-completed", hubtest.Order("order.paid", "two"))
	all.AwaitMessages(2)
}

// A listener that fails must not take the events with it that are being delivered.
func TestAHubWhoseListenerFailsFirstCompletesItsDeliveries(t *testing.T) {
	h, l, log := openHere(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	segment := hubtest.StartSegment(t)
	segment.Before = func(*http.Request, int) int {
		close(arrived)
		<-answer
		return http.StatusOK
	}
	at := &hubtest.Hub{T: t, URL: h.url, Dir: string(h.directory.Dir), Stderr: log}
	served := make(chan error, 1)
	go func() { served <- h.serve(t.Context(), l) }()
	at.Set("segment/host", segment.URL)
	at.Webhook("order-completed", hubtest.Order("order.paid", "slow"))
	<-arrived
	l.webhooks.Close()
	hubtest.Eventually(t, "webhooks are not accepted any more", h.webhooks.stopping, log)
	select {
	case err := <-served:
		t.Errorf("it returns %v during a delivery", err)
	default:
	}
	close(answer)
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("it returns %v", err)
	}
	if status := h.webhooks.status(); status.Waiting != 0 || !strings.Contains(log.String(), "outcome=delivered") {
		t.Errorf("the delivery was not completed: %+v\n%s", status, log)
	}
}

func TestReadyzSaysWhyTheHubTakesNoWebhooks(t *testing.T) {
	h, all, webhooks := serveHere(t)
	h.queues.Close()
	for _, each := range []*hubtest.Hub{all, webhooks} {
		hubtest.Eventually(t, "it is not ready", func() bool {
			status, answer := each.Request("GET", "/readyz", "")
			return status == http.StatusServiceUnavailable && strings.Contains(answer, "events cannot be written to the disk")
		}, each.Stderr)
	}
	h.webhooks.stop()
	if status, answer := webhooks.Request("GET", "/readyz", ""); status != http.StatusServiceUnavailable || answer != "the hub is stopping\n" {
		t.Errorf("while it stops it answers %d %q", status, answer)
	}
	h.webhooks.open.Unlock()
	if status, _ := webhooks.Request("GET", "/healthz", ""); status != http.StatusOK {
		t.Errorf("it is not alive: %d", status)
	}
}
