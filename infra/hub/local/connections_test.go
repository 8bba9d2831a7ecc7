package local

import (
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
)

// serveBound is a server with so many connections at most. Its requests to /key have shown
// one, and stay until release is closed; those to /none have not.
func serveBound(t *testing.T, most int) (address string, begun chan string, release chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, release = make(chan string), make(chan struct{})
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/key":
			proven(r)
			begun <- r.URL.Path
			<-release
		case "/none":
			begun <- r.URL.Path
			<-release
		}
		io.WriteString(w, "ok")
	}), NewLog("text", io.Discard))
	go server.Serve(bound(listener, most))
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String(), begun, release
}

// answered wants an answer on a connection.
func answered(t *testing.T, conn net.Conn) {
	t.Helper()
	answer := make([]byte, 15)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 200 OK" {
		t.Errorf("the answer is %q, %v", answer, err)
	}
}

// isClosed wants a connection to be closed by the server without an answer.
func isClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it is not closed: %q, %v", rest, err)
	}
}

const quick = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestWhereConnectionsRunOutTheOldestWithoutAKeyIsClosed(t *testing.T) {
	for _, c := range []struct{ name, holds string }{
		{"that has sent nothing", ""},
		{"that has sent half a header", "POST / HTTP/1.1\r\nHo"},
		{"that was answered and keeps open", quick},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _, _ := serveBound(t, 3)
			var held []net.Conn
			for range 3 {
				held = append(held, hubtest.Dial(t, address, c.holds))
				if c.holds == quick {
					answered(t, held[len(held)-1])
				}
				time.Sleep(20 * time.Millisecond) // so that the server has seen them in this order
			}
			for n := range 3 {
				answered(t, hubtest.Dial(t, address, quick))
				io.CopyN(io.Discard, held[n], 0)
			}
			for _, conn := range held {
				if c.holds == quick {
					io.Copy(io.Discard, conn) // ends only where it is closed
					continue
				}
				isClosed(t, conn)
			}
		})
	}
}

func TestARequestWithAKeyIsNotClosedForAnother(t *testing.T) {
	address, begun, release := serveBound(t, 2)
	busy := hubtest.Dial(t, address, "GET /key HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	stranger := hubtest.Dial(t, address, "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	for range 5 {
		answered(t, hubtest.Dial(t, address, quick))
	}
	isClosed(t, stranger)
	close(release)
	answered(t, busy)
}

func TestWhereAllConnectionsAreBusyWithAKeyANewOneWaits(t *testing.T) {
	address, begun, release := serveBound(t, 2)
	var busy []net.Conn
	for range 2 {
		busy = append(busy, hubtest.Dial(t, address, "GET /key HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		<-begun
	}
	waiting := hubtest.Dial(t, address, quick)
	close(release)
	answered(t, waiting)
	for _, conn := range busy {
		answered(t, conn)
	}
}

func TestAServerWhoseConnectionsAreAllBusyStops(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := bound(listener, 1)
	hubtest.Dial(t, listener.Addr().String(), "")
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first.(*connection).of.change(func() { first.(*connection).proven = true })
	hubtest.Dial(t, listener.Addr().String(), "")
	accepted := make(chan error)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	l.Close()
	if err := <-accepted; err == nil {
		t.Error("it goes on accepting")
	}
}
