package site

import (
	"testing"

	"commerce-segment/shared/settings"
)

func TestTheSettingsOfAllTrackingsAreThoseOfTheStore(t *testing.T) {
	home, err := MakeHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Put(t.Context(), "templates/order-completed", "{}"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ host, want string }{
		{"", "http://inbox.example"},
		{"https://segment.example", "https://segment.example"},
	} {
		if err := home.Put(t.Context(), settings.SegmentHost, c.host); err != nil {
			t.Fatal(err)
		}
		configs, err := Here(home).Configs(t.Context(), "http://inbox.example")
		if err != nil {
			t.Fatal(err)
		}
		if got := configs["order-completed"]; len(configs) != 7 || got.Template != "{}" || got.Segment.Host != c.want {
			t.Errorf("of the host %q come %d, and %+v", c.host, len(configs), got.Segment)
		}
	}
}
