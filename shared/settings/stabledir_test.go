package settings_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/settings"
)

var stableNames = []string{settings.SegmentHost, settings.SegmentWriteKey, settings.WebhookSecret, "templates/order-completed"}

// withStableDir runs a test with the StableDir of a directory, in virtual time.
func withStableDir(t *testing.T, before map[string]string, test func(t *testing.T, dir string, s *settings.StableDir)) {
	dir := t.TempDir()
	for name, value := range before {
		write(t, filepath.Join(dir, name), value)
	}
	synctest.Test(t, func(t *testing.T) {
		s := settings.NewStableDir(settings.Dir(dir), stableNames)
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go s.Watch(ctx)
		test(t, dir, s)
	})
}

// inEffect returns the value of a parameter that is in effect.
func inEffect(t *testing.T, s *settings.StableDir, name string) string {
	t.Helper()
	got, err := s.Parameters(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return got[name]
}

// slowly writes a file in place, a byte at a time, and calls between after each.
func slowly(t *testing.T, file, content string, every time.Duration, between func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range len(content) {
		between()
		if _, err := f.WriteString(content[i : i+1]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(every)
	}
	between()
}

func TestAFileThatIsWrittenInPlaceIsNeverUsedIncomplete(t *testing.T) {
	for _, c := range []struct{ name, parameter, before, after string }{
		{"a host: a blank one means the inbox", settings.SegmentHost, "https://api.segment.io", "https://events.eu1.segmentapis.com"},
		{"a write key", settings.SegmentWriteKey, "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"},
		{"a secret, in front of which another is inserted", settings.WebhookSecret, "old_squirrel", "new_squirrel\nold_squirrel"},
		{"a template", "templates/order-completed", `{"event": "Old"}`, `{"event": "New", "properties": {"total": payload.data.total}}`},
		{"a file of the same size", settings.WebhookSecret, "aaaa", "aaab"},
		{"a file that was not there", settings.SegmentHost, "", "https://api.segment.io"},
	} {
		for _, every := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond, 200 * time.Millisecond, settings.SettleFor - time.Millisecond} {
			t.Run(fmt.Sprintf("%s, a byte every %v", c.name, every), func(t *testing.T) {
				before := map[string]string{}
				if c.before != "" {
					before[c.parameter] = c.before
				}
				withStableDir(t, before, func(t *testing.T, dir string, s *settings.StableDir) {
					slowly(t, filepath.Join(dir, c.parameter), c.after, every, func() {
						if got := inEffect(t, s, c.parameter); got != c.before {
							t.Errorf("while it is written it is %q", got)
						}
					})
					time.Sleep(time.Second)
					if got := inEffect(t, s, c.parameter); got != c.after {
						t.Errorf("a second after it is written it is %q", got)
					}
				})
			})
		}
	}
}

func TestFilesThatAreWrittenOneAfterTheOtherTakeEffectTogether(t *testing.T) {
	before := map[string]string{settings.SegmentHost: "https://api.segment.io", settings.SegmentWriteKey: "us-write-key"}
	withStableDir(t, before, func(t *testing.T, dir string, s *settings.StableDir) {
		pair := func() string {
			got, err := s.Parameters(t.Context(), stableNames)
			if err != nil {
				t.Fatal(err)
			}
			return got[settings.SegmentHost] + " " + got[settings.SegmentWriteKey]
		}
		check := func() {
			if got := pair(); got != "https://api.segment.io us-write-key" {
				t.Errorf("meanwhile they are %s", got)
			}
		}
		slowly(t, filepath.Join(dir, settings.SegmentHost), "https://events.eu1.segmentapis.com", 20*time.Millisecond, check)
		slowly(t, filepath.Join(dir, settings.SegmentWriteKey), "eu-write-key", 20*time.Millisecond, check)
		time.Sleep(time.Second)
		if got := pair(); got != "https://events.eu1.segmentapis.com eu-write-key" {
			t.Errorf("afterwards they are %s", got)
		}
	})
}

// A webhook with an unknown key is compared again when the change is complete, and is not
// rejected if that takes too long.
func TestSettleWaitsForAFileThatIsBeingWritten(t *testing.T) {
	withStableDir(t, map[string]string{settings.WebhookSecret: "old"}, func(t *testing.T, dir string, s *settings.StableDir) {
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			slowly(t, filepath.Join(dir, settings.WebhookSecret), "new\nold", 300*time.Millisecond, func() {})
		}()
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Settle(hurried); err == nil || !strings.Contains(err.Error(), "are being changed") {
			t.Errorf("within a second it ends with %v", err)
		}
		if got := inEffect(t, s, settings.WebhookSecret); got != "old" {
			t.Errorf("by then it is %q", got)
		}
		if err := s.Settle(t.Context()); err != nil || inEffect(t, s, settings.WebhookSecret) != "new\nold" {
			t.Errorf("at last it ends with %v and is %q", err, inEffect(t, s, settings.WebhookSecret))
		}
		<-writing
	})
}

func TestSettleWaitsAtTheStartForAFileThatIsBeingWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, settings.SegmentHost), "")
	synctest.Test(t, func(t *testing.T) {
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			slowly(t, filepath.Join(dir, settings.SegmentHost), "https://api.segment.io", 50*time.Millisecond, func() {})
		}()
		s := settings.NewStableDir(settings.Dir(dir), stableNames)
		if err := s.Settle(t.Context()); err != nil || inEffect(t, s, settings.SegmentHost) != "https://api.segment.io" {
			t.Errorf("it starts with %q, %v", inEffect(t, s, settings.SegmentHost), err)
		}
		<-writing
	})
}

func TestOldFilesTakeEffectAtOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, settings.WebhookSecret)
	write(t, file, "secret")
	long := time.Now().Add(-time.Minute)
	if err := os.Chtimes(file, long, long); err != nil {
		t.Fatal(err)
	}
	s := settings.NewStableDir(settings.Dir(dir), stableNames)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so Settle cannot wait
	if err := s.Settle(ctx); err != nil || inEffect(t, s, settings.WebhookSecret) != "secret" {
		t.Errorf("it ends with %v and has %q", err, inEffect(t, s, settings.WebhookSecret))
	}
}

func TestARemovedOrUnreadableFileTakesEffectLikeAnyChange(t *testing.T) {
	withStableDir(t, map[string]string{settings.SegmentHost: "https://api.segment.io", settings.WebhookSecret: "secret"}, func(t *testing.T, dir string, s *settings.StableDir) {
		file := filepath.Join(dir, settings.SegmentHost)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(settings.SettleFor / 2)
		if got := inEffect(t, s, settings.SegmentHost); got != "https://api.segment.io" {
			t.Errorf("at once it is %q, but an editor may be about to write it again", got)
		}
		time.Sleep(time.Second)
		if got := inEffect(t, s, settings.SegmentHost); got != "" {
			t.Errorf("a second later it is %q", got)
		}
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := s.Parameters(t.Context(), stableNames); err == nil || !strings.Contains(err.Error(), "segment/host") {
			t.Errorf("a directory in its place gives the error %v", err)
		}
	})
}
