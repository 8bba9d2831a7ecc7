package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/templates"
)

func TestTemplatesArePushed(t *testing.T) {
	const withoutOrder = `{"event": "Order Completed", "userId": "u", "properties": {"order_id": payload.dta.id}}`
	for _, c := range []struct {
		name  string
		there map[string]string // parameters
		files map[string]string
		args  []string
		code  int
		after map[string]string // of templates/
		says  []string
	}{
		{"the one that is named", nil, map[string]string{"order-completed": hubtest.Simple, "order-updated": hubtest.Simple}, []string{"order-completed"}, exitDone,
			map[string]string{"order-completed": hubtest.Simple}, []string{"wrote templates/order-completed\n"}},
		{"the one that is named as a file", nil, map[string]string{"order-completed": hubtest.Simple}, []string{"order-completed.jsonata"}, exitDone,
			map[string]string{"order-completed": hubtest.Simple}, nil},
		{"all files", nil, map[string]string{"order-completed": hubtest.Simple, "order-updated": hubtest.Simple}, nil, exitDone,
			map[string]string{"order-completed": hubtest.Simple, "order-updated": hubtest.Simple}, nil},
		{"not a file that is the same", map[string]string{"order-completed": hubtest.Simple}, map[string]string{"order-completed": hubtest.Simple + "\n"}, nil, exitDone,
			map[string]string{"order-completed": hubtest.Simple}, []string{"unchanged templates/order-completed\n"}},
		{"not a file that is the default", nil, map[string]string{"order-completed": templates.Default("order-completed")}, nil, exitDone,
			nil, []string{"unchanged templates/order-completed\n"}},
		{"none if one does not compile", nil, map[string]string{"checkout-started": hubtest.Simple, "order-completed": "{\n  \"event\": }"}, nil, exitFailed,
			nil, []string{"nothing was pushed", "order-completed.jsonata", "line 2"}},
		{"not a file that is too large", nil, map[string]string{"order-completed": "/*" + strings.Repeat("x", 8<<10) + "*/ " + hubtest.Simple}, nil, exitFailed,
			nil, []string{"stores at most 8192"}},
		{"not a file that is empty", nil, map[string]string{"order-completed": " \n"}, nil, exitFailed, nil, []string{"is blank"}},
		{"not a file that Parameter Store would read as a reference", nil, map[string]string{"order-completed": `{"a":{{"b":1}:1}}`}, nil, exitFailed, nil, []string{"contains {{"}},
		{"none if one does not exist", nil, map[string]string{"order-completed": hubtest.Simple}, []string{"order-completed", "order-updated"}, exitFailed,
			nil, []string{"there is no file", "order-updated.jsonata"}},
		{"none if events would fail", nil, map[string]string{"order-completed": `{"event": ""}`}, nil, exitFailed, nil,
			[]string{"samples would fail: message 1: event is an empty string", "nothing was written: with these templates events would not be sent"}},
		{"one with a fault, which is printed", nil, map[string]string{"order-completed": withoutOrder}, nil, exitDone,
			map[string]string{"order-completed": withoutOrder}, []string{"hub lint finds:\nTEMPLATE ", "\ntemplates/order-completed ", "properties.order_id", "wrote templates/order-completed\n"}},
		{"although events would fail, if asked for", nil, map[string]string{"order-completed": `{"event": ""}`}, []string{"--yes"}, exitDone,
			map[string]string{"order-completed": `{"event": ""}`}, []string{"wrote templates/order-completed\n"}},
		{"none from an empty folder", nil, nil, nil, exitFailed, nil, []string{"--files"}},
		{"none with an unknown name", nil, nil, []string{"no-such-tracking"}, exitFailed, nil, []string{`there is no tracking "no-such-tracking"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, files := t.TempDir(), t.TempDir()
			for name, template := range c.there {
				hubtest.WriteFile(t, filepath.Join(dir, "templates", name), template)
			}
			for name, template := range c.files {
				hubtest.WriteFile(t, filepath.Join(files, name+".jsonata"), template)
			}
			got := command(t, "", append([]string{"templates", "push", "--dir", dir, "--files", files}, c.args...)...)
			if got.code != c.code {
				t.Errorf("exits %d, want %d: %s", got.code, c.code, got.stderr)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stdout+got.stderr, says) {
					t.Errorf("does not say %q:\n%s%s", says, got.stdout, got.stderr)
				}
			}
			after := parametersIn(t, dir)
			if len(after) != len(c.after) {
				t.Errorf("the parameters are %q", after)
			}
			for name, want := range c.after {
				if after["templates/"+name] != want {
					t.Errorf("%s is %q, want %q", name, after["templates/"+name], want)
				}
			}
		})
	}
}

func TestTemplatesArePulled(t *testing.T) {
	for _, c := range []struct {
		name  string
		there string // the store's template; empty if it has none
		file  string // empty if it does not exist
		args  []string
		code  int
		after string
		says  string
	}{
		{name: "to a file that does not exist", there: hubtest.Simple, after: hubtest.Simple + "\n", says: "wrote "},
		{name: "the default if the store has none", after: templates.Default("order-completed"), says: "wrote "},
		{name: "not over a file that is the same", there: hubtest.Simple, file: hubtest.Simple + "\n\n", after: hubtest.Simple + "\n\n", says: "unchanged "},
		{name: "not over a file that differs", there: hubtest.Simple, file: "mine", code: exitFailed, after: "mine", says: "was not overwritten"},
		{name: "over a file that differs with --force", there: hubtest.Simple, file: "mine", args: []string{"--force"}, after: hubtest.Simple + "\n", says: "wrote "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, files := t.TempDir(), filepath.Join(t.TempDir(), "new", "folder")
			file := filepath.Join(files, "order-completed.jsonata")
			if c.there != "" {
				hubtest.WriteFile(t, filepath.Join(dir, "templates/order-completed"), c.there)
			}
			if c.file != "" {
				hubtest.WriteFile(t, file, c.file)
			}
			got := command(t, "", append([]string{"templates", "pull", "order-completed", "--dir", dir, "--files", files}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
			}
			if content, err := os.ReadFile(file); err != nil || string(content) != c.after {
				t.Errorf("the file is %q, %v, want %q", content, err, c.after)
			}
			if others, _ := os.ReadDir(files); len(others) != 1 {
				t.Errorf("it wrote %v", others)
			}
		})
	}
}

func TestTemplatesAreCompared(t *testing.T) {
	const edited = "{\n  \"event\": \"Sold\",\n  \"userId\": payload.data.id\n}\n"
	for _, c := range []struct {
		name  string
		there string
		files map[string]string
		args  []string
		code  int
		shows []string
	}{
		{"the same", edited, map[string]string{"order-completed": edited}, nil, exitDone, nil},
		{"the same but for line ends at the end", edited, map[string]string{"order-completed": edited + "\n\n"}, nil, exitDone, nil},
		{"a file that is the default, if the store has none", "", map[string]string{"order-completed": templates.Default("order-completed")}, nil, exitDone, nil},
		{"a changed line", edited, map[string]string{"order-completed": strings.Replace(edited, "Sold", "Bought", 1)}, nil, exitFailed,
			[]string{"--- templates/order-completed in the directory ", "\n+++ ", "/order-completed.jsonata\n", "\n-  \"event\": \"Sold\",\n+  \"event\": \"Bought\",\n", "   \"userId\": "}},
		{"a file that is not the default", "", map[string]string{"order-completed": edited}, nil, exitFailed, []string{"--- templates/order-completed, the default\n"}},
		{"a file that does not exist", edited, map[string]string{"order-updated": templates.Default("order-updated")}, nil, exitFailed, []string{"which does not exist\n", "-  \"event\": \"Sold\","}},
		{"another one that differs", edited, map[string]string{"order-completed": "x", "order-updated": templates.Default("order-updated")}, []string{"order-updated"}, exitDone, nil},
		{"no folder: exit code 2", edited, nil, nil, exitTrouble, nil},
		{"an unknown flag: exit code 2", edited, map[string]string{"order-completed": edited}, []string{"--nope"}, exitTrouble, nil},
		{"two stores: exit code 2", edited, map[string]string{"order-completed": edited}, []string{"--prefix", "/x"}, exitTrouble, nil},
		{"an unknown name: exit code 2", edited, nil, []string{"no-such-tracking"}, exitTrouble, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, files := t.TempDir(), t.TempDir()
			if c.there != "" {
				hubtest.WriteFile(t, filepath.Join(dir, "templates/order-completed"), c.there)
			}
			for name, template := range c.files {
				hubtest.WriteFile(t, filepath.Join(files, name+".jsonata"), template)
			}
			got := command(t, "", append([]string{"templates", "diff", "--dir", dir, "--files", files}, c.args...)...)
			if got.code != c.code {
				t.Errorf("exits %d, want %d: %s", got.code, c.code, got.stderr)
			}
			if len(c.shows) == 0 && got.stdout != "" {
				t.Errorf("it shows\n%s", got.stdout)
			}
			for _, shows := range c.shows {
				if !strings.Contains(got.stdout, shows) {
					t.Errorf("it does not show %q:\n%s", shows, got.stdout)
				}
			}
		})
	}
}

func TestAMissingFileIsNamedOnce(t *testing.T) {
	got := command(t, "", "templates", "push", "order-updated", "--files", t.TempDir(), "--dir", t.TempDir())
	if got.code != exitFailed || strings.Count(got.stderr, "order-updated.jsonata") != 1 {
		t.Errorf("it says %+v", got)
	}
}
