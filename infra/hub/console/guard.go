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
	errNotHere = errors.New("the console shows a store's settings and customers, so it answers only a browser on its own machine that asks for " +
		"127.0.0.1, localhost or the address on which it listens. From elsewhere, forward its port: ssh -L 8080:ADDRESS:8080 that-machine, ADDRESS being that")
	errNoKey = errors.New("this needs the key to the console: open the address that the hub printed when it started, or a new one, which hub run --link prints; " +
		"a program sends the key as Authorization: Bearer")
)

// onlyHere answers only who asks from where the console may be asked.
func (c *Console) onlyHere(next http.Handler) http.Handler {
	// No page elsewhere on the web may have its visitor's browser write here.
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.Elsewhere && !IsLocal(r) {
			http.Error(w, errNotHere.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withKey answers only who has the key, and tells browsers to keep what they get to
// themselves.
func (c *Console) withKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		switch {
		case c.letInByLink(w, r):
		case !c.hasKey(r) && !strings.HasPrefix(r.URL.Path, "/static/"): // which hold nothing of the store
			c.askForKey(w, r)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			next.ServeHTTP(w, r)
		}
	})
}

// OnlyWithKey has the key asked for before something that is not the console's own.
func (c *Console) OnlyWithKey(next http.HandlerFunc) http.HandlerFunc {
	return c.withKey(next).ServeHTTP
}

// Knows says that a request has shown the key.
func (c *Console) Knows(r *http.Request) bool { return c.hasKey(r) }

// maxForm bounds what a page may send: a template and a pasted webhook.
const maxForm = 8 << 20

// hasKey says that a request comes from a browser that was let in, or from a program that
// sends the key.
func (c *Console) hasKey(r *http.Request) bool {
	s := sessionOf(r)
	return c.sendsKey(r) || s != nil && c.sessions.opened(s, r)
}

// sendsKey says that a program sends the key.
func (c *Console) sendsKey(r *http.Request) bool {
	sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && c.isKey(sent)
}

// isKey says that what was presented is the key. A console without one lets nobody in.
func (c *Console) isKey(presented string) bool { return c.Key != "" && same(presented, c.Key) }

// askForKey answers who has no key: a browser with a page, and a program with a line.
func (c *Console) askForKey(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, errNoKey.Error(), http.StatusUnauthorized)
		return
	}
	c.showOutside(w, http.StatusUnauthorized, "Open the address that the hub printed")
}

// showOutside shows the page that needs no key, and says how to be let in.
func (c *Console) showOutside(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Security-Policy", policy(nonce()))
	c.showPart(w, status, "key", "key", map[string]any{"Title": title, "Machine": c.Machine != nil})
}

// same compares two keys in a time that tells nothing of them.
func same(one, other string) bool {
	a, b := sha256.Sum256([]byte(one)), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// nonce marks the styles that the editor makes in the browser as the console's own.
func nonce() string {
	random := make([]byte, 16)
	rand.Read(random) // never fails
	return base64.RawStdEncoding.EncodeToString(random)
}

// policy is what a page may do in a browser.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'self'"
}

// IsLocal says that a request comes from this machine and calls it by a name of
// its own. A page elsewhere on the web can have its own name resolve to
// 127.0.0.1 and then read what its visitor's browser gets from here (DNS
// rebinding), and a tunnel makes the hub public. The one sends its own name, the
// other may not, but says for whom it asks.
func IsLocal(r *http.Request) bool {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || isForwarded(r) {
		return false
	}
	if isLoopback(remote) {
		return isLoopback(hostOf(r)) || strings.EqualFold(hostOf(r), "localhost")
	}
	// Requests from this machine to another of its own addresses come from that address.
	// Their host must be that address too: a name could be rebound.
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return local != nil && local.IP.Equal(net.ParseIP(remote)) && local.IP.Equal(net.ParseIP(hostOf(r)))
}

// isForwarded says that a tunnel or a proxy asks for somebody else.
func isForwarded(r *http.Request) bool {
	for header := range r.Header {
		if header == "Forwarded" || header == "Via" || header == "X-Real-Ip" || strings.HasPrefix(header, "X-Forwarded-") {
			return true
		}
	}
	return false
}

// HasLocalName says that a request calls the hub by an IP address, as localhost or by the
// host on which it listens, and not through a tunnel, which may call it localhost: for the
// reasons that IsLocal gives. IP addresses cannot be rebound.
func HasLocalName(r *http.Request, host string) bool {
	name := hostOf(r)
	return !isForwarded(r) && (net.ParseIP(name) != nil || strings.EqualFold(name, "localhost") || host != "" && strings.EqualFold(name, host))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostOf is the Host header without its port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}
