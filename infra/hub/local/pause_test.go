package local

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Otherwise a paused tracking sends its events when a file of the settings becomes unreadable.
func TestAPauseStaysWhileTheSettingsCannotBeRead(t *testing.T) {
	store, err := queue.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	dir, name := t.TempDir(), settings.Paused(tracking.OrderCompleted)
	stable := settings.NewStableDir(settings.Dir(dir), []string{name})
	p := &pausable{Queue: store.Queue(tracking.OrderCompleted.Name), tracking: tracking.OrderCompleted, settings: stable}
	file := filepath.Join(dir, name)
	for _, step := range []struct {
		what   string
		change func() error
		paused bool
	}{
		{"before the pause", func() error { return nil }, false},
		{"paused", func() error {
			return errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("true"), 0o600))
		}, true},
		{"unreadable", func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, true},
		{"resumed", func() error { return os.Remove(file) }, false},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		stable.Take()
		if _, err := stable.Parameters(t.Context(), []string{name}); (err != nil) != (step.what == "unreadable") {
			t.Fatalf("%s: reading the settings: %v", step.what, err)
		}
		if got := p.paused(t.Context()); got != step.paused {
			t.Errorf("%s: paused is %t, want %t", step.what, got, step.paused)
		}
	}
}
