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

// head is a request's header, and the first byte of its body.
func head(path, key string, announces int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s: %s\r\nContent-Length: %d\r\n\r\n{", path, serve.KeyHeader, key, announces)
}

func TestStrangersWhoSendSlowlyHoldUpNoWebhook(t *testing.T) {
	for _, c := range []struct {
		name, text string
		many       int
	}{
		{"seven that announce ten megabytes without a key", head("/webhooks/order-completed", "", webhookTakes), 7},
		{"many that announce little, with a wrong key", head("/webhooks/order-completed", "guess", 100), 200},
		{"many that announce no length, with a wrong key", "POST /webhooks/order-completed HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 100},
		{"many to the inbox, without its key", strings.Replace(head("/v1/batch", "", inboxTakes), serve.KeyHeader, "X-Other", 1), 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startHere(t)
			held := h.HoldConnections(c.many, c.text)
			h.WantAccepted("genuine")
			for _, conn := range held {
				if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") {
					t.Fatalf("a stranger is answered %q, %v, want a 401 before the body is there", answer, err)
				}
			}
		})
	}
}

// Who has the key may be slow too, with as many bodies as all connections hold.
func TestSlowWebhooksHoldUpNoOtherWebhook(t *testing.T) {
	h := startHere(t)
	h.HoldConnections(maxConnections/2, head("/webhooks/order-completed", h.Parameter("commerce/webhook-secret"), webhookTakes))
	h.WantAccepted("genuine")
}

// Requests with a wrong key do not make the log grow, and push no genuine event out of it.
func TestAFloodOfForgedWebhooksDisplacesNothing(t *testing.T) {
	h := startHere(t)
	h.WantAccepted("genuine")
	h.AwaitMessages(1)
	before := strings.Count(h.Stderr.String(), "\n")
	for n := range 500 {
		path := "/webhooks/order-completed"
		if n%2 == 0 {
			path = "/webhooks/order-updated?a;b" // which net/http logs by itself
		}
		if status, _ := h.Request("POST", path, "{}", serve.KeyHeader, "guess"); status != http.StatusUnauthorized {
			t.Fatalf("a forged webhook is answered %d", status)
		}
	}
	if grown := strings.Count(h.Stderr.String(), "\n") - before; grown > 10 {
		t.Errorf("the log has grown by %d lines:\n%s", grown, h.Stderr)
	}
	_, lines := h.Request("GET", "/executions/lines", "")
	if !strings.Contains(lines, `"outcome":"accepted"`) || !strings.Contains(lines, `"outcome":"forged"`) {
		t.Errorf("the hub knows\n%s\nwant the genuine event, and one forged", lines)
	}
}

// A tunnel's name is taken with the secret, which proves the request. Where none is set, a
// page elsewhere on the web, whose name resolves to this machine, could post.
func TestWebhooksByAnotherNameNeedTheSecret(t *testing.T) {
	h := startHere(t)
	secret := h.Parameter("commerce/webhook-secret")
	post := func(host, key string, header ...string) (int, string) {
		return h.Request("POST", "/webhooks/order-completed", hubtest.Order("order.paid", "o"), append(header, "Host", host, serve.KeyHeader, key)...)
	}
	if status, answer := post("abc.tunnel.example", secret, "X-Forwarded-For", "203.0.113.9"); status != http.StatusAccepted {
		t.Errorf("through a tunnel, with the secret, it was answered %d %s", status, answer)
	}
	if status, answer := post("rebound.example", "guess"); status != http.StatusUnauthorized {
		t.Errorf("by another name, with a wrong secret, it was answered %d %s", status, answer)
	}
	h.Set("commerce/webhook-secret", "")
	if status, answer := post("rebound.example", "guess"); status != http.StatusForbidden || !strings.Contains(answer, "hub configure") {
		t.Errorf("by another name, where no secret is set, it was answered %d %s", status, answer)
	}
	if status, answer := post("localhost", "guess", "X-Forwarded-For", "203.0.113.9"); status != http.StatusForbidden {
		t.Errorf("through a tunnel, where no secret is set, it was answered %d %s", status, answer)
	}
	if status, answer := post("127.0.0.1:8080", "later"); status != http.StatusAccepted {
		t.Errorf("by its own address, where no secret is set, it was answered %d %s", status, answer)
	}
	h.Set("tracking/order-completed/enabled", "maybe")
	if status, answer := post("abc.tunnel.example", secret); status != http.StatusAccepted {
		t.Errorf("where the settings cannot be read it was answered %d %s: the event must wait", status, answer)
	}
}

// startHere runs a hub on a free port, in a directory of its own.
func startHere(t *testing.T) *hubtest.Hub {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".hub")
	return hubtest.Start(t, dir, func(ctx context.Context, stdout, stderr io.Writer) int {
		if err := Run(ctx, Options{Addr: "127.0.0.1:0", Dir: dir, Backoff: time.Minute, Log: "text"}, stdout, stderr); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		return 0
	})
}
