package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// limitedListener is a listener that limits the number of its open connections. For a new
// connection beyond the limit, it closes another one: one that has had its last answer, or
// else the one that has been open longest without an authenticated request. That is an idle
// connection, one that sends its request slowly, or one that reads its answer slowly. If all
// connections have an authenticated request, or are younger than minKeyTime, the new
// connection waits.
type limitedListener struct {
	*net.TCPListener
	limit int

	mu      sync.Mutex
	changed *sync.Cond // a connection was closed, or may be closed now
	open    map[*connection]bool
	closed  bool
}

// connection is an open connection of a limitedListener.
type connection struct {
	*net.TCPConn
	listener *limitedListener
	// The mutex of the listener guards these.
	authenticated bool      // its request has proven that it has a key
	since         time.Time // when it was accepted, its request began, or it was answered; zero after the last answer
}

// limitConnections returns a TCP listener with a limit on its open connections.
func limitConnections(listener net.Listener, limit int) *limitedListener {
	l := &limitedListener{TCPListener: listener.(*net.TCPListener), limit: limit, open: map[*connection]bool{}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	accepted, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.open) >= l.limit && !l.closed {
		oldest := l.oldest()
		if oldest == nil {
			l.changed.Wait()
			continue
		}
		if early := time.Until(oldest.since.Add(minKeyTime)); early > 0 {
			time.AfterFunc(early, l.changed.Broadcast)
			l.changed.Wait()
			continue
		}
		delete(l.open, oldest)
		oldest.TCPConn.Close()
	}
	if l.closed {
		accepted.Close()
		return nil, net.ErrClosed
	}
	c := &connection{TCPConn: accepted, listener: l, since: time.Now()}
	l.open[c] = true
	return c, nil
}

// oldest returns the connection to close next; nil if each has an authenticated request.
func (l *limitedListener) oldest() (oldest *connection) {
	for c := range l.open {
		if !c.authenticated && (oldest == nil || c.since.Before(oldest.since)) {
			oldest = c
		}
	}
	return oldest
}

// Close implements net.Listener.
func (l *limitedListener) Close() error {
	l.change(func() { l.closed = true })
	return l.TCPListener.Close()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.listener.change(func() { delete(c.listener.open, c) })
	return c.TCPConn.Close()
}

// CloseWrite closes the side for answers. The http.Server calls it after the last answer, and
// then waits until the client has read it.
func (c *connection) CloseWrite() error {
	c.listener.change(func() { c.authenticated, c.since = false, time.Time{} })
	return c.TCPConn.CloseWrite()
}

// change applies a change with the mutex locked, and wakes Accept.
func (l *limitedListener) change(apply func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	apply()
	l.changed.Broadcast()
}

// noteState is the ConnState of the http.Server. It notes when a request begins and when it is
// answered.
func noteState(conn net.Conn, _ http.ConnState) {
	if c := connectionOf(conn); c != nil {
		c.listener.change(func() { c.authenticated, c.since = false, time.Now() })
	}
}

// connectionOf returns the connection of the limitedListener, which may be below TLS; nil for
// any other connection.
func connectionOf(conn net.Conn) *connection {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

// connectionKey is the key of the connection in the context of a request.
type connectionKey struct{}

// withConnection is the ConnContext of the http.Server.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, connectionOf(conn))
}

// MarkAuthenticated notes that a request has proven that it has a key. Its connection stays
// open until the request is answered.
func MarkAuthenticated(r *http.Request) {
	if c, _ := r.Context().Value(connectionKey{}).(*connection); c != nil {
		c.listener.change(func() { c.authenticated = true })
	}
}
