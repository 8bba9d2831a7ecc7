package console

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

const shopKey = "abcdefghijklmnop"

// inSegment returns the stand-in of a workspace with the source of a shop, and the settings with
// which a store asks it.
func inSegment(t *testing.T) (*publicapitest.Server, map[string]string) {
	t.Helper()
	server := publicapitest.Start(t)
	server.AddSource(publicapitest.Source{ID: "shop", Slug: "shop", Name: "Shop", WriteKeys: []string{shopKey}})
	return server, map[string]string{
		settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token),
		settings.SegmentHost: settings.DefaultHost, settings.SegmentPath: settings.DefaultPath, settings.SegmentWriteKey: shopKey,
	}
}

func TestConnectionsShowsTheSourceOfTheWriteKey(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*publicapitest.Server, map[string]string)
		says    []string
		saysNot string
	}{
		{"a source has it", func(*publicapitest.Server, map[string]string) {},
			[]string{`class="notice settled" role="status"`, "belongs to the source “Shop”", `href="https://app.segment.com/stand-in/sources/shop/overview"`, "and no longer to Shop"}, ""},
		{"the source was deleted", func(s *publicapitest.Server, _ map[string]string) { s.RemoveSource("shop") },
			[]string{`class="alert" role="status"`, "No source of the workspace", "hub sources create NAME"}, "Open Shop"},
		{"the token may not see keys", func(s *publicapitest.Server, _ map[string]string) { s.NotSourceAdmin = true },
			[]string{`class="hint" role="status"`, "cannot see the write keys of 1 source"}, "Open Shop"},
		{"Segment rejects the token", func(s *publicapitest.Server, _ map[string]string) { s.NotPermitted = []string{"/"} },
			[]string{`class="hint" role="status"`, "Segment could not be asked", "Segment answered 401"}, ""},
		{"the token is for another host", func(_ *publicapitest.Server, set map[string]string) { set[settings.SegmentAPIHost] = publicapi.EUHost },
			[]string{`id="api_token-wrong">it was entered for`, `selected>European Union`}, `role="status"><p>`},
		{"there is no token", func(_ *publicapitest.Server, set map[string]string) { delete(set, settings.SegmentAPIToken) },
			[]string{`Token <span class="pill is-off">not set`}, "Create the source"},
		{"the region follows from that of Segment", func(_ *publicapitest.Server, set map[string]string) {
			delete(set, settings.SegmentAPIToken)
			delete(set, settings.SegmentAPIHost)
			set[settings.SegmentHost] = settings.EUHost
		}, []string{`selected>European Union`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, set := inSegment(t)
			c.change(server, set)
			status, page := browse(t, set).get("/connections")
			wants(t, page, c.says...)
			if status != http.StatusOK || c.saysNot != "" && strings.Contains(page, c.saysNot) || strings.Contains(page, publicapitest.Token) {
				t.Errorf("answered %d, and shows %q: %s", status, c.saysNot, page)
			}
		})
	}
}

func TestATokenIsTestedBeforeItIsSaved(t *testing.T) {
	for _, c := range []struct {
		name, token string
		status      int
		says        string
		saved       bool
	}{
		{"a token of the workspace", publicapitest.Token, 200, "The write key belongs to the source “Shop”", true},
		{"a token that Segment rejects", "PLANTED-token", 422, "Nothing was saved", false},
		{"a token with a space", "PLANTED token", 422, "it holds white space", false},
		{"no token", "", 422, "required", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, set := inSegment(t)
			delete(set, settings.SegmentAPIToken)
			b := browse(t, set)
			status, page := b.submit("/connections", "/connections/api", url.Values{"api_host": {server.URL}, "api_token": {c.token}})
			wants(t, page, c.says)
			if saved := b.set()[settings.SegmentAPIToken] == settings.BindSecret(server.URL, publicapitest.Token); saved != c.saved || status != c.status {
				t.Errorf("answered %d, saved %v", status, saved)
			}
			if strings.Contains(page, "PLANTED") {
				t.Error("the page has the token")
			}
		})
	}
}

// The token that is set is not sent to a host that a user of the page chooses.
func TestTheTokenThatIsSetIsSentToNoOtherHost(t *testing.T) {
	_, set := inSegment(t)
	elsewhere := publicapitest.Start(t)
	status, page := browse(t, set).submit("/connections", "/connections/api", url.Values{"api_host": {elsewhere.URL}, "api_token": {""}})
	wants(t, page, "required")
	if status != http.StatusUnprocessableEntity || len(elsewhere.Requests()) != 0 {
		t.Errorf("answered %d, and the other host got %v", status, elsewhere.Requests())
	}
}

func TestAChangeOfTheTokenByAnotherUserIsNotOverwritten(t *testing.T) {
	server, set := inSegment(t)
	b := browse(t, set)
	_, page := b.get("/connections")
	form := formOf(page, "/connections/api")
	form.Set("api_host", server.URL) // a select, which formOf does not read
	form.Set("api_token", publicapitest.Token)
	if err := b.store.Put(t.Context(), settings.SegmentAPIToken, settings.BindSecret(server.URL, "PLANTED-theirs")); err != nil {
		t.Fatal(err)
	}
	status, page := b.post("/connections/api", form)
	wants(t, page, "another user changed these settings")
	if status != http.StatusConflict || !strings.HasSuffix(b.set()[settings.SegmentAPIToken], "PLANTED-theirs") {
		t.Errorf("answered %d", status)
	}
}

func TestTheSegmentFormLooksUpTheWriteKey(t *testing.T) {
	for _, c := range []struct {
		name, key string
		status    int
		says      string
	}{
		{"a key that no source has", "PLANTED-wrong-key", 422, `id="write_key-wrong">no source of the workspace`},
		{"the key of another source", "web-web-web-web", 200, "The write key belongs to the source “Web”"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, set := inSegment(t)
			server.AddSource(publicapitest.Source{Slug: "web", Name: "Web", WriteKeys: []string{"web-web-web-web"}})
			b := browse(t, set)
			status, page := b.submit("/connections", "/connections/segment", url.Values{"region": {"us"}, "write_key": {c.key}})
			wants(t, page, c.says)
			if saved := b.set()[settings.SegmentWriteKey] == c.key; status != c.status || saved != (c.status == 200) {
				t.Errorf("answered %d, saved %v", status, saved)
			}
		})
	}
}

func TestThePageSaysThatEventsGoToTheInboxAlthoughASourceWasCreated(t *testing.T) {
	_, set := inSegment(t)
	set[settings.SegmentHost], set[settings.SegmentWriteKey] = "", "inbox_PLANTED"
	b := browseHere(t, set)
	_, page := b.submit("/connections", "/connections/source", url.Values{"name": {"Elastic Path"}})
	wants(t, page, "Created the source “Elastic Path”. Its write key is set. Events still go to the inbox: choose the region",
		`class="notice settled" role="status"><p>The write key belongs to the source “Elastic Path”`, "The messages go to the hub's inbox")
	if status, page := b.submit("/connections", "/connections/segment", url.Values{"region": {"us"}}); status != http.StatusOK || b.set()[settings.SegmentHost] != settings.DefaultHost {
		t.Errorf("choosing the region answers %d\n%s", status, page)
	}
}

func TestASourceIsCreatedAndUsedFromThePage(t *testing.T) {
	server, set := inSegment(t)
	b := browse(t, set)
	status, page := b.submit("/connections", "/connections/source", url.Values{"name": {"Elastic Path"}})
	created := server.Sources()[1]
	wants(t, page, "Created the source “Elastic Path”. Events are sent to it.", "Saved.")
	if status != http.StatusOK || b.set()[settings.SegmentWriteKey] != created.WriteKeys[0] || strings.Contains(page, created.WriteKeys[0]) {
		t.Errorf("answered %d, created %+v", status, created)
	}
	before := maps.Clone(b.set())
	status, page = b.submit("/connections", "/connections/source", url.Values{"name": {"Elastic Path"}})
	wants(t, page, "choose another name", `value="Elastic Path"`)
	if status != http.StatusUnprocessableEntity || !maps.Equal(before, b.set()) || len(server.Sources()) != 2 {
		t.Errorf("the same name again: answered %d", status)
	}
}
