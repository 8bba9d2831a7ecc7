package local

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
)

// head returns the header of a request, and the first byte of its body.
func head(path, key string, length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s: %s\r\nContent-Length: %d\r\n\r\n{", path, serve.KeyHeader, key, length)
}

func TestSlowUnauthenticatedRequestsDoNotDelayWebhooks(t *testing.T) {
	for _, c := range []struct {
		name, text string
		many       int
	}{
		{"seven requests of ten megabytes without a key", head("/webhooks/order-completed", "", maxWebhookBytes), 7},
		{"many short requests with a wrong key", head("/webhooks/order-completed", "guess", 100), 200},
		{"many requests without a length and without a key", "POST /webhooks/order-completed HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 100},
		{"many requests to the inbox without its key", strings.Replace(head("/v1/batch", "", maxBatchBytes), serve.KeyHeader, "X-Other", 1), 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startHere(t)
			held := h.HoldConnections(c.many, c.text)
			h.WantAccepted("genuine")
			for _, conn := range held {
				if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") {
					t.Fatalf("a request without the key got %q, %v, want 401 before its body has arrived", answer, err)
				}
			}
		})
	}
}

// Clients with the key may be slow too, on half of all connections.
func TestSlowWebhooksDoNotDelayOtherWebhooks(t *testing.T) {
	h := startHere(t)
	h.HoldConnections(maxConnections/2, head("/webhooks/order-completed", h.Parameter("commerce/webhook-secret"), maxWebhookBytes))
	h.WantAccepted("genuine")
}

// Requests with a wrong key do not make the log grow, and do not push a genuine event out of
// the list of executions.
func TestManyForgedWebhooksDoNotDisplaceGenuineOnes(t *testing.T) {
	h := startHere(t)
	h.WantAccepted("genuine")
	h.AwaitMessages(1)
	before := strings.Count(h.Stderr.String(), "\n")
	for n := range 500 {
		path := "/webhooks/order-completed"
		if n%2 == 0 {
			path = "/webhooks/order-updated?a;b" // which net/http logs unless that is prevented
		}
		if status, _ := h.Request("POST", path, "{}", serve.KeyHeader, "guess"); status != http.StatusUnauthorized {
			t.Fatalf("a forged webhook got %d", status)
		}
	}
	if grown := strings.Count(h.Stderr.String(), "\n") - before; grown > 10 {
		t.Errorf("the log grew by %d lines:\n%s", grown, h.Stderr)
	}
	_, lines := h.Request("GET", "/executions/page?rows=10", "")
	if !strings.Contains(lines, `"outcome":"accepted"`) || !strings.Contains(lines, `"reason":"forged"`) {
		t.Errorf("the lines are\n%s\nwant the genuine event and a forged one", lines)
	}
}

// Requests with the host name of a tunnel are accepted if they have the secret. If no secret
// is set, a page of another site, with a name that resolves to this machine, could post.
func TestWebhooksToAnotherHostNameNeedTheSecret(t *testing.T) {
	h := startHere(t)
	secret := h.Parameter("commerce/webhook-secret")
	post := func(host, key string, header ...string) (int, string) {
		return h.Request("POST", "/webhooks/order-completed", hubtest.Order("order.paid", "o"), append(header, "Host", host, serve.KeyHeader, key)...)
	}
	if status, answer := post("abc.tunnel.example", secret, "X-Forwarded-For", "203.0.113.9"); status != http.StatusAccepted {
		t.Errorf("through a tunnel, with the secret: got %d %s", status, answer)
	}
	if status, answer := post("rebound.example", "guess"); status != http.StatusUnauthorized {
		t.Errorf("another host name, with a wrong secret: got %d %s", status, answer)
	}
	h.Set("commerce/webhook-secret", "")
	if status, answer := post("rebound.example", "guess"); status != http.StatusForbidden || !strings.Contains(answer, "hub configure") {
		t.Errorf("another host name, while no secret is set: got %d %s", status, answer)
	}
	if status, answer := post("localhost", "guess", "X-Forwarded-For", "203.0.113.9"); status != http.StatusForbidden {
		t.Errorf("through a tunnel, while no secret is set: got %d %s", status, answer)
	}
	if status, answer := post("127.0.0.1:8080", "later"); status != http.StatusAccepted {
		t.Errorf("the hub's own address, while no secret is set: got %d %s", status, answer)
	}
	h.Set("tracking/order-completed/enabled", "maybe")
	if status, answer := post("abc.tunnel.example", secret); status != http.StatusAccepted {
		t.Errorf("while the settings cannot be read: got %d %s, want the event to be queued", status, answer)
	}
}

// startHere runs a hub on a free port, in a new directory.
func startHere(t *testing.T) *hubtest.Hub {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".hub")
	return hubtest.Start(t, dir, func(ctx context.Context, stdout, stderr io.Writer) int {
		if err := Run(ctx, Options{Addr: "127.0.0.1:0", Dir: dir, Backoff: time.Minute, Log: "text", Keep: 24 * time.Hour}, stdout, stderr); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		return 0
	})
}
