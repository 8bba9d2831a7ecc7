package hubtest

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/serve"
)

// Dial opens a connection to an address and sends a text. The connection is closed when the
// test ends.
func Dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(Patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// commercePatience is how long Commerce waits for the answer to a webhook.
const commercePatience = 10 * time.Second

// WantAccepted fails the test unless a genuine webhook is accepted before Commerce gives up.
func (h *Hub) WantAccepted(resource string) {
	h.T.Helper()
	request, err := http.NewRequest("POST", h.URL+"/webhooks/order-completed", strings.NewReader(Order("order.paid", resource)))
	if err != nil {
		h.T.Fatal(err)
	}
	request.Header.Set(serve.KeyHeader, h.Parameter("commerce/webhook-secret"))
	client := &http.Client{Timeout: commercePatience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		h.T.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		h.T.Errorf("a genuine webhook was answered %s", response.Status)
	}
}

// HoldConnections opens a number of connections to the hub, sends the text on each, and keeps
// them open.
func (h *Hub) HoldConnections(many int, text string) []net.Conn {
	h.T.Helper()
	var held []net.Conn
	for range many {
		held = append(held, Dial(h.T, strings.TrimPrefix(h.URL, "http://"), text))
	}
	return held
}

// NoRedirects is the CheckRedirect of a client that follows no redirect.
func NoRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
