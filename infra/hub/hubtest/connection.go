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

// Dial opens a connection, and writes to it.
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

// commercePatience is after how long Commerce gives a webhook up.
const commercePatience = 10 * time.Second

// TakesWebhooks wants a genuine webhook accepted before Commerce gives up.
func (h *Hub) TakesWebhooks(resource string) {
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

// Hold opens so many connections to the hub, each with this text sent, and keeps them.
func (h *Hub) Hold(many int, text string) []net.Conn {
	h.T.Helper()
	var held []net.Conn
	for range many {
		held = append(held, Dial(h.T, strings.TrimPrefix(h.URL, "http://"), text))
	}
	return held
}

// StayHere is a client's CheckRedirect that follows no redirect.
func StayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
