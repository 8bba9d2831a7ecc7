package console

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// visitor sends requests to a console, with the cookies that a test chooses.
type visitor struct {
	*testing.T
	console *Console
}

func visit(t *testing.T) visitor { return visitor{t, open(t)} }

func (v visitor) ask(method, target string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	v.Helper()
	request := httptest.NewRequest(method, target, strings.NewReader(""))
	request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	answer := httptest.NewRecorder()
	v.console.Sessions(v.console.Handler()).ServeHTTP(answer, request)
	return answer
}

// open opens a link in a new browser.
func (v visitor) open(link string) (base string, cookie *http.Cookie) {
	v.Helper()
	answer := v.ask("GET", link)
	cookies := answer.Result().Cookies()
	if answer.Code != http.StatusSeeOther || len(cookies) != 1 {
		v.Fatalf("%s is answered %d with the cookies %v", link, answer.Code, cookies)
	}
	return strings.TrimSuffix(answer.Header().Get("Location"), "/"), cookies[0]
}

func (v visitor) wants(what string, answer *httptest.ResponseRecorder, status int) {
	v.Helper()
	if answer.Code != status {
		v.Errorf("%s is answered %d, want %d: %s", what, answer.Code, status, answer.Body)
	}
}

func TestALinkLogsInOneBrowserOnly(t *testing.T) {
	v := visit(t)
	link := v.console.Link("")
	v.wants("a link with another key", v.ask("GET", link+"x"), 401)
	v.wants("a link without its key", v.ask("GET", strings.SplitN(link, "?", 2)[0]), 401)
	v.wants("a link that is posted", v.ask("POST", link), 401)
	advance := httptest.NewRequest("GET", link, nil)
	advance.RemoteAddr, advance.Host = "127.0.0.1:5000", "127.0.0.1:8081"
	advance.Header.Set("Sec-Purpose", "prefetch")
	answer := httptest.NewRecorder()
	v.console.Sessions(v.console.Handler()).ServeHTTP(answer, advance)
	v.wants("a link that a browser prefetches", answer, 401)

	base, cookie := v.open(link)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != base+"/" || cookie.MaxAge <= 0 {
		t.Errorf("the cookie is %v", cookie)
	}
	v.wants("the browser", v.ask("GET", base+"/connections", cookie), 200)
	v.wants("the browser that opens the link again", v.ask("GET", link, cookie), 303)
	v.wants("another browser that opens the link", v.ask("GET", link), 401)
	v.wants("another browser at the address in the first one's history", v.ask("GET", base+"/"), 401)
}

// The redirect removes the key from the address, so that the browser does not store or send it.
func TestALinkRedirectsToItsPageWithoutTheKey(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/trace?id=o-1": "/trace?id=o-1", "//elsewhere.example/": "/elsewhere.example", "/%5Celsewhere.example": "/%5Celsewhere.example",
	} {
		v := visit(t)
		base, key, _ := strings.Cut(v.console.Link(""), "/?")
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		answer := v.ask("GET", base+path+separator+key)
		if got := answer.Header().Get("Location"); answer.Code != http.StatusSeeOther || got != base+want {
			t.Errorf("%s is answered %d and redirects to %q, want %s", path, answer.Code, got, base+want)
		}
		if got := answer.Header(); got.Get("Referrer-Policy") != "no-referrer" || got.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be stored or sent on: %v", path, got)
		}
	}
}

// Browsers send cookies to every port of a machine, so a server at another port must not be able
// to use a cookie of this console.
func TestACookieIsValidOnlyBelowItsSessionsPath(t *testing.T) {
	v, other := visit(t), visit(t)
	base, cookie := v.open(v.console.Link(""))
	otherBase, _ := other.open(other.console.Link(""))
	second, _ := v.open(v.console.Link(""))
	plain := &http.Cookie{Name: cookie.Name, Value: cookie.Value}
	v.wants("the cookie without the session's path", v.ask("GET", "/", plain), 401)
	v.wants("the cookie in another session of this console", v.ask("GET", second+"/", plain), 401)
	v.wants("the cookie at another console, below its own path", other.ask("GET", base+"/", plain), 401)
	v.wants("the cookie at another console, in a session there", other.ask("GET", otherBase+"/", plain), 401)
	v.wants("a cookie without a value", v.ask("GET", base+"/", &http.Cookie{Name: cookie.Name}), 401)
	v.wants("a cookie that another port has added", v.ask("GET", base+"/", &http.Cookie{Name: cookie.Name, Value: "planted"}, plain), 200)
	for _, target := range []string{"/", base + "/"} {
		request := httptest.NewRequest("GET", target, nil)
		request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
		request.Header.Set("Authorization", "Bearer "+cookie.Value)
		answer := httptest.NewRecorder()
		v.console.Sessions(v.console.Handler()).ServeHTTP(answer, request)
		v.wants("the cookie as a program's key at "+target, answer, 401)
	}
	if page := v.ask("GET", base+"/", plain); page.Header().Get("Referrer-Policy") != "same-origin" {
		t.Errorf("the session's path is sent on: %v", page.Header())
	}
}

func TestASessionEndsWithLogOut(t *testing.T) {
	v := visit(t)
	link := v.console.Link("")
	base, cookie := v.open(link)
	if page := v.ask("GET", base+"/", cookie).Body.String(); !strings.Contains(page, `action="./logout"`) {
		t.Errorf("the page has no button to log out:\n%s", page)
	}
	answer := v.ask("POST", base+"/logout", cookie)
	v.wants("logging out", answer, 200)
	if cleared := answer.Result().Cookies(); len(cleared) != 1 || cleared[0].MaxAge != -1 || cleared[0].Path != cookie.Path {
		t.Errorf("the browser keeps its cookie: %v", cleared)
	}
	v.wants("the cookie after logging out", v.ask("GET", base+"/", cookie), 401)
	v.wants("the link after logging out", v.ask("GET", link, cookie), 401)
}

func TestASessionAndALinkEndAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t)
		link := v.console.Link("")
		base, cookie := v.open(v.console.Link(""))
		time.Sleep(sessionLasts - time.Second)
		v.wants("the session before its end", v.ask("GET", base+"/trackings", cookie), 200)
		time.Sleep(time.Second)
		v.wants("the session after its end", v.ask("GET", base+"/trackings", cookie), 401)
		v.wants("a link that was not opened in time", v.ask("GET", link), 401)
	})
}

func TestTheNumberOfSessionsIsBounded(t *testing.T) {
	v := visit(t)
	base, cookie := v.open(v.console.Link(""))
	for range maxSessions - 1 {
		v.console.Link("")
	}
	v.wants("the oldest session", v.ask("GET", base+"/trackings", cookie), 200)
	v.console.Link("")
	v.wants("the oldest session after one too many", v.ask("GET", base+"/trackings", cookie), 401)
}

// A session must not extend itself.
func TestOnlyTheKeyGetsANewLink(t *testing.T) {
	v := visit(t)
	v.console.Machine = machineWith{}
	base, cookie := v.open(v.console.Link(""))
	v.wants("a new link for a session", v.ask("POST", base+LinkPath, cookie), 401)
	v.wants("a new link for an unauthenticated client", v.ask("POST", LinkPath), 401)
	answer := httptest.NewRecorder()
	v.console.Handler().ServeHTTP(answer, local(httptest.NewRequest("POST", LinkPath, nil)))
	v.wants("a new link for a program with the key", answer, 200)
	v.open(answer.Body.String())
}

// A server at another port can set cookies for this machine.
func TestNoticesAreKeptInTheHubAndShownOnce(t *testing.T) {
	v := visit(t)
	base, cookie := v.open(v.console.Link(""))
	planted := &http.Cookie{Name: "hub-notice", Value: "UExBTlRFRA=="}
	if page := v.ask("GET", base+"/trackings", cookie, planted).Body.String(); strings.Contains(page, "PLANTED") || strings.Contains(page, `class="notice"`) {
		t.Error("the page shows a notice from a cookie")
	}
	long := strings.Repeat("done ", 5000)
	v.console.sessions.setNotice(v.console.sessions.find(strings.TrimPrefix(base, sessionsPath)), long)
	if page := v.ask("GET", base+"/trackings", cookie).Body.String(); !strings.Contains(page, strings.TrimSpace(long)) {
		t.Error("the page does not show a long notice whole")
	}
	if page := v.ask("GET", base+"/trackings", cookie).Body.String(); strings.Contains(page, `class="notice"`) {
		t.Error("the page shows a notice twice")
	}
}

func TestChangesAreLoggedWithTheirSender(t *testing.T) {
	c := open(t)
	var log bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	b := browseAt(t, c, nil)
	id := strings.TrimPrefix(b.base, sessionsPath)
	if status, page := b.submit("/connections", "/connections/segment", url.Values{"region": {"eu"}, "write_key": {"PLANTED-key"}}); status != http.StatusOK {
		t.Fatalf("answered %d: %s", status, page)
	}
	b.handler.ServeHTTP(httptest.NewRecorder(), local(httptest.NewRequest("POST", "/trackings", strings.NewReader(url.Values{}.Encode()))))
	for _, want := range []string{
		"a browser logged in\" session=" + id[:6],
		"by=\"session " + id[:6] + "\" from=127.0.0.1:5000 to=/connections/segment name=\"\" status=303",
		"parameters were written\" by=\"session " + id[:6] + "\" parameters=segment/",
		"by=\"a program with the console's key\" from=127.0.0.1:5000 to=/trackings name=\"\" status=400",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), id) {
		t.Errorf("the log has the path of a session:\n%s", log.String())
	}
}
