package commerce

import (
	"net/url"
	"strings"
	"testing"
)

func TestBaseURLAcceptsTheFormsThatOperatorsPaste(t *testing.T) {
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
		{"the API on a private host", "https://commerce.example.com:8443", "https://commerce.example.com:8443", ""},
		{"a test server on this machine", "http://127.0.0.1:9000", "http://127.0.0.1:9000", ""},
		{"a test server on localhost", "http://localhost:9000/", "http://localhost:9000", ""},
		{"without encryption", "http://euwest.api.elasticpath.com", "", "would be sent unencrypted"},
		{"another path", "https://euwest.api.elasticpath.com/v2/orders", "", "has a path"},
		{"a query", "https://euwest.api.elasticpath.com?x=1", "", "a query"},
		{"in capitals", "HTTPS://EUWEST.api.elasticpath.com", euwest, ""},
		{"no URL", "https://", "", "is not the URL"},
		{"a word", "garbage", "", "is not the URL of a store: use your store's API base URL, such as https://euwest.api.elasticpath.com"},
		{"a word with a port", "garbage:80", "", "is not the URL"},
		{"a word with a dot after it", "garbage.", "", "is not the URL"},
		{"dots", "...", "", "is not the URL"},
		{"words", "my store", "", "is not the URL"},
		{"a host with a zero-width space", "https://euwest.api.elasticpath.com\u200b", "", "is not the URL"},
		{"with a user", "https://me:pass@euwest.api.elasticpath.com", "", "is not the URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, notice, err := BaseURL(c.pasted)
			if got != c.want || (err == nil) != (c.message == "") || err != nil && !strings.Contains(err.Error(), c.message) {
				t.Errorf("%q, %v, want %q, %q", got, err, c.want, c.message)
			}
			if strings.Contains(notice, "tab=2") || strings.Contains(notice, "#") || err != nil && strings.Contains(err.Error(), "pass") {
				t.Errorf("the notice or the error quotes a part that may be a secret: %q, %v", notice, err)
			}
			changed := err == nil && strings.TrimSpace(c.pasted) != c.want
			if (notice != "") != changed || changed && !strings.Contains(notice, c.want) {
				t.Errorf("the notice is %q", notice)
			}
		})
	}
}

// FuzzBaseURL checks that the client secret is never sent unencrypted, for any pasted text.
func FuzzBaseURL(f *testing.F) {
	for _, pasted := range []string{
		"https://euwest.api.elasticpath.com", "euwest.cm.elasticpath.com/orders", "http://[::1]:9000/oauth/access_token/",
		"HTTP://localhost", "https://me:pass@host", "https://\xff", "://", "http://127.0.0.1@evil.example", "http://localhost\\.evil.example", "",
	} {
		f.Add(pasted)
	}
	f.Fuzz(func(t *testing.T, pasted string) {
		base, _, err := BaseURL(pasted)
		if err != nil {
			return
		}
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q becomes %q, which is not a base URL: %v", pasted, base, err)
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !isThisMachine(u.Hostname())) {
			t.Fatalf("%q becomes %q, which is unencrypted", pasted, base)
		}
		if _, _, err := BaseURL(base); err != nil {
			t.Fatalf("%q becomes %q, which BaseURL rejects: %v", pasted, base, err)
		}
	})
}
