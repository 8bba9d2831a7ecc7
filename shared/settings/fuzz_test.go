package settings_test

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// FuzzParse checks what the rest of the program relies on for accepted settings, and that
// an error never quotes a secret.
func FuzzParse(f *testing.F) {
	f.Add("https://api.segment.io", "/v1/batch", "key", "secret_squirrel", "true", "order.paid", `{"event": "x"}`)
	f.Add("http://127.0.0.1:9000", "/", " key ", "new\nold", "false", "order.fulfilled", "")
	f.Add("https://canary:canary@api.segment.io", "/%zz", "canary canary", "canary\ncanary\ncanary", "True", " , ", "\xff")
	f.Add("https://[::1]:99999?#", "//", "\u200b", "\n\n", "", "order.paid,order.paid", strings.Repeat("(", 9000))
	f.Fuzz(func(t *testing.T, host, path, key, secrets, enabled, events, template string) {
		row := tracking.OrderCompleted
		config, err := settings.Parse(row, map[string]string{
			settings.SegmentHost: host, settings.SegmentPath: path, settings.SegmentWriteKey: key, settings.WebhookSecret: secrets,
			settings.Enabled(row): enabled, settings.Events(row): events, settings.Template(row): template,
		})
		if err != nil {
			if strings.Contains(err.Error(), "canary") && !strings.Contains(events, "canary") {
				t.Fatalf("the error quotes a secret: %v", err)
			}
			return
		}
		to, err := url.Parse(config.Segment.Host + config.Segment.Path)
		if err != nil || to.User != nil || to.Host == "" || to.RawQuery != "" || to.Fragment != "" {
			t.Fatalf("%q and %q are not a valid address: %v", config.Segment.Host, config.Segment.Path, err)
		}
		own := slices.Contains([]string{"localhost", "host.docker.internal"}, to.Hostname()) || net.ParseIP(to.Hostname()).IsLoopback()
		if to.Scheme != "https" && !own {
			t.Fatalf("the write key would be sent to %s unencrypted", to)
		}
		if len(config.Secrets) > 2 || slices.Contains(config.Secrets, "") {
			t.Fatalf("there are %d secrets, or an empty one", len(config.Secrets))
		}
		if err := row.CheckEvents(config.Events); err != nil {
			t.Fatal(err)
		}
	})
}
