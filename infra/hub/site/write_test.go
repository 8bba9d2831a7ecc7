package site

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/settings"
)

// putting is a store that notes what is put there, and fails at one parameter.
type putting struct {
	Store
	put    []string
	failAt string
}

func (p *putting) Put(ctx context.Context, name, value string) error {
	if name == p.failAt {
		return errors.New("parameter " + name + ": throttled")
	}
	p.put = append(p.put, name)
	return p.Store.Put(ctx, name, value)
}

// writes has a configuration written to a store in which there is nothing.
func writes(t *testing.T, store Store, wanted map[string]string) error {
	t.Helper()
	_, err := Site{Store: store, Name: "the store"}.Write(t.Context(), map[string]string{}, wanted)
	return err
}

// A function that reads between two writes must not send a new key to the old host.
func TestWriteWritesTheSecretsLast(t *testing.T) {
	store := &putting{Store: Home{settings.Dir(t.TempDir())}}
	wanted := map[string]string{
		settings.SegmentWriteKey: "PLANTED-key", settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentPath: "/v1",
		settings.WebhookSecret: "PLANTED-webhook", "tracking/order-updated/enabled": "false",
	}
	if err := writes(t, store, wanted); err != nil {
		t.Fatal(err)
	}
	want := []string{settings.SegmentHost, settings.SegmentPath, "tracking/order-updated/enabled", settings.SegmentWriteKey, settings.WebhookSecret}
	if !slices.Equal(store.put, want) {
		t.Errorf("it writes %q, want %q", store.put, want)
	}
}

func TestWriteThatFailsHalfwaySaysWhatIsWritten(t *testing.T) {
	store := &putting{Store: Home{settings.Dir(t.TempDir())}, failAt: settings.SegmentPath}
	err := writes(t, store, map[string]string{
		settings.SegmentWriteKey: "PLANTED-key", settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentPath: "/v1",
	})
	const want = "parameter segment/path: throttled\nWritten to the store: segment/host. Not written: segment/path, segment/write-key."
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("it says %v, want %s", err, want)
	}
}

func TestWriteKeepsAWebhookSecretThatSomebodySetMeanwhile(t *testing.T) {
	theirs := Home{settings.Dir(t.TempDir())}
	if err := theirs.Put(t.Context(), settings.WebhookSecret, "PLANTED-theirs"); err != nil {
		t.Fatal(err)
	}
	err := writes(t, theirs, map[string]string{settings.SegmentPath: "/v1", settings.WebhookSecret: "PLANTED-mine"})
	if err == nil || !strings.Contains(err.Error(), "somebody has set it meanwhile") || !strings.Contains(err.Error(), "Not written: commerce/webhook-secret.") {
		t.Errorf("it says %v", err)
	}
	after, err := theirs.Parameters(t.Context(), AllNames())
	if err != nil {
		t.Fatal(err)
	}
	if after[settings.WebhookSecret] != "PLANTED-theirs" || after[settings.SegmentPath] != "/v1" {
		t.Errorf("the parameters are %q", after)
	}
}
