package commerce

import (
	"strings"
	"testing"
)

func TestTheBaseURLOfWhatPeoplePaste(t *testing.T) {
	const euwest = "https://euwest.api.elasticpath.com"
	for _, c := range []struct{ name, pasted, want, message string }{
		{"the base URL", "https://euwest.api.elasticpath.com", euwest, ""},
		{"with a slash", "https://euwest.api.elasticpath.com/", euwest, ""},
		{"without https", "euwest.api.elasticpath.com", euwest, ""},
		{"with white space", "  https://euwest.api.elasticpath.com \n", euwest, ""},
		{"the token URL", "https://euwest.api.elasticpath.com/oauth/access_token", euwest, ""},
		{"the token URL with a slash", "https://euwest.api.elasticpath.com/oauth/access_token/", euwest, ""},
		{"Commerce Manager", "https://euwest.cm.elasticpath.com", euwest, ""},
		{"a page of Commerce Manager", "https://EUWEST.cm.elasticpath.com/orders/1?tab=2#x", euwest, ""},
		{"a store of one's own", "https://commerce.example.com:8443", "https://commerce.example.com:8443", ""},
		{"a stand-in on this machine", "http://127.0.0.1:9000", "http://127.0.0.1:9000", ""},
		{"a stand-in by name", "http://localhost:9000/", "http://localhost:9000", ""},
		{"in clear", "http://euwest.api.elasticpath.com", "", "in clear"},
		{"another path", "https://euwest.api.elasticpath.com/v2/orders", "", "has a path"},
		{"a query", "https://euwest.api.elasticpath.com?x=1", "", "a query"},
		{"no URL", "https://", "", "is no URL"},
		{"with a user", "https://me:pass@euwest.api.elasticpath.com", "", "is no URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, notice, err := BaseURL(c.pasted)
			if got != c.want || (err == nil) != (c.message == "") || err != nil && !strings.Contains(err.Error(), c.message) {
				t.Errorf("%q, %v, want %q, %q", got, err, c.want, c.message)
			}
			changed := err == nil && strings.TrimSpace(c.pasted) != c.want
			if (notice != "") != changed || changed && !strings.Contains(notice, c.want) {
				t.Errorf("the notice is %q", notice)
			}
		})
	}
}
