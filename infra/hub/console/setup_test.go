package console

import (
	"context"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// browser sends requests to the console of a store, as a logged-in browser does.
type browser struct {
	t       *testing.T
	handler http.Handler
	store   store.Store
	base    string // the path of its session
	cookies []*http.Cookie
}

// browse opens the console of a deployed store with those settings.
func browse(t *testing.T, set map[string]string) *browser {
	t.Helper()
	c := open(t)
	for _, name := range []string{settings.WebhookSecret, settings.SegmentWriteKey} { // hub run creates them
		if err := os.Remove(filepath.Join(c.Store.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c.Store.Location, c.Store.Takes = store.Location{Prefix: "/shop"}, 75*time.Second
	c.Store.Deployment = &store.Deployment{Outputs: map[string]string{}}
	for _, tr := range tracking.All() {
		c.Store.Deployment.Outputs[outputs.Webhook(tr)] = "https://api.example/webhooks/" + tr.Name
	}
	return browseAt(t, c, set)
}

// browseHere opens the console of a store on this machine with those settings.
func browseHere(t *testing.T, set map[string]string) *browser {
	t.Helper()
	return browseAt(t, open(t), set)
}

func browseAt(t *testing.T, c *Console, set map[string]string) *browser {
	t.Helper()
	for name, value := range set {
		if err := c.Store.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	b := &browser{t: t, handler: c.Sessions(c.Handler()), store: c.Store}
	var cookie *http.Cookie
	b.base, cookie = visitor{t, c}.open(c.Link(""))
	b.cookies = []*http.Cookie{cookie}
	return b
}

// connected starts a Commerce, and returns the settings of a store that is connected to it.
func connected(t *testing.T) (*commercetest.Server, map[string]string) {
	t.Helper()
	store := commercetest.Start(t)
	return store, map[string]string{
		settings.CommerceTokenURL: store.URL + "/oauth/access_token", settings.CommerceClientID: commercetest.ClientID,
		settings.CommerceClientSecret: settings.BindSecret(store.URL, commercetest.ClientSecret), settings.WebhookSecret: "PLANTED-webhook", settings.SegmentWriteKey: "PLANTED-key",
	}
}

// get opens a page and returns its text. It fails if the page contains a secret.
func (b *browser) get(path string) (status int, page string) {
	b.t.Helper()
	return b.do(httptest.NewRequest("GET", path, nil))
}

// post sends a form, and follows the redirect.
func (b *browser) post(path string, form url.Values) (status int, page string) {
	b.t.Helper()
	request := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(request)
}

// form returns the hidden fields of a page's form, by the path of its action.
func (b *browser) form(page, path string) url.Values {
	b.t.Helper()
	_, text := b.get(page)
	return formOf(text, path)
}

// formOf returns the hidden fields of a form in a page's text, by the path of its action.
func formOf(text, path string) url.Values {
	_, form, _ := strings.Cut(text, `action=".`+path+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	fields := url.Values{}
	for _, field := range hiddenField.FindAllStringSubmatch(form, -1) {
		fields.Add(field[1], field[2])
	}
	return fields
}

var hiddenField = regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`)

// submit opens a page, fills in its form and sends it.
func (b *browser) submit(page, path string, filled url.Values) (status int, text string) {
	b.t.Helper()
	form := b.form(page, path)
	maps.Copy(form, filled)
	return b.post(path, form)
}

func (b *browser) do(request *http.Request) (status int, page string) {
	b.t.Helper()
	request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
	request.URL.Path = b.base + request.URL.Path
	for _, cookie := range b.cookies {
		request.AddCookie(cookie)
	}
	answer := httptest.NewRecorder()
	ctx, end := context.WithCancel(request.Context())
	b.handler.ServeHTTP(answer, request.WithContext(ctx))
	end() // as a server does
	body, _ := io.ReadAll(answer.Body)
	if page = string(body); strings.Contains(page, "PLANTED") || strings.Contains(page, commercetest.ClientSecret) {
		b.t.Errorf("%s %s shows a secret:\n%s", request.Method, request.URL, page)
	}
	if answer.Code == http.StatusSeeOther {
		return b.get(strings.TrimPrefix(answer.Header().Get("Location"), b.base))
	}
	return answer.Code, html.UnescapeString(page)
}

// set returns the settings of the store.
func (b *browser) set() map[string]string {
	b.t.Helper()
	values, err := b.store.Parameters(b.t.Context(), store.AllNames())
	if err != nil {
		b.t.Fatal(err)
	}
	return values
}

// wants fails unless a page contains all texts.
func wants(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
}

// The log of a hub is in that hub's memory, so the console of another process cannot show it.
func TestTheConsoleOfADirectoryRefersToTheConsoleOfTheHub(t *testing.T) {
	for _, path := range []string{"/executions", "/trace?q=o-1"} {
		request := httptest.NewRequest("GET", path, nil)
		local(request)
		answer := httptest.NewRecorder()
		open(t).Handler().ServeHTTP(answer, request)
		if answer.Code != http.StatusNotFound || !strings.Contains(answer.Body.String(), "Start it with hub run, and open its console") {
			t.Errorf("%s is answered %d: %s", path, answer.Code, answer.Body)
		}
	}
}
