package cli

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/templates"
)

func TestSettingsShowsValuesAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{
		"segment/write-key": "PLANTED-key", "commerce/webhook-secret": "PLANTED-new\nPLANTED-old", "commerce/client-secret": "PLANTED-client",
		"commerce/client-id": "my-id", "segment/path": "/v1/import", "tracking/order-updated/enabled": "true\n",
		"tracking/order-completed/events": "order.fulfilled", "templates/order-completed": hubtest.Simple,
		"templates/order-updated": templates.Default("order-updated") + "\n",
	} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	got := command(t, "", "settings", "--dir", dir)
	if got.code != exitDone || got.stderr != "Settings in the directory "+dir+"\n" {
		t.Errorf("exits %d and says %q", got.code, got.stderr)
	}
	noSecret(t, got)
	const time = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	for _, c := range []struct{ name, line string }{
		{"a secret that is set", `segment/write-key +set +` + time},
		{"a secret of two lines", `commerce/webhook-secret +set +` + time},
		{"a value that is not the default", `segment/path +/v1/import +` + time},
		{"no host: the inbox is used", `segment/host +not set`},
		{"a default", `tracking/order-refunded/enabled +true +yes`},
		{"a default that is written", `tracking/order-updated/enabled +true +yes +` + time},
		{"a value without a default", `commerce/client-id +my-id +` + time},
		{"a setting without a value and a default", `commerce/token-url +not set`},
		{"events that are not the default", `tracking/order-completed/events +order\.fulfilled +` + time},
		{"a template that is not the default", `templates/order-completed +\d+ bytes +` + time},
		{"a template that is the default, written by an editor", `templates/order-updated +\d+ bytes +yes +` + time},
		{"a template that is the default", `templates/order-refunded +\d+ bytes +yes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !regexp.MustCompile(`(?m)^` + c.line + ` *$`).MatchString(got.stdout) {
				t.Errorf("no line matches %s:\n%s", c.line, got.stdout)
			}
		})
	}
}

func TestSettingsAsJSONShowsTheSame(t *testing.T) {
	dir := t.TempDir()
	hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "PLANTED-key")
	hubtest.WriteFile(t, filepath.Join(dir, "segment/path"), "/v1/import")
	got := command(t, "", "settings", "--json", "--dir", dir)
	noSecret(t, got)
	var list []store.Setting
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list) != len(store.AllNames())+len(store.PausedNames())+len([]string{settings.WebhookAddress})+len(settings.AlertNames()) {
		t.Fatalf("%d settings, %v:\n%s", len(list), err, got.stdout)
	}
	for _, one := range list {
		set := one.Name == "segment/write-key" || one.Name == "segment/path"
		if one.Set != set || (one.Modified != nil) != set || one.Version != 0 {
			t.Errorf("%+v, want Set to be %v", one, set)
		}
		if one.Secret && one.Value != "" || one.Name == "segment/path" && (one.Value != "/v1/import" || one.Default) {
			t.Errorf("%+v", one)
		}
		if strings.HasPrefix(one.Name, "templates/") && !one.Default {
			t.Errorf("%s is not the default", one.Name)
		}
	}
}

func TestAMistypedDirectoryIsAnError(t *testing.T) {
	missing, file := filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "file")
	hubtest.WriteFile(t, file, "")
	for _, args := range [][]string{{"settings"}, {"doctor"}, {"console"}, {"rotate"}, {"lint"}, {"preview", "order-completed", "order-completed/guest"}, {"send", "order-completed/guest"}} {
		got := command(t, "", append(args, "--dir", missing)...)
		if got.code != exitFailed || !strings.Contains(got.stderr, "there is no hub's directory "+missing) || !strings.Contains(got.stderr, "hub run --dir '"+missing+"'") {
			t.Errorf("%s exits %d and says %q", args[0], got.code, got.stderr)
		}
	}
	if got := command(t, "", "settings", "--dir", file); got.code != exitFailed || !strings.Contains(got.stderr, "is a file, not a hub's directory") {
		t.Errorf("with a file it exits %d and says %q", got.code, got.stderr)
	}
}

// A script whose variable is not set must not change the store on this machine.
func TestAnEmptyPrefixIsAnError(t *testing.T) {
	for _, args := range [][]string{{"settings"}, {"configure", "--no-input"}, {"doctor"}, {"pause", "--all"}} {
		if got := command(t, "", append(args, "--prefix", "")...); got.code != exitFailed || !strings.Contains(got.stderr, "--prefix is empty") {
			t.Errorf("%s exits %d and says %q", args[0], got.code, got.stderr)
		}
	}
}
