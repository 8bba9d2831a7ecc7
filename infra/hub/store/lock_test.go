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

func TestOfTwoSavesOverTheSameTemplateOneIsRefused(t *testing.T) {
	directory := Directory{settings.Dir(t.TempDir())}
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
				if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), ErrChangedMeanwhile) {
					t.Fatalf("in round %d the two saves end with %v", round, errs)
				}
			}
		})
	}
}

// savesIn names the directory in which this test's other process saves.
const savesIn = "TEST_SAVES_IN"

func TestASaveOfAnotherProcessWaitsForThisOne(t *testing.T) {
	if dir := os.Getenv(savesIn); dir != "" {
		s := Store{Backend: Directory{settings.Dir(dir)}}
		before, err := s.Template(t.Context(), tracking.OrderCompleted)
		fmt.Println("looked", err)
		fmt.Println("ended with", s.SaveTemplate(t.Context(), tracking.OrderCompleted, `{"event": "Theirs"}`, before.Fingerprint()))
		return
	}
	dir := filepath.Join(t.TempDir(), ".hub")
	s := Store{Backend: Directory{settings.Dir(dir)}}
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
	time.Sleep(100 * time.Millisecond) // in which it would save, if it did not wait
	if err := s.Put(t.Context(), settings.Template(tracking.OrderCompleted), `{"event": "Mine"}`); err != nil {
		t.Fatal(err)
	}
	release()
	var said strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
	}
	if err := other.Wait(); err != nil || !strings.Contains(said.String(), "ended with "+ErrChangedMeanwhile.Error()) {
		t.Errorf("the other process (%v) says\n%s", err, said.String())
	}
}

// Who no longer waits for a page is not waited for.
func TestASaveWaitsNoLongerThanItsContext(t *testing.T) {
	s := Store{Backend: Directory{settings.Dir(t.TempDir())}, Name: "the store"}
	release, err := s.Saving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Saving(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the store") {
		t.Errorf("a second one gets %v", err)
	}
}
