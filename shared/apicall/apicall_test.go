package apicall

import (
	"strings"
	"testing"
	"time"
)

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999": time.Hour,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got := RetryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// An API may quote the request, in which the secret is encoded as in a form.
func TestAnErrorQuotesNoSecretInAnyEncoding(t *testing.T) {
	const secret = `PLANTED+/ä"&= x`
	for name, quoted := range map[string]string{
		"in a form": "grant_type=client_credentials&client_secret=PLANTED%2B%2F%C3%A4%22%26%3D+x&y", "in a form, in small letters": "client_secret=PLANTED%2b%2f%c3%a4%22%26%3d+x",
		"in a URL": "/token/PLANTED+%2F%C3%A4%22&=%20x", "in JSON": `{"client_secret":"PLANTED+/ä\"\u0026= x"}`, "as it is": "the secret " + secret,
	} {
		t.Run(name, func(t *testing.T) {
			if got := Words(quoted, secret); strings.Contains(got, "PLANTED") || !strings.Contains(got, "[secret]") {
				t.Errorf("it contains the secret: %s", got)
			}
		})
	}
	if got := Words("nothing of it", ""); got != "nothing of it" {
		t.Errorf("without a secret it is %s", got)
	}
}
