package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/templates"
)

func TestTemplatesAreRestored(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	hub := func(args ...string) result { return command(t, "", append(args, "--dir", dir)...) }
	push := func(template string) {
		hubtest.WriteFile(t, filepath.Join(files, "order-completed.jsonata"), template)
		if got := hub("templates", "push", "--yes", "--files", files); got.code != exitDone {
			t.Fatal(got.stderr)
		}
	}
	if got := hub("templates", "versions", "order-completed"); got.stdout != "templates/order-completed was never written. Using the default.\n" {
		t.Errorf("it says %+v", got)
	}
	push(hubtest.Simple)
	push(strings.Replace(hubtest.Simple, "event", "event ", 1))
	got := hub("templates", "versions", "order-completed")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "2 ") || !strings.HasSuffix(lines[1], "live") || !strings.HasPrefix(lines[2], "1 ") {
		t.Errorf("it lists\n%s", got.stdout)
	}
	for _, c := range []struct {
		name, version string
		code          int
		after, says   string
	}{
		{"a version", "1", exitDone, hubtest.Simple, "wrote templates/order-completed\n"},
		{"the live one", "3", exitDone, hubtest.Simple, "unchanged templates/order-completed\n"},
		{"an unknown version", "9", exitFailed, hubtest.Simple, "there is no such version: version 9 of templates/order-completed in the directory "},
		{"not a number", "last", exitFailed, hubtest.Simple, `"last" is not a version`},
		{"the default", "default", exitDone, templates.Default("order-completed"), "wrote "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hub("templates", "restore", "order-completed", c.version)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("it exits %d and says %s%s", got.code, got.stdout, got.stderr)
			}
			if content, err := os.ReadFile(filepath.Join(dir, "templates/order-completed")); err != nil || string(content) != c.after {
				t.Errorf("the template is %q, %v", content, err)
			}
		})
	}
	const empty = `{"event": ""}`
	push(empty)
	push(hubtest.Simple)
	if got := hub("templates", "restore", "order-completed", "5"); got.code != exitFailed || !strings.Contains(got.stdout, "samples would fail: message 1: event is an empty string") || !strings.Contains(got.stderr, "nothing was written: ") {
		t.Errorf("it restores a version with which events fail: %+v", got)
	}
	if got := hub("templates", "restore", "order-completed", "5", "--yes"); got.code != exitDone {
		t.Errorf("it does not restore such a version with --yes: %+v", got)
	}
	hubtest.WriteFile(t, filepath.Join(dir, "templates/order-completed"), "{")
	push(hubtest.Simple)
	if got := hub("templates", "restore", "order-completed", "7"); got.code != exitFailed || !strings.Contains(got.stderr, "template order-completed, line 1") {
		t.Errorf("it restores a version that does not compile: %+v", got)
	}
}
