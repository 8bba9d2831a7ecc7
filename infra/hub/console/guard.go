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

// keyCookie holds the console's key in a browser that is let in by it.
const keyCookie = "hub-key"

var errNotHere = errors.New("the console shows a store's settings and customers, so it answers only a browser on its own machine that asks for " +
	"127.0.0.1 or localhost. From elsewhere, forward its port: ssh -L 8080:127.0.0.1:8080 that-machine")

// guard answers only who may see the console, and tells browsers to run nothing in
// it that is not its own.
func (c *Console) guard(next http.Handler) http.Handler {
	// No page elsewhere on the web may have its visitor's browser write here.
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.letInByKey(w, r) {
			return
		}
		if !IsLocal(r) && !c.hasKey(r) {
			http.Error(w, errNotHere.Error(), http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// maxForm bounds what a page may send: a template and a pasted webhook.
const maxForm = 8 << 20

// letInByKey answers a link that carries the key: it moves it out of sight, into a
// cookie that no other site's pages can send.
func (c *Console) letInByKey(w http.ResponseWriter, r *http.Request) bool {
	key := r.URL.Query().Get("key")
	if c.Key == "" || r.Method != http.MethodGet || !same(key, c.Key) {
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: keyCookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return true
}

func (c *Console) hasKey(r *http.Request) bool {
	cookie, err := r.Cookie(keyCookie)
	return err == nil && c.Key != "" && same(cookie.Value, c.Key)
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
		"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// IsLocal says that a request comes from this machine and calls it by a name of
// its own. A page elsewhere on the web can have its own name resolve to
// 127.0.0.1 and then read what its visitor's browser gets from here (DNS
// rebinding), and a tunnel makes the hub public. The one sends its own name, the
// other may not, but says for whom it asks.
func IsLocal(r *http.Request) bool {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !isLoopback(remote) || isForwarded(r) {
		return false
	}
	return isLoopback(hostOf(r)) || strings.EqualFold(hostOf(r), "localhost")
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

// OnlyLocalNames refuses requests that call the hub by a DNS name, or come through a
// tunnel, which may call it localhost: for the reasons that IsLocal gives. IP addresses
// cannot be rebound.
func OnlyLocalNames(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		isName := net.ParseIP(hostOf(r)) == nil && !strings.EqualFold(hostOf(r), "localhost")
		if isName || isForwarded(r) {
			http.Error(w, "the inbox holds personal data: ask for it by the hub's IP address or as localhost, and not through a tunnel", http.StatusForbidden)
			return
		}
		next(w, r)
	}
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
