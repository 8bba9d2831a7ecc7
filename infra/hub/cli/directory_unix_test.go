//go:build unix

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
)

// longKey has the length of a key that a hub makes.
var longKey = strings.Repeat("0123456789abcdef", 4)

func TestTheHubRejectsADirectoryThatAnotherUserPrepared(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(dir string) error
		wants   []string
	}{
		{"the key is a link", func(dir string) error {
			hubtest.WriteFile(t, filepath.Join(dir, "elsewhere"), longKey)
			return os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "console-key"))
		}, []string{"console-key is not a regular file", "remove it"}},
		{"the key is a link to nothing", func(dir string) error {
			return os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "console-key"))
		}, []string{"console-key is not a regular file", "remove it"}},
		{"the key is a pipe", func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "console-key"), 0o600) },
			[]string{"console-key is not a regular file", "remove it"}},
		{"the key is a directory", func(dir string) error { return os.Mkdir(filepath.Join(dir, "console-key"), 0o700) },
			[]string{"console-key is not a regular file", "remove it"}},
		{"the key has one character", func(dir string) error { return os.WriteFile(filepath.Join(dir, "console-key"), []byte("x\n"), 0o600) },
			[]string{"holds a key of 1 characters, which can be guessed", "remove it"}},
		{"a setting is a pipe", func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "segment"), 0o700), syscall.Mkfifo(filepath.Join(dir, "segment/host"), 0o600))
		}, []string{"segment/host is not a regular file"}},
		{"a secret is a link to a pipe", func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "commerce"), 0o700), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
				os.Symlink("../pipe", filepath.Join(dir, "commerce/webhook-secret")))
		}, []string{"commerce/webhook-secret is not a regular file"}},
		{"all users share the directory", func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) },
			[]string{"users of this machine share the directory", "--dir"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".hub")
			if err := errors.Join(os.Mkdir(dir, 0o700), c.prepare(dir)); err != nil {
				t.Fatal(err)
			}
			got := command(t, "", "run", "--addr", "127.0.0.1:0", "--dir", dir)
			if got.code != exitFailed || got.stdout != "" {
				t.Errorf("exits %d and prints %q", got.code, got.stdout)
			}
			for _, want := range c.wants {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("says %q, want %q in it", got.stderr, want)
				}
			}
			if strings.Contains(got.stderr, longKey) {
				t.Errorf("prints the key: %s", got.stderr)
			}
		})
	}
}

func TestTheHubRemovesOtherUsersAccessToItsDirectory(t *testing.T) {
	for _, mode := range []os.FileMode{0o755, 0o777, 0o710, 0o701} {
		t.Run(fmt.Sprintf("%o", mode), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".hub")
			hubtest.WriteFile(t, filepath.Join(dir, "console-key"), longKey)
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
			h := startIn(t, dir)
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the directory is %v (%v)", info.Mode(), err)
			}
			if want := fmt.Sprintf("(mode %o): now only you can (mode 700)", mode); !strings.Contains(h.Stderr.String(), want) {
				t.Errorf("the log does not say %s:\n%s", want, h.Stderr)
			}
			h.Stop()
			if again := startIn(t, dir); strings.Contains(again.Stderr.String(), "mode") {
				t.Errorf("the log says it again:\n%s", again.Stderr)
			}
		})
	}
}

func TestTheHubCompletesAnInterruptedChangeOfSegment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	hubtest.WriteFile(t, filepath.Join(dir, "segment/host"), "https://events.eu1.segmentapis.com")
	hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "the-us-write-key")
	hubtest.WriteFile(t, filepath.Join(dir, settings.TogetherFile), `{"id": "x", "values": {"segment/host": "https://events.eu1.segmentapis.com", "segment/write-key": "the-eu-write-key"}}`)
	hubtest.WriteFile(t, filepath.Join(dir, "segment/.put-1"), "PLANTED")
	h := startIn(t, dir)
	if got := h.Parameter("segment/write-key"); got != "the-eu-write-key" {
		t.Errorf("the write key is %s", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "segment/.put-1")); err == nil {
		t.Error("the temporary file is still there")
	}
	if strings.Contains(h.Stdout.String(), "Warning") {
		t.Errorf("the hub reports its own files as settings:\n%s", h.Stdout)
	}
}

// Two hubs that start in an empty directory at the same time would overwrite each other's
// secrets.
func TestOnlyOneHubRunsInADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	h := startIn(t, dir)
	second := command(t, "", "run", "--addr", strings.TrimPrefix(h.URL, "http://"), "--dir", dir)
	want := fmt.Sprintf("a hub already runs with the directory %s, in process %d: ", dir, os.Getpid())
	if second.code != exitFailed || second.stdout != "" || !strings.Contains(second.stderr, want) {
		t.Errorf("the second exits %d and says %s%s, want %s", second.code, second.stdout, second.stderr, want)
	}
	h.Stop()
	if strings.Contains(startIn(t, dir).Stdout.String(), "Warning") {
		t.Error("the hub reports its own files as settings")
	}
}
