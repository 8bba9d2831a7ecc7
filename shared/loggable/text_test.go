package loggable_test

import (
	"strings"
	"testing"

	"commerce-segment/shared/loggable"
)

// An API may quote the request, in which the secret is encoded as in a form.
func TestATextHasNoSecretInAnyEncoding(t *testing.T) {
	const secret = `PLANTED+/ä"&= x`
	for name, quoted := range map[string]string{
		"in a form": "grant_type=client_credentials&client_secret=PLANTED%2B%2F%C3%A4%22%26%3D+x&y", "in a form, in small letters": "client_secret=PLANTED%2b%2f%c3%a4%22%26%3d+x",
		"in a URL": "/token/PLANTED+%2F%C3%A4%22&=%20x", "in JSON": `{"client_secret":"PLANTED+/ä\"\u0026= x"}`, "as it is": "the secret " + secret,
	} {
		t.Run(name, func(t *testing.T) {
			if got := loggable.Text(quoted, secret); strings.Contains(got, "PLANTED") || !strings.Contains(got, "[secret]") {
				t.Errorf("it contains the secret: %s", got)
			}
		})
	}
	if got := loggable.Text("nothing of it", ""); got != "nothing of it" {
		t.Errorf("without a secret it is %s", got)
	}
}
