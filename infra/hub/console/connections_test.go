package console

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

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
			[]string{"nothing was saved", "Commerce answered 401", `value="stand-in-client-id"`, `name="client_secret" type="password" autocomplete="new-password" class="mono" placeholder="kept for ten minutes, leave empty to use it again" aria-invalid="true"`}, false},
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

func TestATypedSecretIsKeptForTheNextTryAndNotShown(t *testing.T) {
	commerce, _ := connected(t)
	b := browse(t, map[string]string{})
	dead := httptest.NewServer(nil)
	dead.Close()
	connect := func(address, secret string) (int, string) {
		return b.submit("/connections", "/connections/commerce", url.Values{"url": {address}, "client_id": {commercetest.ClientID}, "client_secret": {secret}})
	}
	status, page := connect(dead.URL, commercetest.ClientSecret)
	if status != 422 || strings.Contains(page, commercetest.ClientSecret) {
		t.Errorf("answered %d, with the secret: %v", status, strings.Contains(page, commercetest.ClientSecret))
	}
	wants(t, page, "Not connected, and nothing was saved.", "kept for ten minutes, leave empty to use it again")
	_, page = connect(commerce.URL, "")
	wants(t, page, "Connected to Commerce at http", "leave empty to keep the current one")
	if strings.Contains(page, commercetest.ClientSecret) {
		t.Error("the page has the secret")
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
		"the secret has no host":           {map[string]string{settings.CommerceClientSecret: "PLANTED-secret"}, `id="client_secret-wrong">it does not say for which URL it was entered`},
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
			map[string]string{"segment/host": "", "segment/write-key": "PLANTED-key"}, "the current key belongs to another host"},
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
