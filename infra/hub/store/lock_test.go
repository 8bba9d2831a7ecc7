package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func TestOneOfTwoConcurrentSavesOfATemplateFails(t *testing.T) {
	directory := Directory{Dir: settings.Dir(t.TempDir())}
	for name, store := range map[string]Backend{"in a directory": directory, "deployed": &putting{Backend: directory}} {
		t.Run(name, func(t *testing.T) {
			for round := range 50 {
				before, err := Store{Backend: store}.Template(t.Context(), tracking.OrderCompleted)
				if err != nil {
					t.Fatal(err)
				}
				var together sync.WaitGroup
				var errs [2]error
				for i := range errs {
					together.Go(func() {
						source := fmt.Sprintf(`{"event": "%s %d %d"}`, name, round, i)
						errs[i] = Store{Backend: store}.SaveTemplate(t.Context(), tracking.OrderCompleted, source, before.Fingerprint())
					})
				}
				together.Wait()
				if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), ErrTemplateChanged) {
					t.Fatalf("round %d: the two saves return %v", round, errs)
				}
			}
		})
	}
}

// savesIn is the environment variable with the directory in which the other process of the
// test saves.
const savesIn = "TEST_SAVES_IN"

func TestASaveOfAnotherProcessWaitsForThisOne(t *testing.T) {
	if dir := os.Getenv(savesIn); dir != "" {
		s := Store{Backend: Directory{Dir: settings.Dir(dir)}}
		before, err := s.Template(t.Context(), tracking.OrderCompleted)
		fmt.Println("looked", err)
		fmt.Println("ended with", s.SaveTemplate(t.Context(), tracking.OrderCompleted, `{"event": "Theirs"}`, before.Fingerprint()))
		return
	}
	dir := filepath.Join(t.TempDir(), ".hub")
	s := Store{Backend: Directory{Dir: settings.Dir(dir)}}
	release, err := s.Saving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(os.Args[0], "-test.run=^TestASaveOfAnotherProcessWaitsForThisOne$")
	other.Env = append(os.Environ(), savesIn+"="+dir)
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "looked <nil>" {
	}
	time.Sleep(100 * time.Millisecond) // it would save now if it did not wait
	if err := s.Put(t.Context(), settings.Template(tracking.OrderCompleted), `{"event": "Mine"}`); err != nil {
		t.Fatal(err)
	}
	release()
	var said strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
	}
	if err := other.Wait(); err != nil || !strings.Contains(said.String(), "ended with "+ErrTemplateChanged.Error()) {
		t.Errorf("the other process (%v) printed\n%s", err, said.String())
	}
}

// A save stops waiting when the user closes the page.
func TestASaveWaitsNoLongerThanItsContext(t *testing.T) {
	s := Store{Backend: Directory{Dir: settings.Dir(t.TempDir())}, Name: "the store"}
	release, err := s.Saving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Saving(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the directory") {
		t.Errorf("the second save got %v", err)
	}
}

func TestOneOfTwoConcurrentRotationsFails(t *testing.T) {
	s := Store{Backend: Directory{Dir: settings.Dir(t.TempDir())}}
	for round := range 50 {
		if err := s.Put(t.Context(), settings.WebhookSecret, "old"); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		var errs [2]error
		for i := range errs {
			both.Go(func() { errs[i] = s.PutSecrets(t.Context(), []string{"old"}, []string{fmt.Sprint("new-", i), "old"}) })
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !strings.Contains(fmt.Sprint(errs), "commerce/webhook-secret was changed by someone else") {
			t.Fatalf("round %d: the two rotations return %v", round, errs)
		}
	}
}

func TestASettingThatAnotherUserChangedIsNotReplaced(t *testing.T) {
	seen := map[string]string{settings.SegmentHost: "https://seen.example", settings.SegmentPath: "/seen"}
	now := map[string]string{settings.SegmentHost: "https://theirs.example", settings.SegmentPath: "/seen"}
	for _, c := range []struct {
		name   string
		wanted map[string]string
		fails  bool
	}{
		{"a different value from theirs", map[string]string{settings.SegmentHost: "https://mine.example"}, true},
		{"the value that was read", map[string]string{settings.SegmentHost: "https://seen.example"}, true},
		{"the same value as theirs", map[string]string{settings.SegmentHost: "https://theirs.example"}, false},
		{"a setting that they did not change", map[string]string{settings.SegmentPath: "/mine"}, false},
	} {
		if err := CheckUnchanged(seen, now, c.wanted); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
