package console

import (
	"context"
	"errors"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
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

func TestConnectTriesCommerceBeforeItSaves(t *testing.T) {
	for _, c := range []struct {
		name, path, id, secret string // the path is below the stand-in's address
		before                 bool   // whether it is already connected
		status                 int
		says                   []string
		saved                  bool
	}{
		{"the base URL", "", commercetest.ClientID, commercetest.ClientSecret, false, 200,
			[]string{"Connected to Commerce at http", "application key “Segment”", "It may read webhooks, orders and customers.", "Saved.", "from Commerce: USD=2."}, true},
		{"the token URL", "/oauth/access_token", commercetest.ClientID, commercetest.ClientSecret, false, 200, []string{"means the Commerce API at http"}, true},
		{"the wrong secret", "", commercetest.ClientID, "PLANTED-wrong", false, 422,
			[]string{"nothing was saved", "Commerce answered 401", `value="stand-in-client-id"`, `name="client_secret" type="password" autocomplete="new-password" class="mono" required aria-invalid="true"`}, false},
		{"a page of the shop", "/products", commercetest.ClientID, commercetest.ClientSecret, false, 422, []string{"has a path, a query or a fragment", `/products"`}, false},
		{"no id", "", "", commercetest.ClientSecret, false, 422, []string{"required"}, false},
		{"no secret", "", commercetest.ClientID, "", false, 422, []string{"required"}, false},
		{"a secret with a space", "", commercetest.ClientID, "PLANTED secret", false, 422, []string{"it holds white space"}, false},
		{"the secret that is set is kept", "", commercetest.ClientID, "", true, 200, []string{"Connected to Commerce", "Nothing has changed."}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, set := connected(t)
			if !c.before {
				set = map[string]string{}
			}
			b := browse(t, set)
			status, page := b.submit("/connections", "/connections/commerce", url.Values{"url": {store.URL + c.path}, "client_id": {c.id}, "client_secret": {c.secret}})
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says...)
			if saved := b.set()[settings.CommerceClientSecret] == settings.BindSecret(store.URL, commercetest.ClientSecret); saved != c.saved {
				t.Errorf("saved %v, want %v", saved, c.saved)
			}
		})
	}
}

// A user of the console must not be able to get the hidden secret by sending it to another
// server.
func TestTheCurrentSecretIsSentToNoOtherHost(t *testing.T) {
	elsewhere := commercetest.Start(t)
	for name, changed := range map[string]map[string]string{
		"the URL is set":                      {},
		"the URL was removed":                 {settings.CommerceTokenURL: ""},
		"the URL was changed by hand":         {settings.CommerceTokenURL: elsewhere.URL},
		"the secret has no host":              {settings.CommerceClientSecret: "PLANTED-secret"},
		"the ID was removed with the URL":     {settings.CommerceTokenURL: "", settings.CommerceClientID: ""},
		"the URL was replaced by no URL":      {settings.CommerceTokenURL: "garbage"},
		"the secret begins with no URL":       {settings.CommerceClientSecret: "garbage PLANTED-secret"},
		"the secret has a third word":         {settings.CommerceClientSecret: elsewhere.URL + " PLANTED-secret PLANTED"},
		"the secret is bound to another host": {settings.CommerceClientSecret: "https://theirs.example PLANTED-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			_, set := connected(t)
			maps.Copy(set, changed)
			b := browse(t, set)
			status, page := b.submit("/connections", "/connections/commerce", url.Values{"url": {elsewhere.URL}, "client_id": {commercetest.ClientID}, "client_secret": {""}})
			wants(t, page, "enter the secret again")
			if status != http.StatusUnprocessableEntity || len(elsewhere.Requests()) != 0 {
				t.Errorf("answered %d, and the other host got %v", status, elsewhere.Requests())
			}
		})
	}
}

func TestConnectionsShowsWhyTheCurrentAccessIsUnusable(t *testing.T) {
	for name, c := range map[string]struct {
		changed map[string]string
		says    string
	}{
		"the secret has no host":           {map[string]string{settings.CommerceClientSecret: "PLANTED-secret"}, `id="client_secret-wrong">it does not say for which Commerce URL it was entered`},
		"the secret is for another host":   {map[string]string{settings.CommerceTokenURL: "https://theirs.example"}, `id="client_secret-wrong">it was entered for http://127.0.0.1`},
		"the URL is invalid":               {map[string]string{settings.CommerceTokenURL: "garbage"}, `id="url-wrong">the Commerce URL is not the URL of a store`},
		"nothing is wrong":                 {nil, ""},
		"the URL is not set, so no access": {map[string]string{settings.CommerceTokenURL: ""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, set := connected(t)
			maps.Copy(set, c.changed)
			_, page := browse(t, set).get("/connections")
			wants(t, page, c.says)
			if strings.Contains(page, `class="wrong"`) != (c.says != "") {
				t.Errorf("the page shows an error at a field: %s", page)
			}
		})
	}
}

func TestConnectShowsMissingPermissions(t *testing.T) {
	store, set := connected(t)
	store.Fail(commercetest.Fault{Path: "/v2/customers", Status: http.StatusForbidden})
	store.Fail(commercetest.Fault{Path: "/v2/application-keys", Status: http.StatusForbidden})
	status, page := browse(t, set).submit("/connections", "/connections/commerce", url.Values{"url": {store.URL}, "client_id": {commercetest.ClientID}})
	wants(t, page, "Connected to Commerce", "It may read webhooks and orders.", "It may not read customers.")
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
}

func TestTheSegmentFormWritesItsSettings(t *testing.T) {
	for _, c := range []struct {
		name   string
		here   bool
		set    map[string]string
		form   url.Values
		status int
		want   map[string]string
		says   string
	}{
		{"the United States", false, nil, url.Values{"region": {"us"}, "write_key": {"PLANTED-new"}}, 200,
			map[string]string{"segment/host": "https://api.segment.io", "segment/path": "/v1/batch", "segment/write-key": "PLANTED-new"}, "within 75 seconds"},
		{"the European Union, with its key", false, map[string]string{"segment/write-key": "PLANTED-key"}, url.Values{"region": {"eu"}, "write_key": {"PLANTED-eu"}}, 200,
			map[string]string{"segment/host": "https://events.eu1.segmentapis.com", "segment/write-key": "PLANTED-eu"}, "Saved."},
		{"the European Union with the other region's key", false, map[string]string{"segment/write-key": "PLANTED-key"}, url.Values{"region": {"eu"}}, 422,
			map[string]string{"segment/host": "", "segment/write-key": "PLANTED-key"}, "the one that is set belongs to another host"},
		{"the region that it is, and the key stays", false, map[string]string{"segment/host": "https://api.segment.io/", "segment/write-key": "PLANTED-key"}, url.Values{"region": {"us"}, "path": {"/s"}}, 200,
			map[string]string{"segment/path": "/s", "segment/write-key": "PLANTED-key"}, "Saved."},
		{"another host", false, map[string]string{"segment/write-key": "PLANTED-key"}, url.Values{"region": {"other"}, "host": {"https://proxy.example"}, "path": {"/s"}, "write_key": {"PLANTED-key"}}, 200,
			map[string]string{"segment/host": "https://proxy.example", "segment/path": "/s"}, "Saved."},
		{"another host in clear", false, map[string]string{"segment/write-key": "PLANTED-key"}, url.Values{"region": {"other"}, "host": {"http://proxy.example"}}, 422,
			map[string]string{"segment/host": ""}, "it is an http URL"},
		{"no host", false, nil, url.Values{"region": {"other"}, "write_key": {"PLANTED-key"}}, 422, map[string]string{"segment/write-key": ""}, "required"},
		{"a path that is none", false, nil, url.Values{"region": {"us"}, "path": {"v1"}, "write_key": {"PLANTED-key"}}, 422, map[string]string{"segment/host": ""}, "it is not the path"},
		{"a key with a space", false, nil, url.Values{"region": {"us"}, "write_key": {"PLANTED key"}}, 422, map[string]string{"segment/host": ""}, "it holds white space"},
		{"no key", false, nil, url.Values{"region": {"us"}}, 422, map[string]string{"segment/host": ""}, "required"},
		{"no region", false, nil, url.Values{"write_key": {"PLANTED-key"}}, 422, map[string]string{"segment/host": ""}, "choose one of the regions"},
		{"the inbox, which a deployed store does not have", false, nil, url.Values{"region": {"inbox"}, "write_key": {"PLANTED-key"}}, 422, nil, "choose one of the regions"},
		{"back to the inbox", true, map[string]string{"segment/host": "https://api.segment.io"}, url.Values{"region": {"inbox"}}, 200, map[string]string{"segment/host": ""}, "Saved."},
		{"to Segment with the inbox's key", true, map[string]string{"segment/write-key": "inbox_PLANTED"}, url.Values{"region": {"us"}}, 422,
			map[string]string{"segment/host": ""}, "Segment would drop everything"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := browse(t, c.set)
			if c.here {
				b = browseHere(t, c.set)
			}
			status, page := b.submit("/connections", "/connections/segment", c.form)
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says)
			set := b.set()
			for name, want := range c.want {
				if set[name] != want {
					t.Errorf("%s is %q, want %q", name, set[name], want)
				}
			}
		})
	}
}

// Segment responds with 200 to a wrong write key, so the page must not show a success.
func TestTheTestEventDoesNotClaimThatTheKeyIsValid(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer int
		status int
		says   string
	}{
		{"Segment accepts it", 200, 200, "This does not show whether the write key is valid"},
		{"Segment rejects the key", 401, 502, "did not accept the test event"},
		{"Segment is down", 503, 502, "segment_503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			segment := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = string(body)
				w.WriteHeader(c.answer)
			}))
			defer segment.Close()
			b := browse(t, map[string]string{settings.SegmentHost: segment.URL, settings.SegmentWriteKey: "PLANTED-key"})
			status, page := b.post("/connections/test", nil)
			wants(t, page, c.says)
			if status != c.status || strings.Contains(page, `class="notice"`) {
				t.Errorf("answered %d, want %d, and no green notice:\n%s", status, c.status, page)
			}
			if !strings.Contains(got, testEvent) {
				t.Errorf("Segment got %s", got)
			}
		})
	}
	t.Run("no write key", func(t *testing.T) {
		status, page := browse(t, nil).post("/connections/test", nil)
		wants(t, page, "no write key is set")
		if status != http.StatusBadGateway {
			t.Errorf("answered %d", status)
		}
	})
	t.Run("the inbox of a hub that is not here", func(t *testing.T) {
		status, page := browseHere(t, nil).post("/connections/test", nil)
		wants(t, page, "go to the inbox of hub run")
		if status != http.StatusUnprocessableEntity {
			t.Errorf("answered %d", status)
		}
	})
}

func TestTheConfigurationsAreSaved(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(url.Values)
		status  int
		changes map[string]string
		says    string
	}{
		{"as it was", func(url.Values) {}, 200, nil, "Nothing has changed."},
		{"one is disabled", func(f url.Values) { f.Del("enabled-order-updated") }, 200, map[string]string{"tracking/order-updated/enabled": "false"}, "Open the page Finish"},
		{"another event", func(f url.Values) { f.Set("events-order-completed", "order.fulfilled") }, 200, map[string]string{"tracking/order-completed/events": "order.fulfilled"}, "within 75 seconds"},
		{"an additional event", func(f url.Values) { f.Add("events-customer-updated", "customer.deleted") }, 200,
			map[string]string{"tracking/customer-updated/events": "customer.updated,customer.deleted"}, "Saved."},
		{"no event", func(f url.Values) { f.Del("events-customer-updated") }, 422, nil, "customer-updated observes no event"},
		{"no event, and disabled", func(f url.Values) { f.Del("events-customer-updated"); f.Del("enabled-customer-updated") }, 200,
			map[string]string{"tracking/customer-updated/enabled": "false"}, "Saved."},
		{"two events for a tracking that observes one", func(f url.Values) { f.Add("events-order-completed", "order.fulfilled") }, 422, nil, "it observes exactly one event"},
		{"an empty form", func(f url.Values) { clear(f) }, 400, nil, "nothing was saved"},
		{"an event of another tracking", func(f url.Values) { f.Set("events-order-completed", "order.created") }, 422, nil, "cannot observe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := browse(t, nil)
			form := b.trackingsForm()
			want := b.set()
			maps.Copy(want, c.changes)
			c.change(form)
			status, page := b.post("/trackings", form)
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says)
			if got := b.set(); !maps.Equal(got, want) {
				t.Errorf("the settings are\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// trackingsForm returns the form of the page Configurations with the default settings.
func (b *browser) trackingsForm() url.Values {
	b.t.Helper()
	form := b.form("/trackings", "/trackings")
	for _, tr := range tracking.All() {
		form.Set("enabled-"+tr.Name, "true")
		form["events-"+tr.Name] = tr.Observes
	}
	return form
}

// Two users may have the page open at the same time, or one user in two windows.
func TestConfigurationsThatAnotherUserChangedStay(t *testing.T) {
	for _, c := range []struct {
		name   string
		theirs map[string]string
		mine   func(url.Values)
		status int
		want   map[string]string
		says   []string
	}{
		{"another tracking", map[string]string{"tracking/order-updated/enabled": "false"},
			func(f url.Values) { f.Set("events-order-completed", "order.fulfilled") }, 200,
			map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled"}, []string{"Saved."}},
		{"another setting of the same", map[string]string{"tracking/order-completed/events": "order.fulfilled"},
			func(f url.Values) { f.Del("enabled-order-completed") }, 200,
			map[string]string{"tracking/order-completed/enabled": "false", "tracking/order-completed/events": "order.fulfilled"}, []string{"Saved."}},
		{"the same to the same", map[string]string{"tracking/order-updated/enabled": "false"},
			func(f url.Values) { f.Del("enabled-order-updated") }, 200,
			map[string]string{"tracking/order-updated/enabled": "false"}, []string{"Nothing has changed."}},
		{"the same to another", map[string]string{"tracking/order-completed/events": "order.fulfilled", "tracking/order-updated/enabled": "false"},
			func(f url.Values) { f.Set("events-order-completed", "order.authorized") }, 409,
			map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled"},
			[]string{"another user changed the marked settings", "current value: order.fulfilled", `value="order.authorized" checked`, `name="enabled-order-updated" value="true">`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := browse(t, nil)
			form := b.trackingsForm()
			for name, value := range c.theirs {
				if err := b.store.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			c.mine(form)
			status, page := b.post("/trackings", form)
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says...)
			if got := b.set(); !maps.Equal(got, c.want) {
				t.Errorf("the settings are\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestSavingAgainOverwritesAnotherUsersChange(t *testing.T) {
	b := browse(t, nil)
	form := b.trackingsForm()
	if err := b.store.Put(t.Context(), "tracking/order-completed/events", "order.fulfilled"); err != nil {
		t.Fatal(err)
	}
	form.Set("events-order-completed", "order.authorized")
	b.post("/trackings", form)
	maps.Copy(form, b.form("/trackings", "/trackings")) // as on the page with the conflict
	status, page := b.post("/trackings", form)
	wants(t, page, "Saved.")
	if got := b.set()["tracking/order-completed/events"]; status != 200 || got != "order.authorized" {
		t.Errorf("answered %d, and it is %s", status, got)
	}
}

// A host and its key, or an address and its credentials, belong together. A form of an old page
// must not combine a part of them with another user's change.
func TestConnectionsThatAnotherUserChangedStay(t *testing.T) {
	store, connection := connected(t)
	segment := map[string]string{settings.SegmentHost: "https://api.segment.io", settings.SegmentWriteKey: "PLANTED-key"}
	for _, c := range []struct {
		name, form   string
		set          map[string]string
		theirs       map[string]string
		mine         url.Values
		status       int
		want         map[string]string
		says         []string
		asksCommerce bool
	}{
		{"another client id", "commerce", connection, map[string]string{settings.CommerceClientID: "theirs"},
			url.Values{"url": {store.URL}, "client_id": {"mine"}}, 409, map[string]string{settings.CommerceClientID: "theirs"},
			[]string{"another user changed these settings", "current value: theirs", `value="mine"`}, false},
		{"another address, to which my secret must not go", "commerce", connection, map[string]string{settings.CommerceTokenURL: "https://theirs.example/oauth/access_token"},
			url.Values{"url": {store.URL}, "client_id": {commercetest.ClientID}, "client_secret": {"PLANTED-mine"}}, 409,
			map[string]string{settings.CommerceTokenURL: "https://theirs.example/oauth/access_token", settings.CommerceClientSecret: connection[settings.CommerceClientSecret]},
			[]string{"current value: https://theirs.example", "enter the secret again to save it"}, false},
		{"another client secret", "commerce", connection, map[string]string{settings.CommerceClientSecret: "PLANTED-theirs"},
			url.Values{"url": {store.URL}, "client_id": {commercetest.ClientID}, "client_secret": {commercetest.ClientSecret}}, 409,
			map[string]string{settings.CommerceClientSecret: "PLANTED-theirs"}, []string{"enter the secret again to save it"}, false},
		{"the same", "commerce", map[string]string{settings.CommerceTokenURL: store.URL + "/oauth/access_token", settings.CommerceClientSecret: connection[settings.CommerceClientSecret]},
			map[string]string{settings.CommerceClientID: commercetest.ClientID},
			url.Values{"url": {store.URL}, "client_id": {commercetest.ClientID}}, 200, nil, []string{"Nothing has changed."}, true},
		{"the region", "segment", segment, map[string]string{settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentWriteKey: "PLANTED-eu"},
			url.Values{"region": {"us"}, "path": {"/mine"}}, 409,
			map[string]string{settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentWriteKey: "PLANTED-eu", settings.SegmentPath: ""},
			[]string{"current value: https://events.eu1.segmentapis.com"}, false},
		{"the write key", "segment", segment, map[string]string{settings.SegmentWriteKey: "PLANTED-theirs"},
			url.Values{"region": {"us"}, "write_key": {"PLANTED-mine"}}, 409, map[string]string{settings.SegmentWriteKey: "PLANTED-theirs"},
			[]string{"enter the secret again to save it"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := browse(t, c.set)
			form := b.form("/connections", "/connections/"+c.form)
			for name, value := range c.theirs {
				if err := b.store.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			maps.Copy(form, c.mine)
			before := len(store.Requests())
			status, page := b.post("/connections/"+c.form, form)
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says...)
			set := b.set()
			for name, want := range c.want {
				if set[name] != want {
					t.Errorf("%s is %q, want %q", name, set[name], want)
				}
			}
			if asked := len(store.Requests()) > before; asked != c.asksCommerce {
				t.Errorf("Commerce was asked: %v", asked)
			}
		})
	}
}

func TestThePageConfigurationsShowsTheSettings(t *testing.T) {
	_, page := browse(t, map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled"}).get("/trackings")
	wants(t, page, "Orders", "Customers", `name="enabled-order-completed" value="true" checked`, `name="enabled-order-updated" value="true">`,
		`type="radio" name="events-order-completed" value="order.fulfilled" checked`, `type="radio" name="events-order-completed" value="order.paid">`,
		`type="checkbox" name="events-customer-updated" value="customer.deleted">`, "A track call “Order Completed”, once for each order.")
}

func TestFinishRegistersTheWebhooksAndThenHasNothingToDo(t *testing.T) {
	store, set := connected(t)
	delete(set, settings.WebhookSecret)
	b := browse(t, set)
	_, page := b.get("/finish")
	wants(t, page, "There is no webhook secret yet. Finish creates one.", ">create<", "Segment: Order Completed (/shop)")
	if len(store.Integrations()) != 0 {
		t.Error("opening the page registers webhooks")
	}
	status, page := b.post("/finish", nil)
	wants(t, page, "The webhook secret was created.", "Created “Segment: Order Completed (/shop)”.", "Nothing to do")
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
	secret := b.set()[settings.WebhookSecret]
	for _, i := range store.Integrations() {
		if key := i["configuration"].(commercetest.Object)["secret_key"]; len(secret) != 64 || key != secret {
			t.Errorf("%s has the secret key %v, want %q", i["name"], key, secret)
		}
	}
	if strings.Contains(page, secret) {
		t.Error("the page shows the secret")
	}
	if b.post("/finish", nil); len(store.Integrations()) != len(tracking.All()) {
		t.Errorf("the second time Commerce has %d", len(store.Integrations()))
	}
	_, page = b.get("/")
	wants(t, page, "The webhooks are registered in Commerce.")
	store.AddLog(store.Integrations()[1]["id"].(string), 202, "accepted")
	store.AddLog(store.Integrations()[2]["id"].(string), 401, "forged")
	_, page = b.get("/finish")
	wants(t, page, "Order Completed", ">202<", "accepted and queued for Segment", ">401<", "Commerce sends a wrong secret")
}

// An open page refreshes automatically, in each of its windows.
func TestRefreshingFinishDoesNotAskCommerceEachTime(t *testing.T) {
	store, set := connected(t)
	b := browse(t, set)
	b.post("/finish", nil)
	store.AddLog(store.Integrations()[1]["id"].(string), 202, "accepted")
	b.get("/finish")
	asked := len(store.Requests())
	for range 5 {
		_, part := b.get("/finish/arrivals")
		wants(t, part, ">202<")
	}
	if again := len(store.Requests()); again != asked {
		t.Errorf("five refreshes asked Commerce %d times", again-asked)
	}
	store.AddLog(store.Integrations()[2]["id"].(string), 401, "forged")
	_, page := b.get("/finish")
	wants(t, page, ">401<", `data-every="60"`, "Refresh")
}

// Two users, or one in two windows, may press the button at the same time.
func TestFinishTwiceAtOnceRegistersEachWebhookOnce(t *testing.T) {
	store, set := connected(t)
	delete(set, settings.WebhookSecret)
	b := browse(t, set)
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			b.handler.ServeHTTP(httptest.NewRecorder(), local(httptest.NewRequest(http.MethodPost, "/finish", nil)))
		})
	}
	both.Wait()
	if got := len(store.Integrations()); got != len(tracking.All()) {
		t.Errorf("Commerce has %d integrations, want %d", got, len(tracking.All()))
	}
}

func TestFinishThatFailsShowsWhatWasDone(t *testing.T) {
	store, set := connected(t)
	b := browse(t, set)
	store.Fail(commercetest.Fault{Method: http.MethodPost, Path: "/v2/integrations", Status: http.StatusForbidden})
	status, page := b.post("/finish", nil)
	wants(t, page, "the application key lacks the permission", "Done: 0 of 7")
	if status != http.StatusBadGateway {
		t.Errorf("answered %d", status)
	}
	if _, page = b.post("/finish", nil); len(store.Integrations()) != len(tracking.All()) {
		t.Errorf("after that Commerce has %d:\n%s", len(store.Integrations()), page)
	}
}

func TestFinishWithoutCommerceShowsTheStepsByHand(t *testing.T) {
	b := browse(t, nil)
	_, page := b.get("/finish")
	wants(t, page, "Create the webhook secret", "https://api.example/webhooks/order-completed", "<code>order.paid</code>", "its deliveries are not shown here")
	status, page := b.post("/finish", nil)
	wants(t, page, "The webhook secret was created.", "by hand")
	if status != http.StatusOK || len(b.set()[settings.WebhookSecret]) != 64 {
		t.Errorf("answered %d, and the secret is %q", status, b.set()[settings.WebhookSecret])
	}
}

func TestFinishOnThisMachineAsksForAnAddress(t *testing.T) {
	store, set := connected(t)
	b := browseHere(t, set)
	_, page := b.get("/finish")
	wants(t, page, "Commerce cannot reach this machine directly", "Preview the changes")
	status, page := b.post("/finish", url.Values{"url": {"http://localhost:8080"}})
	wants(t, page, "only this machine reaches", `value="http://localhost:8080"`)
	if status != http.StatusUnprocessableEntity || len(store.Integrations()) != 0 {
		t.Errorf("answered %d, and Commerce has %d", status, len(store.Integrations()))
	}
	status, page = b.post("/finish", url.Values{"url": {"https://x.tunnel.example"}})
	wants(t, page, "Nothing to do", `value="https://x.tunnel.example"`)
	if status != http.StatusOK || len(store.Integrations()) != len(tracking.All()) {
		t.Errorf("answered %d, and Commerce has %d", status, len(store.Integrations()))
	}
}

// Commerce must not send a secret that the functions do not have yet.
func TestFinishWaitsUntilTheFunctionsHaveANewSecret(t *testing.T) {
	store, set := connected(t)
	set[settings.WebhookSecret] = "PLANTED-new\nPLANTED-old"
	status, page := browse(t, set).post("/finish", nil)
	wants(t, page, "the functions do not have the new webhook secret yet")
	if status != http.StatusConflict || len(store.Integrations()) != 0 {
		t.Errorf("answered %d, and Commerce has %d", status, len(store.Integrations()))
	}
}

func TestPagesWorkIfCommerceFails(t *testing.T) {
	store, set := connected(t)
	store.Fail(commercetest.Fault{Path: "/v2/integrations", Status: http.StatusForbidden, Times: 100})
	b := browse(t, set)
	for path, says := range map[string]string{"/": "Commerce could not be reached", "/finish": "the application key lacks the permission", "/connections": "Client secret"} {
		status, page := b.get(path)
		wants(t, page, says)
		if status != http.StatusOK {
			t.Errorf("%s answers %d", path, status)
		}
	}
}

func TestFinishShowsInvalidSettings(t *testing.T) {
	_, set := connected(t)
	set["tracking/order-updated/enabled"] = "perhaps"
	status, page := browse(t, set).get("/finish")
	wants(t, page, "parameter tracking/order-updated/enabled: it is neither true nor false")
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
}

func TestEveryObservableEventHasADescription(t *testing.T) {
	for _, tr := range tracking.All() {
		if missing := slices.IndexFunc(tr.Observable(), func(event string) bool { return eventTimes[event] == "" }); missing >= 0 {
			t.Errorf("%s: %s has no description", tr.Name, tr.Observable()[missing])
		}
	}
}

// throttled is a store that does not write one of its parameters.
type throttled struct {
	store.Backend
	name string
}

func (s *throttled) Put(ctx context.Context, name, value string) error {
	if name == s.name {
		return errors.New("parameter " + name + ": throttled")
	}
	return s.Backend.Put(ctx, name, value)
}

func (s *throttled) PutTogether(ctx context.Context, values map[string]string) error {
	if _, written := values[s.name]; written {
		return errors.New("parameter " + s.name + ": throttled")
	}
	return s.Backend.PutTogether(ctx, values)
}

// Settings that an interrupted save wrote must not look like another user's change.
func TestSettingsThatCouldNotBeSavedAreSavedTheNextTime(t *testing.T) {
	c := open(t)
	store := &throttled{c.Store.Backend, settings.SegmentWriteKey}
	c.Store.Backend = store
	b := browseAt(t, c, map[string]string{settings.SegmentHost: settings.DefaultHost})
	filled := url.Values{"region": {regionEU}, "write_key": {"eu-write-key"}}
	status, page := b.submit("/connections", "/connections/segment", filled)
	wants(t, page, "parameter segment/write-key: throttled")
	if status != http.StatusBadGateway {
		t.Errorf("if it cannot be written it answers %d", status)
	}
	store.name = ""
	form := formOf(page, "/connections/segment")
	maps.Copy(form, filled)
	if status, page := b.post("/connections/segment", form); status != http.StatusOK || !strings.Contains(page, "Saved.") {
		t.Errorf("saved again it answers %d:\n%s", status, page)
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
