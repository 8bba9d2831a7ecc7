package loggable

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"commerce-segment/shared/chars"
)

// maxText is the length of the longest text that Text returns, in characters.
const maxText = 200

// Text makes a text from outside safe to show: one printable line without the secrets, of at
// most 200 characters. Use it only for an explanation that the operator needs, and that has no
// personal data.
func Text(text string, secrets ...string) string {
	for _, secret := range secrets {
		for _, written := range spellings(secret) {
			text = regexp.MustCompile("(?i)"+regexp.QuoteMeta(written)).ReplaceAllLiteralString(text, "[secret]")
		}
	}
	line := []rune(chars.Line(text))
	return strings.TrimSpace(string(line[:min(len(line), maxText)]))
}

// spellings returns the forms in which a text from outside may quote a secret: as it is,
// and as encoded in a form, in a URL and in JSON.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	quoted, _ := json.Marshal(secret) // never fails for a string
	return []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`)}
}
