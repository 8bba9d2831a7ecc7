package main

import (
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

//go:embed page.html
var pageSource string

// pageTemplate is parsed when it is first needed: most commands never do.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageSource))
})

// page shows in a browser what the hub said on start.
func (h *hub) page(w http.ResponseWriter, r *http.Request) {
	told, err := h.guide(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if !isLocal(r) {
		told.Secret, told.Curl = "", ""
	}
	kept, dropped := h.inbox.counts()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	err = pageTemplate().Execute(w, struct {
		guide
		Kept, Dropped, Waiting int
		Dead                   []relay.Burial
		Trackings              []tracking.Tracking
	}{told, kept, dropped, h.webhooks.waiting(), h.webhooks.dead(), tracking.All()})
	if err != nil {
		h.log.Warn("writing the page", "error", err)
	}
}

// isLocal says that a request comes from this machine and calls it by a name of
// its own. A page elsewhere on the web can have its own name resolve to
// 127.0.0.1 and then read what its visitor's browser gets from here (DNS
// rebinding), and a tunnel makes the hub public. The one sends its own name, the
// other may not, but says for whom it asks.
func isLocal(r *http.Request) bool {
	for header := range r.Header {
		if header == "Forwarded" || strings.HasPrefix(header, "X-Forwarded-") {
			return false
		}
	}
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !isLoopback(remote) {
		return false
	}
	return isLoopback(hostOf(r)) || strings.EqualFold(hostOf(r), "localhost")
}

// onlyLocalNames refuses requests that call the hub by a DNS name, for the
// reason that isLocal gives. IP addresses cannot be rebound.
func onlyLocalNames(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if net.ParseIP(hostOf(r)) == nil && !strings.EqualFold(hostOf(r), "localhost") {
			http.Error(w, "the inbox holds personal data: ask for it by the hub's IP address or as localhost", http.StatusForbidden)
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
