package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
)

var (
	errNotLocal = errors.New("the console shows a store's settings and customer data, so it answers only browsers on its own machine that use " +
		"127.0.0.1, localhost or the address on which it listens. From another machine, forward its port: ssh -L 8080:ADDRESS:8080 that-machine, where ADDRESS is the address on which it listens")
	errNoKey = errors.New("this request needs the key of the console: open the address that the hub printed when it started, or run hub run --link for a new address; " +
		"a program sends the key as Authorization: Bearer")
)

// requireLocal rejects requests from other machines, through tunnels and from other sites,
// unless Elsewhere is set.
func (c *Console) requireLocal(next http.Handler) http.Handler {
	// A page of another site must not make its visitor's browser send a form here.
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.Elsewhere && !IsLocal(r) {
			http.Error(w, errNotLocal.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// requireKey rejects requests without the key or a session, and forbids browsers to cache or
// pass on the answers.
func (c *Console) requireKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		switch {
		case c.openLink(w, r):
		case !c.hasKey(r) && !strings.HasPrefix(r.URL.Path, "/static/"): // static files hold no data of the store
			c.rejectWithoutKey(w, r)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			next.ServeHTTP(w, r)
		}
	})
}

// RequireKey returns a handler that requires the console's key, for pages outside the console.
func (c *Console) RequireKey(next http.HandlerFunc) http.HandlerFunc {
	return c.requireKey(next).ServeHTTP
}

// HasKey reports whether a request has the key or belongs to a session.
func (c *Console) HasKey(r *http.Request) bool { return c.hasKey(r) }

// maxForm is the largest form in bytes: a template and a pasted webhook.
const maxForm = 8 << 20

// hasKey reports whether a request comes from a browser with a session, or from a program
// that sends the key.
func (c *Console) hasKey(r *http.Request) bool {
	s := sessionOf(r)
	return c.sendsKey(r) || s != nil && c.sessions.opened(s, r)
}

// sendsKey reports whether a request has the key in its header.
func (c *Console) sendsKey(r *http.Request) bool {
	sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && c.isKey(sent)
}

// isKey reports whether the presented text is the key. A console without a key accepts none.
func (c *Console) isKey(presented string) bool { return c.Key != "" && same(presented, c.Key) }

// rejectWithoutKey answers a request without the key: a page for a browser, a line for a program.
func (c *Console) rejectWithoutKey(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, errNoKey.Error(), http.StatusUnauthorized)
		return
	}
	c.showLoggedOut(w, http.StatusUnauthorized, "Open the address that the hub printed")
}

// showLoggedOut shows the page that needs no key. It explains how to log in.
func (c *Console) showLoggedOut(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Security-Policy", policy(nonce()))
	c.showPart(w, status, "key", "key", map[string]any{"Title": title, "Machine": c.Machine != nil})
}

// same compares two keys in constant time.
func same(one, other string) bool {
	a, b := sha256.Sum256([]byte(one)), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// nonce returns a random value that allows the styles of the code editor.
func nonce() string {
	random := make([]byte, 16)
	rand.Read(random) // never fails
	return base64.RawStdEncoding.EncodeToString(random)
}

// policy returns the Content-Security-Policy of a page.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'self'"
}

// IsLocal reports whether a request comes from this machine and uses one of its own names.
// Another site can make its host name resolve to 127.0.0.1 and then read what its visitor's
// browser gets from here (DNS rebinding); such a request has the site's name. A tunnel makes
// the hub public; it may change the name, but adds forwarding headers.
func IsLocal(r *http.Request) bool {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || isForwarded(r) {
		return false
	}
	if isLoopback(remote) {
		return isLoopback(hostOf(r)) || strings.EqualFold(hostOf(r), "localhost")
	}
	// A request from this machine to another of its addresses comes from that address. Its
	// host must be that address too: a name could be rebound.
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return local != nil && local.IP.Equal(net.ParseIP(remote)) && local.IP.Equal(net.ParseIP(hostOf(r)))
}

// isForwarded reports whether a request came through a tunnel or a proxy.
func isForwarded(r *http.Request) bool {
	for header := range r.Header {
		if header == "Forwarded" || header == "Via" || header == "X-Real-Ip" || strings.HasPrefix(header, "X-Forwarded-") {
			return true
		}
	}
	return false
}

// HasLocalName reports whether the host of a request is an IP address, localhost or the host
// on which the hub listens, and the request did not come through a tunnel. IsLocal explains
// why. An IP address cannot be rebound.
func HasLocalName(r *http.Request, host string) bool {
	name := hostOf(r)
	return !isForwarded(r) && (net.ParseIP(name) != nil || strings.EqualFold(name, "localhost") || host != "" && strings.EqualFold(name, host))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostOf returns the host of a request without its port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}
