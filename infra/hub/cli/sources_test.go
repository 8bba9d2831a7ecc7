package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/settings"
)

const shopKey = "abcdefghijklmnop"

// inSegment returns the stand-in of a workspace with the source of a shop, and a directory with a
// token for it and the key of the shop.
func inSegment(t *testing.T) (*publicapitest.Server, string) {
	t.Helper()
	server, dir := publicapitest.Start(t), t.TempDir()
	server.AddSource(publicapitest.Source{ID: "shop", Slug: "shop", Name: "Shop", WriteKeys: []string{shopKey}})
	for name, value := range map[string]string{
		settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token),
		settings.SegmentHost: settings.DefaultHost, settings.SegmentWriteKey: shopKey, settings.WebhookSecret: "PLANTED-webhook",
	} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	return server, dir
}

func TestConfigureLooksUpTheWriteKey(t *testing.T) {
	for _, c := range []struct {
		name, key, token string
		arguments        []string
		code             int
		says             string
		saved            string
	}{
		{"a key that no source has", "PLANTED-wrong-key", "", nil, exitFailed, "no source of the workspace “Stand-in” has the write key", shopKey},
		{"a key that no source has, untested", "PLANTED-wrong-key", "", []string{"--untested"}, exitDone, "wrote segment/write-key", "PLANTED-wrong-key"},
		{"the key of another source", "web-web-web-web", "", nil, exitDone, "The write key belongs to the source “Web” (https://app.segment.com/stand-in/sources/web/overview)", "web-web-web-web"},
		{"the key of a disabled source", "old-old-old-old", "", nil, exitDone, "is disabled: Segment drops the events", "old-old-old-old"},
		{"a token that Segment rejects", "", "PLANTED-token", nil, exitFailed, "GET /: Segment answered 401", shopKey},
		{"a token that cannot be one", "", "PLANTED token", nil, exitFailed, "it holds white space", shopKey},
		{"the same token again", "", publicapitest.Token, nil, exitDone, "Nothing to write", shopKey},
		{"another region, for which there is no token", "web-web-web-web", "", []string{"--segment-api-host", "https://eu1.api.segmentapis.com"}, exitDone, "is not sent to https://eu1.api.segmentapis.com", "web-web-web-web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, dir := inSegment(t)
			server.AddSource(publicapitest.Source{Slug: "web", Name: "Web", WriteKeys: []string{"web-web-web-web"}})
			server.AddSource(publicapitest.Source{Slug: "old", Disabled: true, WriteKeys: []string{"old-old-old-old"}})
			t.Setenv("SEGMENT_WRITE_KEY", c.key)
			t.Setenv("SEGMENT_API_TOKEN", c.token)
			got := command(t, "", append([]string{"configure", "--no-input", "--dir", dir}, c.arguments...)...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("it exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
			}
			if key, err := os.ReadFile(filepath.Join(dir, settings.SegmentWriteKey)); err != nil || string(key) != c.saved {
				t.Errorf("%v: the key is %s", err, key)
			}
			if strings.Contains(got.stdout+got.stderr, "PLANTED") || strings.Contains(got.stdout+got.stderr, publicapitest.Token) {
				t.Errorf("it shows a secret:\n%s%s", got.stdout, got.stderr)
			}
		})
	}
}

func TestSourcesShowsWhichOneTheStoreUses(t *testing.T) {
	server, dir := inSegment(t)
	server.AddSource(publicapitest.Source{Slug: "old", Disabled: true, WriteKeys: []string{"PLANTED"}})
	got := succeeds(t, "sources", "list", "--dir", dir)
	for _, line := range []string{"Shop    HTTP API  enabled   yes         shop", "old     HTTP API  disabled"} {
		if !strings.Contains(got.stdout, line) {
			t.Errorf("no line %q in\n%s", line, got.stdout)
		}
	}
	if !strings.Contains(got.stderr, "The write key belongs to the source “Shop”") || strings.Contains(got.stdout+got.stderr, "PLANTED") {
		t.Errorf("it says %s", got.stderr)
	}
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentHost), "")
	if got = succeeds(t, "sources", "list", "--dir", dir); !strings.Contains(got.stdout, "Shop    HTTP API  enabled   key set, not used") ||
		!strings.Contains(got.stderr, "The messages go to the hub's inbox, because no Segment host is set.\nTo send to Segment, set its host: hub configure --dir") {
		t.Errorf("with an inbox it says\n%s%s", got.stdout, got.stderr)
	}
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentHost), settings.DefaultHost)
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), "")
	if got = succeeds(t, "sources", "list", "--dir", dir); !strings.Contains(got.stderr, "The store has no write key of a source. The token belongs to the workspace “Stand-in”, which has 2 sources.") {
		t.Errorf("without a key it says %s", got.stderr)
	}
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), shopKey)
	server.NotSourceAdmin = true
	if got = succeeds(t, "sources", "list", "--dir", dir); !strings.Contains(got.stdout, "key not visible") || !strings.Contains(got.stderr, "Source Admin") {
		t.Errorf("without the role it says\n%s%s", got.stdout, got.stderr)
	}
	server.NotPermitted = []string{"/sources"}
	if got = command(t, "", "sources", "list", "--dir", dir); got.code != exitFailed || !strings.Contains(got.stderr, "Segment answered 401") {
		t.Errorf("with a token that may not list them it exits %d: %s", got.code, got.stderr)
	}
	if got = command(t, "", "sources", "list", "--dir", t.TempDir()); got.code != exitFailed || !strings.Contains(got.stderr, "set segment/api-token with hub configure --dir") {
		t.Errorf("without a token it exits %d: %s", got.code, got.stderr)
	}
}

func TestSourcesCreateSavesTheKeyOnlyIfItIsAsked(t *testing.T) {
	server, dir := inSegment(t)
	if got := succeeds(t, "sources", "create", "Elastic Path", "--dir", dir); !strings.Contains(got.stdout, "Created the source “Elastic Path”.\nThe store does not use the source") {
		t.Errorf("it says\n%s", got.stdout)
	}
	if got := parametersIn(t, dir)[settings.SegmentWriteKey]; got != shopKey {
		t.Error("it changed the key")
	}
	got := succeeds(t, "sources", "create", "Elastic Path 2", "--use", "--dir", dir)
	sources := server.Sources()
	created := sources[len(sources)-1]
	if parametersIn(t, dir)[settings.SegmentWriteKey] != created.WriteKeys[0] || created.Name != "Elastic Path 2" || strings.Contains(got.stdout+got.stderr, created.WriteKeys[0]) {
		t.Errorf("it created %+v, and says\n%s", created, got.stdout)
	}
	if got := command(t, "", "sources", "create", "Elastic Path 2", "--use", "--dir", dir); got.code != exitFailed || !strings.Contains(got.stderr, "choose another name") || len(server.Sources()) != len(sources) {
		t.Errorf("the same name again exits %d: %s", got.code, got.stderr)
	}
}

func TestSourcesCreateSaysThatTheMessagesStillGoToTheInbox(t *testing.T) {
	_, dir := inSegment(t) // its Public API is that of no region, so the host does not follow from it
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentHost), "")
	hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), store.InboxKeyPrefix+"x")
	if got := succeeds(t, "sources", "create", "New", "--use", "--dir", dir); !strings.Contains(got.stdout, "The messages still go to the hub's inbox") {
		t.Errorf("it says\n%s", got.stdout)
	}
	if got := succeeds(t, "configure", "--no-input", "--segment-host", settings.DefaultHost, "--dir", dir); strings.Contains(got.stdout, "inbox") {
		t.Errorf("after the host is set it says\n%s", got.stdout)
	}
}

func TestSourcesCreateAsksAtATerminal(t *testing.T) {
	for answer, wants := range map[string]string{"\n": shopKey, "no\n": shopKey, "yes\n": ""} {
		server, dir := inSegment(t)
		keyboard := openKeyboard(t, nil, "sources", "create", "New", "--dir", dir)
		keyboard.answer("and no longer to the current source: yes or no [no]: ", answer)
		if code := keyboard.wait(); code != exitDone {
			t.Errorf("%q: it exits %d", answer, code)
		}
		if wants == "" {
			wants = server.Sources()[1].WriteKeys[0]
		}
		if got := parametersIn(t, dir)[settings.SegmentWriteKey]; got != wants {
			t.Errorf("%q: the key is %s", answer, got)
		}
	}
}

func TestDoctorLooksUpTheWriteKeyAndFindsADoubleCount(t *testing.T) {
	server, dir := inSegment(t)
	server.AddSource(publicapitest.Source{ID: "web", Slug: "web", Name: "Web", WriteKeys: []string{"x"}})
	for _, source := range []string{"shop", "web"} {
		server.Received(source, "track", "Order Completed", time.Now().Add(-24*time.Hour), 3)
	}
	findings := examined(t, exitBroken, "--dir", dir, "--addr=127.0.0.1:1")["segment"]
	if len(findings) != 3 || findings[1].State != doctor.OK || findings[2].State != doctor.Warning || !strings.Contains(findings[2].Says, "2 sources sent Order Completed") {
		t.Errorf("it finds %+v", findings)
	}
	server.RemoveSource("shop")
	findings = examined(t, exitBroken, "--dir", dir, "--addr=127.0.0.1:1")["segment"]
	if len(findings) != 2 || findings[1].State != doctor.Fault || !strings.Contains(findings[1].Says, "its source was deleted") {
		t.Errorf("after the source was deleted it finds %+v", findings)
	}
}
