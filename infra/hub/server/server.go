// Package server is the HTTP server of the hub. It limits its connections, and the times and
// sizes of their requests. It may use TLS.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// The limits of a request.
const (
	headerTimeout  = 10 * time.Second // also for the handshake of TLS
	readTimeout    = 30 * time.Second
	writeTimeout   = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// minKeyTime is the least time that a connection stays open, so that its request can
	// prove that it has a key.
	minKeyTime = 50 * time.Millisecond
	// closeTimeout is how long a server that stops waits for its open requests.
	closeTimeout = 3 * time.Second
)

// Server is an HTTP server with its listener.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// New returns a server for a TCP listener, with a limit on its open connections. It uses TLS
// if there is a certificate.
func New(listener net.Listener, limit int, certificate *Certificate, handler http.Handler, log *slog.Logger) *Server {
	server := &http.Server{
		// Otherwise net/http logs each request with a semicolon in its address.
		Handler:           http.AllowQuerySemicolons(recovers(handler, log)),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         noteState,
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// Without HTTP/2 a connection has one request at a time, so the limit is one of both.
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	limited := net.Listener(limitConnections(listener, limit))
	if certificate != nil {
		limited = tls.NewListener(limited, &tls.Config{GetCertificate: certificate.get, MinVersion: tls.VersionTLS12})
		server.ErrorLog = handshakeLog(log)
	}
	return &Server{limited, server}
}

// Serve answers requests until Stop is called, and returns nil then.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// Stop ends Serve. It waits for open requests until the context is done, and at most for
// closeTimeout.
func (s *Server) Stop(ctx context.Context) {
	stopping, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if s.http.Shutdown(stopping) != nil {
		s.http.Close() // the open requests have had enough time
	}
}

// recovers returns a handler that logs a panic without its value, which may be personal data,
// and closes the connection. The http.Server would log the value.
func recovers(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value != http.ErrAbortHandler {
				log.Error("panic", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}
