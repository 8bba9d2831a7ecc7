package console

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"commerce-segment/infra/hub/site"
)

// open is the console of an empty store on this machine.
func open(t *testing.T) *Console {
	t.Helper()
	home, err := site.MakeHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Console{Site: site.Here(home), Log: slog.New(slog.DiscardHandler)}
}

// The console shows settings and customers: a page that is read by another site in the
// same browser, or through a tunnel, must not be one of its.
func TestTheConsoleAnswersOnlyThisMachine(t *testing.T) {
	handler := open(t).Handler()
	for _, c := range []struct {
		name, remote, host string
		want               int
		forwarded          string
	}{
		{name: "asked through a tunnel that changes the name", remote: "127.0.0.1:5000", host: "localhost:8080", want: 403, forwarded: "abc.tunnel.example"},
		{"asked as 127.0.0.1", "127.0.0.1:5000", "127.0.0.1:8080", 200, ""},
		{"asked as localhost", "127.0.0.1:5000", "localhost:8080", 200, ""},
		{"asked over IPv6", "[::1]:5000", "[::1]:8080", 200, ""},
		{"asked by a name that resolves to this machine", "127.0.0.1:5000", "rebound.example:8080", 403, ""},
		{"asked through a tunnel", "127.0.0.1:5000", "abc.tunnel.example", 403, ""},
		{"asked from another machine", "192.168.1.9:5000", "192.168.1.7:8080", 403, ""},
		{"asked from another machine that lies about the name", "192.168.1.9:5000", "localhost", 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := httptest.NewRequest("GET", "/", nil)
			request.RemoteAddr, request.Host = c.remote, c.host
			if c.forwarded != "" {
				request.Header.Set("X-Forwarded-Host", c.forwarded)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != c.want {
				t.Errorf("answered %d, want %d", answer.Code, c.want)
			}
		})
	}
}

// Whoever asked for a console that other machines reach lets them in by its key.
func TestTheKeyLetsInFromElsewhere(t *testing.T) {
	console := open(t)
	console.Key = "the-key"
	handler := console.Handler()
	ask := func(target string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		request := httptest.NewRequest("GET", target, nil)
		request.RemoteAddr, request.Host = "192.168.1.9:5000", "devbox.example:8080"
		for _, cookie := range cookies {
			request.AddCookie(cookie)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	if got := ask("/").Code; got != http.StatusForbidden {
		t.Errorf("without a key it answers %d", got)
	}
	if got := ask("/?key=wrong").Code; got != http.StatusForbidden {
		t.Errorf("with a wrong key it answers %d", got)
	}
	link := ask("/?key=the-key")
	if link.Code != http.StatusSeeOther || strings.Contains(link.Header().Get("Location"), "key") {
		t.Fatalf("with the key it answers %d and goes to %q", link.Code, link.Header().Get("Location"))
	}
	cookies := link.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("it sets the cookies %v", cookies)
	}
	if got := ask("/", cookies...).Code; got != http.StatusOK {
		t.Errorf("with the cookie it answers %d", got)
	}
	if got := ask("/", &http.Cookie{Name: keyCookie}).Code; got != http.StatusForbidden {
		t.Errorf("with an empty cookie it answers %d", got)
	}
}

// A page elsewhere on the web can have its visitor's browser post here.
func TestOtherSitesCannotWrite(t *testing.T) {
	handler := open(t).Handler()
	request := httptest.NewRequest("POST", "/connections/segment", strings.NewReader("host=https://elsewhere.example"))
	request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8080"
	request.Header.Set("Origin", "https://elsewhere.example")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden {
		t.Errorf("answered %d, want 403", answer.Code)
	}
}

func TestPagesRunNothingButTheConsolesOwn(t *testing.T) {
	request := httptest.NewRequest("GET", "/", nil)
	request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8080"
	answer := httptest.NewRecorder()
	open(t).Handler().ServeHTTP(answer, request)
	policy := answer.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if body := answer.Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, " style=") || strings.Contains(body, " onclick=") {
		t.Error("the page has script or style within it, which its policy forbids")
	}
}
