package settings_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func TestDirReadsAFileForEachParameter(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"segment/write-key":         "wk\r\n",
		"commerce/webhook-secret":   "new\nold\n",
		"templates/order-completed": "{\n}\n\n",
		"segment/unread":            "x",
	} {
		write(t, filepath.Join(root, filepath.FromSlash(name)), content)
	}
	got, err := settings.Dir(root).Parameters(t.Context(), settings.Names(tracking.OrderCompleted))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"segment/write-key":         "wk",
		"commerce/webhook-secret":   "new\nold",
		"templates/order-completed": "{\n}",
	}
	same(t, got, want)
}

func TestADirThatDoesNotExistHasNoParameters(t *testing.T) {
	got, err := settings.Dir(filepath.Join(t.TempDir(), "none")).Parameters(t.Context(), []string{"segment/host"})
	if err != nil || len(got) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDirNamesTheParameterItCannotRead(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "segment", "host"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := settings.Dir(root).Parameters(t.Context(), []string{"segment/host"})
	if err == nil || !strings.Contains(err.Error(), "reading parameter segment/host: ") {
		t.Errorf("a directory instead of a file gives %v", err)
	}
}

func TestDirPutsWhatItReads(t *testing.T) {
	root := filepath.Join(t.TempDir(), ".hub")
	dir := settings.Dir(root)
	for _, value := range []string{"first", "second\nline"} {
		if err := dir.Put(t.Context(), "commerce/webhook-secret", value); err != nil {
			t.Fatal(err)
		}
		got, err := dir.Parameters(t.Context(), []string{"commerce/webhook-secret"})
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, map[string]string{"commerce/webhook-secret": value})
	}
	mode(t, root, 0o700)
	mode(t, filepath.Join(root, "commerce"), 0o700)
	mode(t, filepath.Join(root, "commerce", "webhook-secret"), 0o600)
	left, err := os.ReadDir(filepath.Join(root, "commerce"))
	if err != nil || len(left) != 1 {
		t.Errorf("the directory has other files than the parameter's: %v, %v", left, err)
	}
}

// Even if other users could read the old file, they must not be able to read the new value.
func TestDirPutMakesAFileReadableByItsOwnerOnly(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "segment", "write-key")
	write(t, path, "old")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := settings.Dir(root).Put(t.Context(), "segment/write-key", "new"); err != nil {
		t.Fatal(err)
	}
	mode(t, path, 0o600)
}

// If Put wrote the file in place, a concurrent reader could get a part of a write key.
// Segment would answer 200 and drop the events.
func TestAValueIsReadCompletelyDuringPut(t *testing.T) {
	dir := settings.Dir(t.TempDir())
	old, latest := strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<16)
	put := func(value string) {
		if err := dir.Put(t.Context(), "templates/order-completed", value); err != nil {
			t.Error(err)
		}
	}
	put(old)
	var writer sync.WaitGroup
	writer.Go(func() {
		for range 50 {
			put(latest)
			put(old)
		}
	})
	for range 200 {
		got, err := dir.Parameters(t.Context(), []string{"templates/order-completed"})
		if value := got["templates/order-completed"]; err != nil || value != old && value != latest {
			t.Fatalf("read %d bytes, %v", len(value), err)
		}
	}
	writer.Wait()
}

func TestDirRejectsInvalidNamesOfParameters(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "outside"), "x")
	dir := settings.Dir(filepath.Join(root, "inside"))
	for _, name := range []string{
		"", ".", "..", "../outside", "segment/../../outside", "/outside", "segment/", "segment//host",
		"segment/.hidden", `segment\host`, "segment/host\n", "segment/ä", "C:/x",
	} {
		if got, err := dir.Parameters(t.Context(), []string{name}); err == nil {
			t.Errorf("reading %q gives %q", name, got)
		}
		if err := dir.Put(t.Context(), name, "y"); err == nil || !strings.Contains(err.Error(), "is not the name of a parameter") {
			t.Errorf("writing %q gives %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "inside")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an invalid name created a directory")
	}
}

func TestDirPutNamesTheParameterItCannotWrite(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "segment"), "a file in a directory's place")
	err := settings.Dir(root).Put(t.Context(), "segment/write-key", "qqqzzz")
	if err == nil || !strings.Contains(err.Error(), "writing parameter segment/write-key: ") || strings.Contains(err.Error(), "qqqzzz") {
		t.Errorf("got %v", err)
	}
}

func TestEnv(t *testing.T) {
	for _, test := range []struct {
		name, variable string
		want           map[string]string
		message        string
	}{
		{"an empty variable has no parameters", "", map[string]string{}, ""},
		{"the named parameters are read", `{"segment/host":"h","segment/unread":"x","commerce/webhook-secret":"new\nold"}`,
			map[string]string{"segment/host": "h", "commerce/webhook-secret": "new\nold"}, ""},
		{"other members may have any value", `{"other":7}`, map[string]string{}, ""},
		{"a variable that is not JSON is an error with the position", `{"segment/host":qqqzzz}`, nil,
			`reading COMMERCE_SEGMENT_SETTINGS: it is not a JSON object from byte 17 on: expected {"segment/write-key":"…", …}`},
		{"a variable that is cut off is an error", `{"segment/write-key":"qqqzzz`, nil, "it is not a JSON object from byte"},
		{"a variable that is a list is an error", `["qqqzzz"]`, nil, "it is not a JSON object: expected"},
		{"a variable that is a number is an error", `777777`, nil, "it is not a JSON object: expected"},
		{"a value that is no string is an error that names it", `{"segment/host":777777}`, nil,
			"reading parameter segment/host from COMMERCE_SEGMENT_SETTINGS: it is not a JSON string: put its value in quotes"},
		{"a value of null is an error that names it", `{"segment/host":null}`, nil, "reading parameter segment/host from"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("COMMERCE_SEGMENT_SETTINGS", test.variable)
			got, err := settings.Env{}.Parameters(t.Context(), settings.Names(tracking.OrderCompleted))
			if test.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				same(t, got, test.want)
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Fatalf("got %v\nwant …%s…", err, test.message)
			}
			if strings.Contains(err.Error(), "qqqzzz") || strings.Contains(err.Error(), "777777") {
				t.Errorf("the error quotes a value: %v", err)
			}
		})
	}
}

// Both implement the interface that ParameterStore implements.
var (
	_ settings.Source = settings.Dir("")
	_ settings.Source = settings.Env{}
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func TestAFileIsReadInUTF8(t *testing.T) {
	for _, c := range []struct{ name, content, want, says string }{
		{"with a byte order mark", "\ufeffs3cret\r\n", "s3cret", ""},
		{"in UTF-16", "\xff\xfes\x003\x00\r\x00\n\x00", "", "reading parameter commerce/webhook-secret: it begins with a UTF-16 byte order mark: save it as UTF-8"},
		{"in UTF-16 without a byte order mark", "s\x003\x00", "", "is in UTF-16 or UTF-32, without a byte order mark"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := settings.Dir(t.TempDir())
			if err := dir.Put(t.Context(), settings.WebhookSecret, c.content); err != nil {
				t.Fatal(err)
			}
			got, err := dir.Parameters(t.Context(), []string{settings.WebhookSecret})
			if got[settings.WebhookSecret] != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v, want %q, %q", got, err, c.want, c.says)
			}
		})
	}
}

func TestTheVariableMayBeginWithAByteOrderMark(t *testing.T) {
	t.Setenv(settings.Variable, "\ufeff"+`{"commerce/webhook-secret":"s3cret"}`)
	got, err := settings.Env{}.Parameters(t.Context(), []string{settings.WebhookSecret})
	if err != nil || got[settings.WebhookSecret] != "s3cret" {
		t.Errorf("got %q, %v", got, err)
	}
}
