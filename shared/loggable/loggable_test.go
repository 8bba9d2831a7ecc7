package loggable_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"commerce-segment/infra/hostiletest"
	"commerce-segment/shared/loggable"
)

func TestOnlyTextInTheFormOfAnIDIsLogged(t *testing.T) {
	for _, c := range []struct {
		name, text string
		is         bool
	}{
		{"a UUID", "d23f0824-128b-4f33-8c5c-7fd0a6a3a450", true},
		{"a messageId", "order-completed:d23f0824:20261124T105000Z-1a2b3c4d:0-track:9f3c02ab", true},
		{"an id of another form", "order_1001", true},
		{"100 characters", strings.Repeat("a", 100), true},
		{"101 characters", strings.Repeat("a", 101), false},
		{"an address", hostiletest.Person, false},
		{"a name", "Jane Doe", false},
		{"a telephone number", "+44 20 7946 0018", false},
		{"a letter with an accent", "Zoë", false},
		{"a line end", "order\n1", false},
		{"an escape", "order\x1b[31m", false},
		{"a path", "a/b", false},
		{"an address, encoded", "jane%40example.com", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := loggable.NotAnID
			if c.is {
				want = c.text
			}
			if got := loggable.ID(c.text); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got := loggable.ID(""); got != "" {
		t.Errorf("the empty id is %q", got)
	}
}

func TestOnlyEventsOfCommerceAreLogged(t *testing.T) {
	for _, name := range []string{"", "order.paid", "customer.deleted", "cart.updated", "one-time-password-token-request.created"} {
		if got := loggable.Event(name); got != name {
			t.Errorf("%q: got %q", name, got)
		}
	}
	for _, name := range []string{"order", "order.", ".created", "order.paid ", "Order.Paid", "order.jane", "jane.created", hostiletest.Person} {
		if got := loggable.Event(name); got != "(unknown event)" {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

// The client follows redirects, as that of the AWS SDK in a function.
func TestNoErrorQuotesTextOfAPeer(t *testing.T) {
	var logged bytes.Buffer
	defer log.SetOutput(log.Writer())
	loggable.StandardLog(slog.New(slog.NewTextHandler(&logged, nil)))
	below := &http.Transport{}
	defer below.CloseIdleConnections()
	client := &http.Client{Transport: loggable.Transport(below)}
	for _, peer := range hostiletest.Peers(t) {
		t.Run(peer.Name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				request, err := http.NewRequestWithContext(t.Context(), method, peer.URL, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(request)
				text := fmt.Sprint(err)
				if err == nil {
					_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
					text = fmt.Sprint(err) + response.Status + response.Header.Get("Location")
					response.Body.Close()
				}
				if strings.Contains(text, hostiletest.Mark) {
					t.Errorf("%s: %s", method, text)
				}
			}
		})
	}
	if strings.Contains(logged.String(), hostiletest.Mark) {
		t.Errorf("the log quotes a peer: %s", logged.String())
	}
}

func TestANetworkErrorDescribesTheFault(t *testing.T) {
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}
	for _, c := range []struct {
		want string
		err  error
	}{
		{"no answer came in time", context.DeadlineExceeded},
		{"the request was canceled before an answer came", context.Canceled},
		{"the connection was refused: 127.0.0.1:443", &net.OpError{Op: "dial", Addr: address, Err: syscall.ECONNREFUSED}},
		{"no connection could be made: 127.0.0.1:443", &net.OpError{Op: "dial", Addr: address, Err: syscall.EHOSTUNREACH}},
		{"no connection could be made through the proxy", &net.OpError{Op: "proxyconnect", Err: errors.New("407 " + hostiletest.Person)}},
		{"there is no host api.example.com", &net.DNSError{Name: "api.example.com", IsNotFound: true}},
		{"the name of the host api.example.com could not be looked up", &net.DNSError{Name: "api.example.com", Err: "server misbehaving"}},
		{"the connection ended before the whole answer came", io.ErrUnexpectedEOF},
		{"it does not speak TLS: check whether its URL begins with http://", tls.RecordHeaderError{Msg: hostiletest.Person}},
		{"it rejected the TLS handshake", tls.AlertError(40)},
		{"its certificate is for another host", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{hostiletest.Person}}, Host: "api.example.com"}}},
		{"its certificate has expired, or is not valid yet", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}},
		{"its certificate is signed by an unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
		{"its certificate is not valid", &tls.CertificateVerificationError{Err: errors.New(hostiletest.Person)}},
		{"its answer is not HTTP", fmt.Errorf("malformed HTTP status code %q", hostiletest.Person)},
	} {
		got := loggable.Error(fmt.Errorf("%s: %w", hostiletest.Person, c.err))
		if got.Error() != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if loggable.Error(nil) != nil {
		t.Error("nil became an error")
	}
	var network net.Error
	if err := loggable.Error(context.DeadlineExceeded); !errors.As(err, &network) || !network.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a time-out is no longer a time-out")
	}
}
