package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// putting is a store that records which parameters are put, and fails at one of them.
type putting struct {
	Backend
	put    []string
	failAt string
}

func (p *putting) PutTogether(ctx context.Context, values map[string]string) error {
	p.put = append(p.put, slices.Sorted(maps.Keys(values))...)
	return p.Backend.PutTogether(ctx, values)
}

func (p *putting) Put(ctx context.Context, name, value string) error {
	if name == p.failAt {
		return errors.New("parameter " + name + ": throttled")
	}
	p.put = append(p.put, name)
	return p.Backend.Put(ctx, name, value)
}

// pairing is a store that records, after each write, the host and the key that a function
// would read and send with.
type pairing struct {
	Backend
	pairs map[string]bool
}

func (p *pairing) Put(ctx context.Context, name, value string) error {
	return errors.Join(p.Backend.Put(ctx, name, value), p.look(ctx))
}

func (p *pairing) PutTogether(ctx context.Context, values map[string]string) error {
	return errors.Join(p.Backend.PutTogether(ctx, values), p.look(ctx))
}

func (p *pairing) look(ctx context.Context) error {
	values, err := p.Parameters(ctx, settings.Names(tracking.OrderCompleted))
	if err != nil {
		return err
	}
	if config, err := settings.Parse(tracking.OrderCompleted, values); err == nil { // else the last valid settings stay in effect, or events are retried
		p.pairs[config.Segment.Host+" "+config.Segment.WriteKey] = true
	}
	return nil
}

// A function can read the settings between two writes. If the key belonged to another region,
// Segment would accept the events and drop them.
func TestAHostIsNeverPairedWithTheKeyOfAnother(t *testing.T) {
	const us, eu = settings.DefaultHost, "https://events.eu1.segmentapis.com"
	for _, c := range []struct {
		name            string
		current, wanted map[string]string
		pairs           []string
		says            string
	}{
		{"to another region", map[string]string{settings.SegmentHost: us, settings.SegmentWriteKey: "us-write-key"},
			map[string]string{settings.SegmentHost: eu, settings.SegmentPath: "/v1/batch", settings.SegmentWriteKey: "eu-write-key", "tracking/order-updated/enabled": "false"},
			[]string{eu + " eu-write-key"}, ""},
		{"for the first time", map[string]string{settings.SegmentHost: us}, map[string]string{settings.SegmentHost: eu, settings.SegmentWriteKey: "eu-write-key"},
			[]string{eu + " eu-write-key"}, ""},
		{"to a proxy, with the same key", map[string]string{settings.SegmentHost: us, settings.SegmentWriteKey: "us-write-key"},
			map[string]string{settings.SegmentHost: "https://proxy.example", settings.SegmentWriteKey: "us-write-key"}, []string{"https://proxy.example us-write-key"}, ""},
		{"to another key", map[string]string{settings.SegmentHost: us, settings.SegmentWriteKey: "us-write-key"},
			map[string]string{settings.SegmentHost: us, settings.SegmentWriteKey: "us-other-key"}, []string{us + " us-other-key"}, ""},
		{"to another region without its key", map[string]string{settings.SegmentHost: us, settings.SegmentWriteKey: "us-write-key"},
			map[string]string{settings.SegmentHost: eu}, nil, "parameter segment/write-key: the current key belongs to another host"},
		{"from the inbox, with a key of a source that was set earlier", map[string]string{settings.SegmentWriteKey: "us-write-key"},
			map[string]string{settings.SegmentHost: us}, []string{us + " us-write-key"}, ""},
		{"from the inbox with its key", map[string]string{settings.SegmentWriteKey: "inbox_key"},
			map[string]string{settings.SegmentHost: us}, nil, "parameter segment/write-key: the current key belongs to the inbox of the hub on this machine"},
		{"to the same region, in another spelling", map[string]string{settings.SegmentHost: us, settings.SegmentWriteKey: "us-write-key"},
			map[string]string{settings.SegmentHost: us + "/"}, []string{us + " us-write-key"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &pairing{Directory{Dir: settings.Dir(t.TempDir())}, map[string]bool{}}
			for name, value := range c.current {
				if err := store.Backend.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Store{Backend: store, Name: "the store"}.Write(t.Context(), c.current, c.wanted)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
			if got := slices.Sorted(maps.Keys(store.pairs)); !slices.Equal(got, c.pairs) {
				t.Errorf("a function may have read %q, want %q", got, c.pairs)
			}
		})
	}
}

// leaving is a store that cancels the context of the caller at the first write, as a browser
// does when its page is closed.
type leaving struct {
	Backend
	leave context.CancelFunc
}

func (l leaving) PutTogether(ctx context.Context, values map[string]string) error {
	l.leave()
	return errors.Join(ctx.Err(), l.Backend.PutTogether(ctx, values))
}

func TestACancelledCallerDoesNotStopAWriteHalfway(t *testing.T) {
	directory := Directory{Dir: settings.Dir(t.TempDir())}
	current := map[string]string{settings.SegmentHost: settings.DefaultHost, settings.SegmentWriteKey: "us-write-key"}
	wanted := map[string]string{settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentWriteKey: "eu-write-key"}
	ctx, leave := context.WithCancel(t.Context())
	_, err := Store{Backend: leaving{directory, leave}, Name: "the store"}.Write(ctx, current, wanted)
	if after, unread := (Store{Backend: directory}).Parameters(t.Context(), AllNames()); err != nil || unread != nil || !maps.Equal(after, wanted) {
		t.Errorf("got error %v, and the settings are %q, %v", err, after, unread)
	}
}

// writes writes a configuration to an empty store.
func writes(t *testing.T, store Backend, wanted map[string]string) error {
	t.Helper()
	_, err := Store{Backend: store, Name: "the store"}.Write(t.Context(), map[string]string{}, wanted)
	return err
}

// Without a key, events are retried. The key is written after the host.
func TestWriteWritesTheSecretsLast(t *testing.T) {
	store := &putting{Backend: Directory{Dir: settings.Dir(t.TempDir())}}
	wanted := map[string]string{
		settings.SegmentWriteKey: "PLANTED-key", settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentPath: "/v1",
		settings.WebhookSecret: "PLANTED-webhook", "tracking/order-updated/enabled": "false",
	}
	if err := writes(t, store, wanted); err != nil {
		t.Fatal(err)
	}
	want := []string{settings.SegmentHost, settings.SegmentPath, settings.SegmentWriteKey, "tracking/order-updated/enabled", settings.WebhookSecret}
	if !slices.Equal(store.put, want) {
		t.Errorf("it writes %q, want %q", store.put, want)
	}
}

func TestAWriteThatFailsHalfwayListsWhatIsWritten(t *testing.T) {
	store := &putting{Backend: Directory{Dir: settings.Dir(t.TempDir())}, failAt: "tracking/order-updated/enabled"}
	err := writes(t, store, map[string]string{
		settings.SegmentWriteKey: "PLANTED-key", settings.SegmentHost: "https://events.eu1.segmentapis.com",
		"tracking/order-updated/enabled": "false", settings.WebhookSecret: "PLANTED-secret",
	})
	const want = "parameter tracking/order-updated/enabled: throttled\n" +
		"Written to the store: segment/host, segment/write-key. Not written: tracking/order-updated/enabled, commerce/webhook-secret."
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got error %v, want %s", err, want)
	}
}

func TestWriteKeepsAWebhookSecretThatAnotherUserSet(t *testing.T) {
	theirs := Directory{Dir: settings.Dir(t.TempDir())}
	if err := theirs.Put(t.Context(), settings.WebhookSecret, "PLANTED-theirs"); err != nil {
		t.Fatal(err)
	}
	err := writes(t, theirs, map[string]string{settings.SegmentPath: "/v1", settings.WebhookSecret: "PLANTED-mine"})
	if err == nil || !strings.Contains(err.Error(), "it was set by someone else") || !strings.Contains(err.Error(), "Not written: commerce/webhook-secret.") {
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
