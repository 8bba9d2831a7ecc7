package console

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"commerce-segment/infra/hub/store"
)

// open returns the console of an empty store on this machine.
func open(t *testing.T) *Console {
	t.Helper()
	directory, err := store.SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Console{Store: store.InDirectory(directory), Key: theKey, Log: slog.New(slog.DiscardHandler)}
}

// theKey is the key of every console in these tests.
const theKey = "the-key"

// local changes a request to one from a program on this machine with the key.
func local(request *http.Request) *http.Request {
	request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
	request.Header.Set("Authorization", "Bearer "+theKey)
	return request
}

// The console shows settings and customer data. Other sites in the same browser, and requests
// through a tunnel, must not read them.
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
		{"asked from another machine with a false name", "192.168.1.9:5000", "localhost", 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := httptest.NewRequest("GET", "/", nil)
			request.RemoteAddr, request.Host = c.remote, c.host
			request.Header.Set("Authorization", "Bearer "+theKey)
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

// A hub may listen at another address of its machine than the loopback address.
func TestTheConsoleAnswersAtTheAddressOnWhichItListens(t *testing.T) {
	handler := open(t).Handler()
	for _, c := range []struct {
		name, listens, remote, host string
		want                        int
	}{
		{"by that address", "172.17.0.1", "172.17.0.1:5000", "172.17.0.1:8080", 200},
		{"by that address in IPv6", "2001:db8::1", "[2001:db8::1]:5000", "[2001:db8::1]:8080", 200},
		{"by a name that resolves to it", "172.17.0.1", "172.17.0.1:5000", "rebound.example:8080", 403},
		{"by another address", "172.17.0.1", "172.17.0.1:5000", "172.17.0.9:8080", 403},
		{"by localhost", "172.17.0.1", "172.17.0.1:5000", "localhost:8080", 403},
		{"from another machine", "172.17.0.1", "172.17.0.2:5000", "172.17.0.1:8080", 403},
		{"from this machine's loopback address", "172.17.0.1", "127.0.0.1:5000", "172.17.0.1:8080", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := httptest.NewRequest("GET", "/", nil)
			request.RemoteAddr, request.Host = c.remote, c.host
			request.Header.Set("Authorization", "Bearer "+theKey)
			answer := httptest.NewRecorder()
			listens := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(c.listens), Port: 8080})
			handler.ServeHTTP(answer, request.WithContext(listens))
			if answer.Code != c.want {
				t.Errorf("answered %d, want %d", answer.Code, c.want)
			}
		})
	}
}

func TestNothingIsShownOrChangedWithoutTheKey(t *testing.T) {
	handler := open(t).Handler()
	for _, c := range []struct {
		name, method, path, authorization string
		want                              int
	}{
		{"a page", "GET", "/", "", 401},
		{"a page that does not exist", "GET", "/none", "", 401},
		{"a change", "POST", "/trackings", "", 401},
		{"a wrong key in the link", "GET", "/?key=wrong", "", 401},
		{"no key in the link", "GET", "/?key=", "", 401},
		{"a program's key in a link", "GET", "/?key=" + theKey, "", 401},
		{"a program's wrong key", "GET", "/", "Bearer wrong", 401},
		{"a program's empty key", "GET", "/", "Bearer ", 401},
		{"a program's key", "GET", "/", "Bearer " + theKey, 200},
		{"the console's own style", "GET", "/static/console.css", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := httptest.NewRequest(c.method, c.path, nil)
			request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
			request.Header.Set("Authorization", c.authorization)
			request.Header.Set("Accept", "text/html")
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != c.want {
				t.Errorf("answered %d, want %d", answer.Code, c.want)
			}
			if body := answer.Body.String(); c.want == 401 && (!strings.Contains(body, "The hub printed an address") || strings.Contains(body, "Connections")) {
				t.Errorf("the page is\n%s", body)
			}
		})
	}
}

func TestAConsoleWithoutAKeyRejectsAllRequests(t *testing.T) {
	console := open(t)
	console.Key = ""
	for _, authorization := range []string{"", "Bearer "} {
		request := httptest.NewRequest("GET", "/?key=", nil)
		request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
		request.Header.Set("Authorization", authorization)
		answer := httptest.NewRecorder()
		console.Handler().ServeHTTP(answer, request)
		if answer.Code != http.StatusUnauthorized {
			t.Errorf("answered %d", answer.Code)
		}
	}
}

// A page of another site can make its visitor's browser send a form here.
func TestFormsFromOtherSitesAreRejected(t *testing.T) {
	handler := open(t).Handler()
	request := local(httptest.NewRequest("POST", "/connections/segment", strings.NewReader("host=https://elsewhere.example")))
	request.Header.Set("Origin", "https://elsewhere.example")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden {
		t.Errorf("answered %d, want 403", answer.Code)
	}
}

func TestPagesRunOnlyTheConsolesScripts(t *testing.T) {
	request := local(httptest.NewRequest("GET", "/", nil))
	answer := httptest.NewRecorder()
	open(t).Handler().ServeHTTP(answer, request)
	policy := answer.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if body := answer.Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, " style=") || strings.Contains(body, " onclick=") {
		t.Error("the page has an inline script or style, which its policy forbids")
	}
}
