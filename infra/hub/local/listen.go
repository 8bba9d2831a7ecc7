package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// DefaultAddr is the address on which the hub listens by default. Only this machine can reach
// it.
const DefaultAddr = "127.0.0.1:8080"

// SplitAddr splits HOST:PORT. Its error says how to write an address.
func SplitAddr(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("the address %q (from ADDR or --addr) is not HOST:PORT: write it like %s", addr, DefaultAddr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("the address %q (from ADDR or --addr) has the port %q: write a number up to 65535", addr, port)
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

// listen listens on an address, HOST:PORT. Its error says what to do.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := SplitAddr(addr)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use, perhaps by another hub: stop that hub, or choose another port with ADDR=%s or --addr",
			addr, net.JoinHostPort(cmp.Or(host, "127.0.0.1"), "8081"))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("you have no permission to listen on %s: choose a port above 1023 with ADDR or --addr", addr)
	case err != nil:
		return nil, fmt.Errorf("listening on %s (from ADDR or --addr): %w", addr, err)
	}
	return listener, nil
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
