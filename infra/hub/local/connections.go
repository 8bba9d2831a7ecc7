package local

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"commerce-segment/infra/hub/console"
)

// boundListener is a listener with a bound on its open connections. Where one more comes, it
// closes one that has been answered for the last time, or else the one that has waited
// longest without a request that has shown a key: the oldest idle one, one that sends its
// request slowly, or one that reads its answer slowly. Where all are busy with requests that
// have shown a key, or have had no time to show one, the new one waits.
type boundListener struct {
	*net.TCPListener
	most int

	mu      sync.Mutex
	changed *sync.Cond // one is closed, or can be spared now
	open    map[*connection]bool
	closed  bool
}

// connection is an open one.
type connection struct {
	*net.TCPConn
	of *boundListener
	// Guarded by the mutex of the listener.
	proven bool      // its request has shown a key
	since  time.Time // when it came, began its request, or was answered; zero where no more comes
}

// bound bounds a TCP listener.
func bound(listener net.Listener, most int) *boundListener {
	l := &boundListener{TCPListener: listener.(*net.TCPListener), most: most, open: map[*connection]bool{}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Accept implements net.Listener.
func (l *boundListener) Accept() (net.Conn, error) {
	accepted, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.open) >= l.most && !l.closed {
		oldest := l.oldest()
		if oldest == nil {
			l.changed.Wait()
			continue
		}
		if early := time.Until(oldest.since.Add(keyWithin)); early > 0 {
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
	c := &connection{TCPConn: accepted, of: l, since: time.Now()}
	l.open[c] = true
	return c, nil
}

// oldest is the connection that can be spared; nil where there is none.
func (l *boundListener) oldest() (oldest *connection) {
	for c := range l.open {
		if !c.proven && (oldest == nil || c.since.Before(oldest.since)) {
			oldest = c
		}
	}
	return oldest
}

// Close implements net.Listener.
func (l *boundListener) Close() error {
	l.change(func() { l.closed = true })
	return l.TCPListener.Close()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.of.change(func() { delete(c.of.open, c) })
	return c.TCPConn.Close()
}

// CloseWrite is what the http.Server calls after the last answer, before it waits for the
// client to have read it.
func (c *connection) CloseWrite() error {
	c.of.change(func() { c.proven, c.since = false, time.Time{} })
	return c.TCPConn.CloseWrite()
}

func (l *boundListener) change(apply func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	apply()
	l.changed.Broadcast()
}

// noteState is the http.Server's ConnState: it notes when a request begins and is answered.
func noteState(conn net.Conn, _ http.ConnState) {
	if c, ok := conn.(*connection); ok {
		c.of.change(func() { c.proven, c.since = false, time.Now() })
	}
}

// connectionKey is where a request's context has its connection.
type connectionKey struct{}

// withConnection is the http.Server's ConnContext.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// proven notes that a request has shown a key: its connection stays open until it is answered.
func proven(r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.of.change(func() { c.proven = true })
	}
}

// provenBy notes which requests have shown the console's key.
func provenBy(c *console.Console, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.HasKey(r) {
			proven(r)
		}
		next.ServeHTTP(w, r)
	})
}
