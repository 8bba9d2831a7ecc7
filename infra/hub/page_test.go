package main

import (
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/site"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

func TestThePageTellsWhatTheTerminalDid(t *testing.T) {
	h := startIn(t, filepath.Join(t.TempDir(), "<b>'&"))
	status, page := h.request("GET", "/", "")
	if status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	if strings.Contains(page, "<b>") || strings.Contains(page, "<script") {
		t.Errorf("the page does not escape a file's name, or has a script:\n%s", page)
	}
	text := html.UnescapeString(page)
	for line := range strings.Lines(h.stdout.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "curl ") || strings.HasPrefix(line, "X-MOLTIN") {
			if !strings.Contains(text, "<pre>"+line+"</pre>") {
				t.Errorf("the page lacks %q:\n%s", line, text)
			}
		}
	}
	if !strings.Contains(text, "To send to Segment instead, put https://api.segment.io in ") {
		t.Errorf("the page does not tell how to send to Segment:\n%s", text)
	}
	h.set("segment/host", "https://api.segment.io")
	if _, page := h.request("GET", "/", ""); !strings.Contains(page, "https://api.segment.io/v1/batch") || strings.Contains(page, "Segment instead") {
		t.Errorf("the page does not tell where it sends now:\n%s", page)
	}
}

// The secret proves webhooks: a page that is read by another site in the same
// browser, or through a tunnel, must not show it.
func TestThePageShowsTheSecretOnlyToThisMachine(t *testing.T) {
	directory, err := site.MakeHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := directory.Parameters(t.Context(), []string{"commerce/webhook-secret"})
	if err != nil {
		t.Fatal(err)
	}
	secret := parameters["commerce/webhook-secret"]
	h := &hub{url: "http://127.0.0.1:8080", home: directory, inbox: new(inbox), webhooks: newWebhooks(
		func(tracking.Tracking) relay.Configuration { return nil }, 0, slog.New(slog.DiscardHandler))}
	for _, c := range []struct {
		name, remote, host string
		shown              bool
		forwarded          string
	}{
		{name: "asked through a tunnel that changes the name", remote: "127.0.0.1:5000", host: "localhost:8080", forwarded: "abc.tunnel.example"},
		{"asked as 127.0.0.1", "127.0.0.1:5000", "127.0.0.1:8080", true, ""},
		{"asked as localhost", "127.0.0.1:5000", "localhost:8080", true, ""},
		{"asked over IPv6", "[::1]:5000", "[::1]:8080", true, ""},
		{"asked by a name that resolves to this machine", "127.0.0.1:5000", "rebound.example:8080", false, ""},
		{"asked through a tunnel", "127.0.0.1:5000", "abc.tunnel.example", false, ""},
		{"asked from another machine", "192.168.1.9:5000", "192.168.1.7:8080", false, ""},
		{"asked from another machine that lies about the name", "192.168.1.9:5000", "localhost", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := httptest.NewRequest("GET", "/", nil)
			request.RemoteAddr, request.Host = c.remote, c.host
			if c.forwarded != "" {
				request.Header.Set("X-Forwarded-Host", c.forwarded)
			}
			answer := httptest.NewRecorder()
			h.page(answer, request)
			if shown := strings.Contains(answer.Body.String(), secret); shown != c.shown {
				t.Errorf("the secret is shown: %v, want %v", shown, c.shown)
			}
		})
	}
}

// Without its list nobody sees on this machine that an event was given up.
func TestThePageListsDeadLetters(t *testing.T) {
	h := start(t)
	h.set("templates/order-completed", `{"event": ""}`)
	h.webhook("order-completed", order("order.paid", "o-dead"))
	eventually(t, "the page lists the dead letter", func() bool {
		_, page := h.request("GET", "/", "")
		return strings.Contains(page, "Dead letters: 1") && strings.Contains(page, "<td>o-dead</td><td><code>message_invalid</code></td>")
	})
}

// A page elsewhere on the web can have its visitor's browser post here.
func TestOtherSitesCannotWriteIntoTheInbox(t *testing.T) {
	h := start(t)
	status, _ := h.request("POST", "/v1/batch", `{"batch":[{"type":"track"}]}`, "Origin", "https://elsewhere.example")
	if status != http.StatusForbidden {
		t.Errorf("answered %d, want 403", status)
	}
	if _, inbox := h.request("GET", "/inbox", ""); inbox != "[]\n" {
		t.Errorf("the inbox holds %s", inbox)
	}
}
