package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"commerce-segment/shared/loggable"
)

const (
	sessionsPath  = "/s/" // followed by the ID of a session; the session's pages are below it
	sessionCookie = "hub-session"
	sessionLasts  = 12 * time.Hour
	maxSessions   = 16
)

// LinkPath is where a program with the key requests a new Link.
const LinkPath = "/link"

// session is a browser that may use the console, or a link that no browser has opened yet.
// Browsers send a cookie to every port of a machine, so a cookie alone would reach any server
// on it. A session's cookie is sent only below the session's own path, which no other server
// knows.
type session struct {
	id      string
	expires time.Time

	// The mutex of sessions guards the following fields.
	once   string // the key in the link; empty after a browser has opened it
	cookie string // empty until a browser has opened the link
	notice string // the result of the last form, for the next page
	typed  map[string]typedSecret
}

// typedSecret is a secret that the user typed into a form that was not saved.
type typedSecret struct {
	value   string
	expires time.Time
}

// typedLasts is how long a typed secret is kept, so that the user can correct the other fields
// of its form without typing it again.
const typedLasts = 10 * time.Minute

// path returns the path of the session's pages, without a slash at the end.
func (s *session) path() string { return sessionsPath + s.id }

// sessions are the sessions of a console. They are only in memory.
type sessions struct {
	mu  sync.Mutex
	all []*session // oldest first
}

// begin makes a session that a browser can open. It removes the oldest one if there are too
// many.
func (all *sessions) begin() *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.dropExpired()
	s := &session{id: rand.Text(), once: rand.Text(), expires: time.Now().Add(sessionLasts)}
	all.all = append(all.all, s)
	all.all = all.all[max(0, len(all.all)-maxSessions):]
	return s
}

// find returns the session with that ID, or nil if there is none or it has expired.
func (all *sessions) find(id string) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.dropExpired()
	for _, s := range all.all {
		if same(s.id, id) {
			return s
		}
	}
	return nil
}

func (all *sessions) dropExpired() {
	now := time.Now()
	all.all = slices.DeleteFunc(all.all, func(s *session) bool { return !now.Before(s.expires) })
}

// open exchanges the key of a link for a cookie, once. The cookie is empty for a wrong key.
func (all *sessions) open(s *session, key string) (cookie string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s.once == "" || !same(key, s.once) {
		return ""
	}
	s.once, s.cookie = "", rand.Text()
	return s.cookie
}

// end ends a session.
func (all *sessions) end(s *session) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.all = slices.DeleteFunc(all.all, func(other *session) bool { return other == s })
}

// opened reports whether a request comes from the browser that opened the session.
func (all *sessions) opened(s *session, r *http.Request) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	// A server at another port of this machine can add a cookie with that name.
	return s.cookie != "" && slices.ContainsFunc(r.CookiesNamed(sessionCookie), func(sent *http.Cookie) bool { return same(sent.Value, s.cookie) })
}

// setNotice keeps a notice until a page of the session shows it.
func (all *sessions) setNotice(s *session, notice string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	s.notice = notice
}

// takeNotice returns the notice, once.
func (all *sessions) takeNotice(s *session) (notice string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	notice, s.notice = s.notice, ""
	return notice
}

// secret returns the secret of a form's field: the text that the user typed, which is kept in
// memory until forget, or else the text that was kept.
func (all *sessions) secret(s *session, field, text string) string {
	if s == nil {
		return text
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if text != "" {
		if s.typed == nil {
			s.typed = map[string]typedSecret{}
		}
		s.typed[field] = typedSecret{text, time.Now().Add(typedLasts)}
	}
	if kept := s.typed[field]; time.Now().Before(kept.expires) {
		return kept.value
	}
	delete(s.typed, field)
	return ""
}

// forget removes a secret that the user typed.
func (all *sessions) forget(s *session, field string) {
	if s == nil {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(s.typed, field)
}

// sessionKey is the context key of a request's session.
type sessionKey struct{}

// sessionOf returns the session of a request, or nil if its path is below no session, for
// example for a program with the console's key.
func sessionOf(r *http.Request) *session { return sessionIn(r.Context()) }

func sessionIn(ctx context.Context) *session {
	s, _ := ctx.Value(sessionKey{}).(*session)
	return s
}

// senderOf returns the sender of a request for the log.
func senderOf(ctx context.Context) string {
	if s := sessionIn(ctx); s != nil {
		return "session " + nameOf(s)
	}
	return "a program with the console's key"
}

// base returns the path below which a request's pages are, without a slash at the end.
func base(r *http.Request) string {
	if s := sessionOf(r); s != nil {
		return s.path()
	}
	return ""
}

// Sessions strips the path of a session from requests below it. It does not check that the
// request comes from the session's browser; RequireKey does.
func (c *Console) Sessions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		below, _ := strings.CutPrefix(r.URL.Path, sessionsPath)
		id, _, _ := strings.Cut(below, "/")
		s := c.sessions.find(id)
		if s == nil || !strings.HasPrefix(r.URL.Path, s.path()+"/") {
			next.ServeHTTP(w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, s))
		http.StripPrefix(s.path(), next).ServeHTTP(w, r)
	})
}

// Link returns an address that logs in one browser. That browser can open it again while its
// session lasts.
func (c *Console) Link(address string) string {
	s := c.sessions.begin()
	return address + s.path() + "/?key=" + s.once
}

// openLink answers a link: it exchanges the key in it for a cookie and redirects to the same
// address without the key. It reports whether it answered.
func (c *Console) openLink(w http.ResponseWriter, r *http.Request) bool {
	s, query := sessionOf(r), r.URL.Query()
	// A browser that prefetches a link must not use it up.
	if s == nil || r.Method != http.MethodGet || !query.Has("key") || r.Header.Get("Sec-Purpose") != "" {
		return false
	}
	if cookie := c.sessions.open(s, query.Get("key")); cookie != "" {
		c.Log.Info("console: a browser logged in", "session", nameOf(s), "from", r.RemoteAddr)
		setCookie(w, s, cookie, int(time.Until(s.expires).Seconds()))
	} else if !c.sessions.opened(s, r) {
		return false
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	query.Del("key")
	w.Header().Set("Location", (&url.URL{Path: s.path() + path.Clean("/"+r.URL.Path), RawQuery: query.Encode()}).String())
	w.WriteHeader(http.StatusSeeOther)
	return true
}

func setCookie(w http.ResponseWriter, s *session, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: s.path() + "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// logOut ends the session of the request.
func (c *Console) logOut(w http.ResponseWriter, r *http.Request) {
	if s := sessionOf(r); s != nil {
		c.sessions.end(s)
		setCookie(w, s, "", -1)
	}
	c.showLoggedOut(w, http.StatusOK, "You are logged out")
}

// sendLink sends a new link to a program with the key.
func (c *Console) sendLink(w http.ResponseWriter, r *http.Request) {
	if !c.sendsKey(r) { // a session must not prolong itself
		c.rejectWithoutKey(w, r)
		return
	}
	io.WriteString(w, c.Link(""))
}

// logged returns a handler that also logs who sent the form.
func (c *Console) logged(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := &statusRecorder{ResponseWriter: w}
		next(answer, r)
		c.Log.Info("console: a form was sent", "by", senderOf(r.Context()), "from", r.RemoteAddr, "to", strings.TrimPrefix(r.Pattern, "POST "), "name", loggable.ID(r.PathValue("name")), "status", cmp.Or(answer.status, http.StatusOK))
	}
}

// nameOf returns the name of a session in the log: a part of its ID that gives no access.
func nameOf(s *session) string { return s.id[:6] }

// statusRecorder records the status of a response.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.NewResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
