package store

import (
	"os"
	"testing"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Segment answers 200 to the key of an inbox, and drops the events. They would be lost.
func TestTheKeyOfAnInboxIsNotUsedForSegment(t *testing.T) {
	const inbox, ofInbox, ofSource = "http://127.0.0.1:8080", InboxKeyPrefix + "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"
	for _, c := range []struct{ inbox, host, key, wantHost, wantKey string }{
		{inbox, "", ofInbox, inbox, ofInbox},
		{inbox, "https://api.segment.io", ofInbox, "https://api.segment.io", ""},
		{inbox, "https://api.segment.io", ofSource, "https://api.segment.io", ofSource},
		{inbox, "http://127.0.0.1:9", ofInbox, "http://127.0.0.1:9", ofInbox}, // another inbox on this machine
		{"", "", ofInbox, settings.DefaultHost, ofInbox},                      // a preview, which sends nothing
	} {
		config, err := ConfigOf(tracking.OrderCompleted, map[string]string{
			settings.SegmentHost: c.host, settings.SegmentWriteKey: c.key, settings.WebhookSecret: "secret",
		}, c.inbox)
		if to := config.Segment; err != nil || to.Host != c.wantHost || to.WriteKey != c.wantKey || to.IsInbox != (c.wantHost == inbox) {
			t.Errorf("host %q and key %q give %q, %q, %v", c.host, c.key, to.Host, to.WriteKey, err)
		}
	}
}

func TestSamplesHappenNowUnlessTheyWereEdited(t *testing.T) {
	d := Directory{Dir: settings.Dir(t.TempDir())}
	first, second := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := d.putSamples(first); err != nil {
		t.Fatal(err)
	}
	samples := templates.Samples()
	edited := []byte(`{"triggered_by": "order.paid"}`)
	if err := os.WriteFile(d.SampleFile(samples[0].Name), edited, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.putSamples(second); err != nil {
		t.Fatal(err)
	}
	for i, sample := range samples {
		want := sample.At(second).Body
		if i == 0 {
			want = edited
		}
		if got, err := os.ReadFile(d.SampleFile(sample.Name)); err != nil || string(got) != string(want) {
			t.Errorf("%s is %s, %v", sample.Name, got, err)
		}
	}
}
