package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
)

// serveLimited starts a server with a limit on its connections. Requests to /key are
// authenticated, and those to /none are not. Both are answered when release is closed.
func serveLimited(t *testing.T, limit int) (address string, begun chan string, release chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, release = make(chan string), make(chan struct{})
	server := New(listener, limit, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/key":
			MarkAuthenticated(r)
			begun <- r.URL.Path
			<-release
		case "/none":
			begun <- r.URL.Path
			<-release
		}
		io.WriteString(w, "ok")
	}), slog.New(slog.DiscardHandler))
	go server.Serve()
	t.Cleanup(func() { server.http.Close() })
	return listener.Addr().String(), begun, release
}

// wantAnswer fails the test unless a connection gets an answer.
func wantAnswer(t *testing.T, conn net.Conn) {
	t.Helper()
	answer := make([]byte, 15)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 200 OK" {
		t.Errorf("the answer is %q, %v", answer, err)
	}
}

// wantClosed fails the test unless the server closes a connection without an answer.
func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection is not closed: %q, %v", rest, err)
	}
}

const quick = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestAtTheLimitTheOldestUnauthenticatedConnectionIsClosed(t *testing.T) {
	for _, c := range []struct{ name, holds string }{
		{"with nothing sent", ""},
		{"with half a header sent", "POST / HTTP/1.1\r\nHo"},
		{"answered and kept open", quick},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _, _ := serveLimited(t, 3)
			var held []net.Conn
			for range 3 {
				held = append(held, hubtest.Dial(t, address, c.holds))
				if c.holds == quick {
					wantAnswer(t, held[len(held)-1])
				}
				time.Sleep(20 * time.Millisecond) // so that the server accepts them in this order
			}
			for n := range 3 {
				wantAnswer(t, hubtest.Dial(t, address, quick))
				io.CopyN(io.Discard, held[n], 0)
			}
			for _, conn := range held {
				if c.holds == quick {
					io.Copy(io.Discard, conn) // returns when the connection is closed
					continue
				}
				wantClosed(t, conn)
			}
		})
	}
}

func TestTheConnectionOfAnAuthenticatedRequestIsNotClosedForAnother(t *testing.T) {
	address, begun, release := serveLimited(t, 2)
	busy := hubtest.Dial(t, address, "GET /key HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	unauthenticated := hubtest.Dial(t, address, "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	for range 5 {
		wantAnswer(t, hubtest.Dial(t, address, quick))
	}
	wantClosed(t, unauthenticated)
	close(release)
	wantAnswer(t, busy)
}

func TestANewConnectionWaitsWhileAllOthersAreAuthenticated(t *testing.T) {
	address, begun, release := serveLimited(t, 2)
	var busy []net.Conn
	for range 2 {
		busy = append(busy, hubtest.Dial(t, address, "GET /key HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		<-begun
	}
	waiting := hubtest.Dial(t, address, quick)
	close(release)
	wantAnswer(t, waiting)
	for _, conn := range busy {
		wantAnswer(t, conn)
	}
}

func TestAServerStopsWhileAllItsConnectionsAreBusy(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConnections(listener, 1)
	hubtest.Dial(t, listener.Addr().String(), "")
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first.(*connection).listener.change(func() { first.(*connection).authenticated = true })
	hubtest.Dial(t, listener.Addr().String(), "")
	accepted := make(chan error)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	l.Close()
	if err := <-accepted; err == nil {
		t.Error("it still accepts connections")
	}
}
