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
	sessionsPath  = "/s/" // and a session's id: below it are the pages of that session
	sessionCookie = "hub-session"
	sessionLasts  = 12 * time.Hour
	maxSessions   = 16
)

// LinkPath is where a program that has the key asks for a new Link.
const LinkPath = "/link"

// session is one browser that may use the console, or a link that no browser has opened
// yet. Browsers send a cookie to every port of a machine, so a cookie alone would reach
// any server there. A session's cookie is sent below the session's own path only, which
// no other server knows.
type session struct {
	id      string
	expires time.Time

	// The rest is guarded by the mutex of sessions.
	once   string // the key in the link; empty once a browser has opened it
	cookie string // empty until then
	notice string // what has been done just before
}

// path is where the session's pages are, without a slash at the end.
func (s *session) path() string { return sessionsPath + s.id }

// sessions are the browsers that may use a console. They are in memory only.
type sessions struct {
	mu  sync.Mutex
	all []*session // the oldest first
}

// begin makes a session that a browser can open. The oldest makes room for it.
func (all *sessions) begin() *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.dropExpired()
	s := &session{id: rand.Text(), once: rand.Text(), expires: time.Now().Add(sessionLasts)}
	all.all = append(all.all, s)
	all.all = all.all[max(0, len(all.all)-maxSessions):]
	return s
}

// find is the session of that id; nil where there is none, or no longer.
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

// open exchanges the key of a link for a cookie, once. It is empty for any other key.
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

// opened says that a request comes from the browser that has opened the session.
func (all *sessions) opened(s *session, r *http.Request) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	// Another port of this machine can add a cookie of that name.
	return s.cookie != "" && slices.ContainsFunc(r.CookiesNamed(sessionCookie), func(sent *http.Cookie) bool { return same(sent.Value, s.cookie) })
}

// note keeps what has been done until a page of the session shows it.
func (all *sessions) note(s *session, notice string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	s.notice = notice
}

// noted is what was noted last. It is given once.
func (all *sessions) noted(s *session) (notice string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	notice, s.notice = s.notice, ""
	return notice
}

// sessionKey is the key of a request's session in its context.
type sessionKey struct{}

// sessionOf is the session below whose path a request is; nil where it is below none,
// as what a program sends with the console's key.
func sessionOf(r *http.Request) *session { return sessionIn(r.Context()) }

func sessionIn(ctx context.Context) *session {
	s, _ := ctx.Value(sessionKey{}).(*session)
	return s
}

// who names in the log who sent a request.
func who(ctx context.Context) string {
	if s := sessionIn(ctx); s != nil {
		return "session " + nameOf(s)
	}
	return "who has the console's key"
}

// base is the path below which a request's pages are, without a slash at the end.
func base(r *http.Request) string {
	if s := sessionOf(r); s != nil {
		return s.path()
	}
	return ""
}

// Sessions passes on what is below the path of a session without that path. Whether it
// comes from the session's browser is for OnlyWithKey to say.
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

// Link is what to open in a browser to be let in. It lets in one browser, which can open
// it again for as long as its session lasts.
func (c *Console) Link(address string) string {
	s := c.sessions.begin()
	return address + s.path() + "/?key=" + s.once
}

// letInByLink answers a link: it exchanges the key in it for a cookie, and takes it out of
// the address.
func (c *Console) letInByLink(w http.ResponseWriter, r *http.Request) bool {
	s, query := sessionOf(r), r.URL.Query()
	// A browser that looks at a link in advance must not use it up.
	if s == nil || r.Method != http.MethodGet || !query.Has("key") || r.Header.Get("Sec-Purpose") != "" {
		return false
	}
	if cookie := c.sessions.open(s, query.Get("key")); cookie != "" {
		c.Log.Info("console: a browser was let in", "session", nameOf(s), "from", r.RemoteAddr)
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

// logOut ends the session of the browser that asks for it.
func (c *Console) logOut(w http.ResponseWriter, r *http.Request) {
	if s := sessionOf(r); s != nil {
		c.sessions.end(s)
		setCookie(w, s, "", -1)
	}
	c.showOutside(w, http.StatusOK, "You are logged out")
}

// sendLink answers a program that has the key with a new link.
func (c *Console) sendLink(w http.ResponseWriter, r *http.Request) {
	if !c.sendsKey(r) { // a session must not prolong itself
		c.askForKey(w, r)
		return
	}
	io.WriteString(w, c.Link(""))
}

// logs has it logged who sent a form that changes something.
func (c *Console) logs(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := &answered{ResponseWriter: w}
		next(answer, r)
		c.Log.Info("console: a form was sent", "by", who(r.Context()), "from", r.RemoteAddr, "to", strings.TrimPrefix(r.Pattern, "POST "), "name", loggable.ID(r.PathValue("name")), "status", cmp.Or(answer.status, http.StatusOK))
	}
}

// nameOf names a session in the log, by a part of its path that opens nothing.
func nameOf(s *session) string { return s.id[:6] }

// answered notes the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.NewResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
