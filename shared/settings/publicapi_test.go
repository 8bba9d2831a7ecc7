package settings_test

import (
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func TestTheHostOfThePublicAPIFollowsTheRegion(t *testing.T) {
	for _, c := range []struct{ name, segmentHost, apiHost, want, wrong string }{
		{"nothing is set", "", "", publicapi.USHost, ""},
		{"a workspace in the US", settings.DefaultHost, "", publicapi.USHost, ""},
		{"a workspace in the EU", "https://events.eu1.segmentapis.com", "", publicapi.EUHost, ""},
		{"a host of its own", "https://events.eu1.segmentapis.com", "http://127.0.0.1:9999", "http://127.0.0.1:9999", ""},
		{"with a slash and white space", "", " https://eu1.api.segmentapis.com/ ", publicapi.EUHost, ""},
		{"the host for events", "", "https://events.eu1.segmentapis.com", "", "not the Public API"},
		{"Segment's app", "", "https://app.segment.com/shop", "", "not the Public API"},
		{"without encryption", "", "http://api.segmentapis.com", "", "the token would be sent unencrypted"},
		{"with a path", "", "https://api.segmentapis.com/sources", "", "it has a path"},
		{"not a URL", "", "eu", "", "enter " + publicapi.USHost},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, err := settings.PublicAPIHost(map[string]string{settings.SegmentHost: c.segmentHost, settings.SegmentAPIHost: c.apiHost})
			if c.wrong == "" && (err != nil || host != c.want) {
				t.Errorf("%q, %v", host, err)
			}
			if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("%q, %v", host, err)
			}
		})
	}
}

func TestATokenOfThePublicAPIIsUsedOnlyForTheHostThatItWasEnteredFor(t *testing.T) {
	for _, c := range []struct{ name, segmentHost, token, want, wrong string }{
		{"there is none", "", "", "", ""},
		{"the host is the same", settings.DefaultHost, settings.BindSecret(publicapi.USHost, "kept"), "kept", ""},
		{"the region was changed", "https://events.eu1.segmentapis.com", settings.BindSecret(publicapi.USHost, "kept"), "", "it was entered for " + publicapi.USHost},
		{"it has no host", settings.DefaultHost, "kept", "", "it does not say for which URL"},
		{"its host is none", settings.DefaultHost, "x kept", "", "it does not begin with the URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := settings.PublicAPICredentials(map[string]string{settings.SegmentHost: c.segmentHost, settings.SegmentAPIToken: c.token})
			if got.Token != c.want {
				t.Errorf("the token is %q for %s", got.Token, got.URL)
			}
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "kept")) {
				t.Error(err)
			}
		})
	}
}

// The token may read and change a whole workspace.
func TestOnlyTheFunctionThatRequestsDeletionsReadsTheTokenOfThePublicAPI(t *testing.T) {
	for _, one := range tracking.All() {
		for _, name := range []string{settings.SegmentAPIToken, settings.SegmentAPIHost} {
			if reads := slices.Contains(settings.Names(one), name); reads != (one.Name == "customer-deleted") {
				t.Errorf("the function of %s reads %s: %t", one.Name, name, reads)
			}
		}
	}
	if !settings.IsSecret(settings.SegmentAPIToken) {
		t.Error("the token is not a secret")
	}
}
