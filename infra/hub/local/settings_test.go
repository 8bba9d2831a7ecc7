package local

import (
	"os"
	"path/filepath"
	"testing"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// newConfiguration returns the configuration of a tracking in an empty directory, and a function
// that writes a file there and puts it into effect.
func newConfiguration(t testing.TB) (l *liveConfiguration, set func(name, value string)) {
	dir := t.TempDir()
	l = &liveConfiguration{
		tracking: tracking.OrderCompleted,
		settings: settings.NewStableDir(settings.Dir(dir), store.AllNames()),
		inbox:    "http://127.0.0.1:3000",
	}
	return l, func(name, value string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		l.settings.Take()
	}
}

func TestEachChangeOfTheSettingsIsInEffectForTheNextWebhook(t *testing.T) {
	l, set := newConfiguration(t)
	for _, secret := range []string{"one-secret-of-enough-length", "another-secret-of-enough-length"} {
		set(settings.WebhookSecret, secret)
		for range 2 {
			if config, err := l.Current(t.Context()); err != nil || len(config.Secrets) != 1 || config.Secrets[0] != secret {
				t.Fatalf("the secrets are %q, %v, want %q", config.Secrets, err, secret)
			}
		}
	}
	set(settings.Enabled(l.tracking), "perhaps")
	if _, err := l.Current(t.Context()); err == nil {
		t.Error("an invalid setting is no error")
	}
	set(settings.Enabled(l.tracking), "false")
	if config, err := l.Current(t.Context()); err != nil || config.Enabled {
		t.Errorf("it is enabled: %v, %v", config.Enabled, err)
	}
}

// Each webhook asks for the configuration four times.
func BenchmarkConfiguration(b *testing.B) {
	l, set := newConfiguration(b)
	set(settings.WebhookSecret, "one-secret-of-enough-length")
	for b.Loop() {
		if _, err := l.Current(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
