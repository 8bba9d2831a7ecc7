package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"syscall"

	"commerce-segment/infra/hub/server"
)

// DefaultAddr is the address on which the hub listens by default. Only this machine can reach
// it.
const DefaultAddr = "127.0.0.1:8080"

// fromAddr says where the address of a hub is from, and fromWebhooksAddr where that of its
// webhooks is from.
const (
	fromAddr         = "ADDR or --addr"
	fromWebhooksAddr = "--webhooks-addr"
)

// SplitAddr splits HOST:PORT, the address of a hub. Its error says how to write an address.
func SplitAddr(addr string) (host, port string, err error) { return splitAddr(addr, fromAddr) }

// splitAddr splits HOST:PORT. Its error says how to write an address, and where it is from.
func splitAddr(addr, from string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("the address %q (from %s) is not HOST:PORT: write it like %s", addr, from, DefaultAddr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("the address %q (from %s) has the port %q: write a number up to 65535", addr, from, port)
	}
	return host, port, nil
}

// HubURL returns the URL at which this machine reaches a hub that listens on host and port.
// A hub without a host listens on all addresses of the machine, so the URL has 127.0.0.1.
func HubURL(host, port string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// listen listens on an address, HOST:PORT. Its error says what to do, and where the address is
// from.
func listen(ctx context.Context, addr, from string) (net.Listener, error) {
	host, port, err := splitAddr(addr, from)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program, perhaps another hub: stop it, or choose another port with %s, for example %s",
			addr, from, net.JoinHostPort(cmp.Or(host, "127.0.0.1"), otherPort(port)))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("you have no permission to listen on %s: choose a port above 1023 with %s", addr, from)
	case err != nil:
		return nil, fmt.Errorf("listening on %s (from %s): %w", addr, from, err)
	}
	return listener, nil
}

// listeners are the listeners of a hub.
type listeners struct {
	all         net.Listener
	webhooks    net.Listener        // for webhooks alone; nil if there is none
	certificate *server.Certificate // of webhooks; nil for plain HTTP
}

// listenAll listens on the addresses in the options.
func listenAll(ctx context.Context, options Options, log *slog.Logger) (l listeners, err error) {
	if l.all, err = listen(ctx, options.Addr, fromAddr); err != nil || options.WebhooksAddr == "" {
		return l, err
	}
	if options.TLSCert != "" {
		l.certificate, err = server.LoadCertificate(options.TLSCert, options.TLSKey, log)
	}
	if err == nil {
		l.webhooks, err = listen(ctx, options.WebhooksAddr, fromWebhooksAddr)
	}
	if err != nil {
		l.close()
	}
	return l, err
}

// close closes the listeners.
func (l listeners) close() {
	l.all.Close()
	if l.webhooks != nil {
		l.webhooks.Close()
	}
}

// servers returns the servers of a hub.
func (l listeners) servers(h *hub) []*server.Server {
	if l.webhooks == nil {
		return []*server.Server{server.New(l.all, maxConnections, nil, h.routes(), h.log)}
	}
	return []*server.Server{
		server.New(l.all, maxConnections/2, nil, h.routes(), h.log),
		server.New(l.webhooks, maxConnections/2, l.certificate, h.webhookRoutes(), h.log),
	}
}

// elsewhere returns the URL of the address for webhooks alone; empty if there is none.
func (l listeners) elsewhere() string {
	switch {
	case l.webhooks == nil:
		return ""
	case l.certificate == nil:
		return "http://" + l.webhooks.Addr().String()
	default:
		return "https://" + l.webhooks.Addr().String()
	}
}

// otherPort returns a port close to one that is in use, and not the default of another command.
func otherPort(port string) string {
	number, _ := strconv.Atoi(port) // splitAddr checked it
	if number > 60000 {
		return strconv.Itoa(number - 1000)
	}
	return strconv.Itoa(number + 1000)
}

// urlOf returns the URL at which this machine reaches the listener.
func urlOf(listener net.Listener) string {
	addr := listener.Addr().(*net.TCPAddr)
	return HubURL(addr.IP.String(), strconv.Itoa(addr.Port))
}

// publicAddr returns the listener's address; empty if only this machine reaches it.
func publicAddr(listener net.Listener) string {
	if listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return ""
	}
	return listener.Addr().String()
}
