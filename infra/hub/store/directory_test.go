package store

import (
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
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
		if to := config.Segment; err != nil || to.Host != c.wantHost || to.WriteKey != c.wantKey {
			t.Errorf("host %q and key %q give %q, %q, %v", c.host, c.key, to.Host, to.WriteKey, err)
		}
	}
}
