package workspace

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

// clientOf returns a client of a stand-in.
func clientOf(t *testing.T, server *publicapitest.Server) *publicapi.Client {
	t.Helper()
	client, err := publicapi.NewClient(publicapi.Credentials{URL: server.URL, Token: publicapitest.Token}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// The operator of a store without a key must not be told that its key is wrong.
func TestAStoreWithoutTheKeyOfASourceIsNotSaidToHaveAWrongOne(t *testing.T) {
	server := publicapitest.Start(t)
	server.AddSource(publicapitest.Source{Slug: "shop", WriteKeys: []string{"", store.InboxKeyPrefix + "x"}})
	for _, key := range []string{"", store.InboxKeyPrefix + "x"} {
		l, err := LookUp(t.Context(), clientOf(t, server), key)
		if err != nil || !l.NoKey || l.Source != nil || l.NoSourceHasKey() || l.EventsAreDropped() {
			t.Errorf("%q: %v, %+v", key, err, l)
		}
		if want := "the store has no write key of a source. The token belongs to the workspace “Stand-in”, which has 1 source"; l.Says() != want {
			t.Errorf("%q: it says %q", key, l.Says())
		}
		if do := l.WhatToDo(" --dir x"); !strings.Contains(do, "hub configure --dir x") {
			t.Errorf("%q: what to do is %q", key, do)
		}
	}
}

func TestAWriteKeyIsLookedUp(t *testing.T) {
	shop := publicapitest.Source{Slug: "shop", Name: "Shop", WriteKeys: []string{"another-key", "the-write-key"}}
	disabled := shop
	disabled.Disabled = true
	for _, c := range []struct {
		name             string
		sources          []publicapitest.Source
		hidden           bool
		nowhere, dropped bool
		says, do         string
	}{
		{"a source has it", []publicapitest.Source{{Slug: "other", WriteKeys: []string{"x"}}, shop}, false, false, false,
			"belongs to the source “Shop” (https://app.segment.com/stand-in/sources/shop/overview) in the workspace “Stand-in”", ""},
		{"a source has it that is disabled", []publicapitest.Source{disabled}, false, false, true, "which is disabled: Segment drops the events", "enable the source"},
		{"no source has it", []publicapitest.Source{{Slug: "other", WriteKeys: []string{"x"}}}, false, true, true, "no source of the workspace “Stand-in” has the write key", "hub configure --dir x"},
		{"there is no source", nil, false, true, true, "no source of", "hub sources create NAME --dir x"},
		{"the token may not see keys", []publicapitest.Source{shop, {Slug: "other", WriteKeys: []string{"x"}}}, true, false, false,
			"cannot see the write keys of 2 sources", "Source Admin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := publicapitest.Start(t)
			server.NotSourceAdmin = c.hidden
			for _, source := range c.sources {
				server.AddSource(source)
			}
			l, err := LookUp(t.Context(), clientOf(t, server), "the-write-key")
			if err != nil || l.NoSourceHasKey() != c.nowhere || l.EventsAreDropped() != c.dropped {
				t.Errorf("%v, %+v", err, l)
			}
			if says := l.Says(); !strings.Contains(says, c.says) {
				t.Errorf("it says %q, want %q", says, c.says)
			}
			if do := l.WhatToDo(" --dir x"); !strings.Contains(do, c.do) || (do == "") != (c.do == "") {
				t.Errorf("what to do is %q, want %q", do, c.do)
			}
		})
	}
}

func TestAKeyIsNotSaidToDropMessagesThatGoToTheInbox(t *testing.T) {
	for _, c := range []struct{ name, key, do string }{
		{"a key that no source has", "wrong", "copy the write key"},
		{"the key of an inbox", store.InboxKeyPrefix + "x", "copy the write key"},
		{"the key of a source", "the-write-key", "to send to Segment, set its host: hub configure --dir x --segment-host https://api.segment.io"},
	} {
		server := publicapitest.Start(t)
		server.AddSource(publicapitest.Source{Slug: "shop", WriteKeys: []string{"the-write-key"}})
		l, err := LookUp(t.Context(), clientOf(t, server), c.key)
		l.Inbox = true
		if err != nil || l.EventsAreDropped() || strings.Contains(l.Says(), "drops") || !strings.HasSuffix(l.Says(), ". The messages go to the hub's inbox, because no Segment host is set") {
			t.Errorf("%s: %v, it says %q", c.name, err, l.Says())
		}
		if do := l.WhatToDo(" --dir x"); !strings.HasPrefix(do, c.do) {
			t.Errorf("%s: what to do is %q", c.name, do)
		}
	}
}

// Names come from Segment, and may hold what a terminal obeys.
func TestTheNameOfASourceIsShownInOneLine(t *testing.T) {
	server := publicapitest.Start(t)
	server.AddSource(publicapitest.Source{Slug: "shop", Name: "Sh\x1b[2Jop\nx", WriteKeys: []string{"the-write-key"}})
	l, err := LookUp(t.Context(), clientOf(t, server), "the-write-key")
	if err != nil || strings.ContainsAny(l.Says(), "\x1b\n") {
		t.Errorf("%v: %q", err, l.Says())
	}
}

func TestAKeyIsVerifiedBeforeItIsWritten(t *testing.T) {
	const key, wrong = "abcdefghijklmnop", "PLANTEDPLANTEDPLANTED"
	for _, c := range []struct {
		name            string
		current, wanted map[string]string // the value "token" is the token, bound in current
		says, err       string
	}{
		{"without a token nothing is asked", nil, map[string]string{settings.SegmentWriteKey: wrong}, "", ""},
		{"a new token with the right key", map[string]string{settings.SegmentWriteKey: key}, map[string]string{settings.SegmentAPIToken: "token"}, "The write key belongs to the source “Shop”", ""},
		{"a new token with a key that is wrong already", map[string]string{settings.SegmentWriteKey: wrong}, map[string]string{settings.SegmentAPIToken: "token"}, "No source of the workspace", ""},
		{"a new token before there is a key", nil, map[string]string{settings.SegmentAPIToken: "token"}, "the workspace “Stand-in”, which has 1 source", ""},
		{"a new token with the key of an inbox", map[string]string{settings.SegmentWriteKey: "inbox_x"}, map[string]string{settings.SegmentAPIToken: "token"}, "which has 1 source", ""},
		{"a token that Segment rejects", nil, map[string]string{settings.SegmentAPIToken: "PLANTED"}, "", "Segment answered 401"},
		{"a new key that is wrong", map[string]string{settings.SegmentAPIToken: "token", settings.SegmentWriteKey: key}, map[string]string{settings.SegmentWriteKey: wrong}, "", "no source of the workspace"},
		{"a new key that is right", map[string]string{settings.SegmentAPIToken: "token"}, map[string]string{settings.SegmentWriteKey: key}, "“Shop”", ""},
		{"a new key while Segment rejects the current token", map[string]string{settings.SegmentAPIToken: "PLANTED"}, map[string]string{settings.SegmentWriteKey: wrong}, "Note: the write key was not looked up", ""},
		{"a new key with the current token of another host", map[string]string{settings.SegmentAPIToken: "elsewhere"}, map[string]string{settings.SegmentWriteKey: wrong}, "Note: parameter segment/api-token: it was entered for https://elsewhere.example", ""},
		{"what does not concern Segment", map[string]string{settings.SegmentAPIToken: "token", settings.SegmentWriteKey: wrong}, map[string]string{settings.WebhookSecret: "x"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := publicapitest.Start(t)
			server.AddSource(publicapitest.Source{Slug: "shop", Name: "Shop", WriteKeys: []string{key}})
			current, wanted := map[string]string{settings.SegmentAPIHost: server.URL}, maps.Clone(c.wanted)
			maps.Copy(current, c.current)
			switch current[settings.SegmentAPIToken] {
			case "":
			case "token":
				current[settings.SegmentAPIToken] = settings.BindSecret(server.URL, publicapitest.Token)
			case "elsewhere":
				current[settings.SegmentAPIToken] = settings.BindSecret("https://elsewhere.example", "PLANTED")
			default:
				current[settings.SegmentAPIToken] = settings.BindSecret(server.URL, "PLANTED")
			}
			if wanted[settings.SegmentAPIToken] == "token" {
				wanted[settings.SegmentAPIToken] = publicapitest.Token
			}
			said, err := Verify(t.Context(), current, wanted)
			if !strings.Contains(said, c.says) || (said == "") != (c.says == "") {
				t.Errorf("it says %q, want %q", said, c.says)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			if strings.Contains(said, "PLANTED") || err != nil && strings.Contains(err.Error(), "PLANTED") {
				t.Errorf("it shows a secret: %s, %v", said, err)
			}
			if token := wanted[settings.SegmentAPIToken]; token != "" && !strings.HasPrefix(token, server.URL+" ") {
				t.Error("the token is not bound to its host")
			}
		})
	}
}

func TestASourceIsCreatedAndUsed(t *testing.T) {
	server := publicapitest.Start(t)
	client := clientOf(t, server)
	source, err := Create(t.Context(), client, "  Elastic Path — Shop 2! ")
	if err != nil || source.Slug != "elastic-path-shop-2" || source.Name != "Elastic Path — Shop 2!" || source.Metadata.ID != publicapitest.HTTPAPI {
		t.Fatalf("%v, %+v", err, source)
	}
	if _, err := Create(t.Context(), client, "Elastic Path Shop 2"); err == nil || !strings.Contains(err.Error(), "choose another name") {
		t.Errorf("the same slug again: %v", err)
	}
	for _, name := range []string{"", "日本", strings.Repeat("x", 101)} {
		if _, err := Create(t.Context(), client, name); err == nil || !strings.Contains(err.Error(), "cannot be the name of a source") {
			t.Errorf("%q: %v", name, err)
		}
	}
	server.Fail(publicapitest.Fault{Method: http.MethodPatch, Status: http.StatusUnprocessableEntity})
	if source, err := Create(t.Context(), client, "Unnamed"); source.ID == "" || err == nil || !strings.Contains(err.Error(), "its name was not set") {
		t.Errorf("a name that Segment rejects: %v, %+v", err, source)
	}
	server.Fail(publicapitest.Fault{Method: http.MethodPost, Break: true, AfterProcessing: true})
	if _, err := Create(t.Context(), client, "Lost"); err == nil || !strings.Contains(err.Error(), "hub sources list shows whether it was created") {
		t.Errorf("an answer that is lost: %v", err)
	}
	other := publicapitest.New()
	other.NotSourceAdmin = true
	limited, err := publicapi.NewClient(publicapi.Credentials{URL: "http://segment.invalid", Token: publicapitest.Token}, other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), limited, "Not allowed"); err == nil || !strings.Contains(err.Error(), "Source Admin for all sources") {
		t.Errorf("without the role: %v", err)
	}
}

func TestTheSettingsOfASourceFollowItsRegion(t *testing.T) {
	source := publicapi.Source{Name: "Shop", WriteKeys: []string{"k"}}
	for _, c := range []struct{ name, api, host, want string }{
		{"no host yet, in the US", "", "", settings.DefaultHost},
		{"no host yet, in the EU", publicapi.EUHost, "", settings.EUHost},
		{"the host of the region", "", settings.EUHost, ""},
		{"the host of the other region", publicapi.EUHost, settings.DefaultHost, settings.EUHost},
		{"a proxy", publicapi.EUHost, "https://proxy.example", ""},
		{"an API of its own", "http://127.0.0.1:9", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wanted, err := SettingsFor(source, map[string]string{settings.SegmentHost: c.host, settings.SegmentAPIHost: c.api})
			if err != nil || wanted[settings.SegmentWriteKey] != "k" || wanted[settings.SegmentHost] != c.want {
				t.Errorf("%v, %v", err, wanted)
			}
		})
	}
	if _, err := SettingsFor(publicapi.Source{Name: "Shop"}, nil); err == nil {
		t.Error("a source without a key is used")
	}
}

func TestEnabledSourcesThatSendTheSameOrdersAreFound(t *testing.T) {
	server := publicapitest.Start(t)
	shop := server.AddSource(publicapitest.Source{Slug: "shop", Name: "Shop"})
	web := server.AddSource(publicapitest.Source{Slug: "web", Name: "Web"})
	old := server.AddSource(publicapitest.Source{Slug: "old", Disabled: true})
	now := time.Now()
	server.Received(shop, "track", "Purchase", now.Add(-6*24*time.Hour), 5)
	server.Received(web, "track", "Purchase", now.Add(-9*24*time.Hour), 70) // too long ago
	server.Received(web, "track", "Product Viewed", now.Add(-time.Hour), 900)
	server.Received(web, "track", "Order Completed", now.Add(-time.Hour), 900) // not what the store sends
	server.Received(old, "track", "Purchase", now.Add(-time.Hour), 70)
	server.Received("deleted", "track", "Purchase", now.Add(-time.Hour), 70)
	l, err := LookUp(t.Context(), clientOf(t, server), "")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Paid", "Purchase"}
	if sources, err := l.OrderSources(t.Context(), names, now); err != nil || len(sources) != 1 || sources[0].Source.ID != shop {
		t.Errorf("one source: %v, %+v", err, sources)
	}
	server.Received(web, "track", "Purchase", now.Add(-time.Hour), 4)
	server.Received(web, "track", "Paid", now.Add(-time.Hour), 3)
	sources, err := l.OrderSources(t.Context(), names, now)
	if err != nil || len(sources) != 2 {
		t.Fatalf("%v, %+v", err, sources)
	}
	if says := DescribeDoubleCount(names, sources); !strings.Contains(says, "2 sources sent Paid or Purchase in the last 7 days: “Web” (7), “Shop” (5)") {
		t.Error(says)
	}
}
