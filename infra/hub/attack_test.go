package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/serve"
)

// commercePatience is after how long Commerce gives a webhook up.
const commercePatience = 10 * time.Second

// takesWebhooks wants a genuine webhook accepted before Commerce gives up.
func (h *running) takesWebhooks(resource string) {
	h.t.Helper()
	request, err := http.NewRequest("POST", h.url+"/webhooks/order-completed", strings.NewReader(order("order.paid", resource)))
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set(serve.KeyHeader, h.parameter("commerce/webhook-secret"))
	client := &http.Client{Timeout: commercePatience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		h.t.Errorf("a genuine webhook was answered %s", response.Status)
	}
}

// hold opens so many connections to the hub, each with this text sent, and keeps them.
func (h *running) hold(many int, text string) []net.Conn {
	h.t.Helper()
	var held []net.Conn
	for range many {
		held = append(held, dial(h.t, strings.TrimPrefix(h.url, "http://"), text))
	}
	return held
}

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
			h := start(t)
			held := h.hold(c.many, c.text)
			h.takesWebhooks("genuine")
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
	h := start(t)
	h.hold(maxConnections/2, head("/webhooks/order-completed", h.parameter("commerce/webhook-secret"), webhookTakes))
	h.takesWebhooks("genuine")
}

func TestIdleConnectionsUseUpNoFiles(t *testing.T) {
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"that send nothing": "", "that send half a header": "POST / HTTP/1.1\r\nHo"} {
		t.Run(name, func(t *testing.T) {
			h := &running{t: t, dir: filepath.Join(t.TempDir(), ".hub"), stdout: new(buffer), stderr: new(buffer)}
			hub := exec.Command("sh", "-c", `ulimit -n 600; exec "$@"`, "sh", binary, "run", "--addr", "127.0.0.1:0", "--dir", h.dir)
			hub.Stdout, hub.Stderr = h.stdout, h.stderr
			if err := hub.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { hub.Process.Kill(); hub.Wait() })
			h.url = awaitURL(t, h.stdout, h.stderr)
			h.hold(700, text)
			h.takesWebhooks("genuine")
			if log := h.stderr.String(); strings.Contains(log, "too many open files") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

// Requests with a wrong key do not make the log grow, and push no genuine event out of it.
func TestAFloodOfForgedWebhooksDisplacesNothing(t *testing.T) {
	h := start(t)
	h.takesWebhooks("genuine")
	h.awaitMessages(1)
	before := strings.Count(h.stderr.String(), "\n")
	for n := range 500 {
		path := "/webhooks/order-completed"
		if n%2 == 0 {
			path = "/webhooks/order-updated?a;b" // which net/http logs by itself
		}
		if status, _ := h.request("POST", path, "{}", serve.KeyHeader, "guess"); status != http.StatusUnauthorized {
			t.Fatalf("a forged webhook is answered %d", status)
		}
	}
	if grown := strings.Count(h.stderr.String(), "\n") - before; grown > 10 {
		t.Errorf("the log has grown by %d lines:\n%s", grown, h.stderr)
	}
	_, lines := h.request("GET", "/executions/lines", "")
	if !strings.Contains(lines, `"outcome":"accepted"`) || !strings.Contains(lines, `"outcome":"forged"`) {
		t.Errorf("the hub knows\n%s\nwant the genuine event, and one forged", lines)
	}
}

// A tunnel's name is taken with the secret, which proves the request. Where none is set, a
// page elsewhere on the web, whose name resolves to this machine, could post.
func TestWebhooksByAnotherNameNeedTheSecret(t *testing.T) {
	h := start(t)
	secret := h.parameter("commerce/webhook-secret")
	post := func(host, key string, header ...string) (int, string) {
		return h.request("POST", "/webhooks/order-completed", order("order.paid", "o"), append(header, "Host", host, serve.KeyHeader, key)...)
	}
	if status, answer := post("abc.tunnel.example", secret, "X-Forwarded-For", "203.0.113.9"); status != http.StatusAccepted {
		t.Errorf("through a tunnel, with the secret, it was answered %d %s", status, answer)
	}
	if status, answer := post("rebound.example", "guess"); status != http.StatusUnauthorized {
		t.Errorf("by another name, with a wrong secret, it was answered %d %s", status, answer)
	}
	h.set("commerce/webhook-secret", "")
	if status, answer := post("rebound.example", "guess"); status != http.StatusForbidden || !strings.Contains(answer, "hub configure") {
		t.Errorf("by another name, where no secret is set, it was answered %d %s", status, answer)
	}
	if status, answer := post("localhost", "guess", "X-Forwarded-For", "203.0.113.9"); status != http.StatusForbidden {
		t.Errorf("through a tunnel, where no secret is set, it was answered %d %s", status, answer)
	}
	if status, answer := post("127.0.0.1:8080", "later"); status != http.StatusAccepted {
		t.Errorf("by its own address, where no secret is set, it was answered %d %s", status, answer)
	}
	h.set("tracking/order-completed/enabled", "maybe")
	if status, answer := post("abc.tunnel.example", secret); status != http.StatusAccepted {
		t.Errorf("where the settings cannot be read it was answered %d %s: the event must wait", status, answer)
	}
}
