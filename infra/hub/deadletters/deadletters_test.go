package deadletters

import (
	"testing"

	"commerce-segment/shared/commerce"
)

// The engineer on call finds out what to do about each reason for which an event can fail.
func TestEveryReasonIsExplained(t *testing.T) {
	unknown := Explain("of another release")
	for _, reason := range []string{
		"message_invalid", "forged", "receives_exhausted", "input", "envelope_unreadable", "segment_400", "segment_413", "segment_404", "segment_501",
		"segment_503", "segment_429", "segment_timeout", "segment_unreachable", "commerce_401", "template", "settings", "write_key_missing", "unverified", "internal", "out_of_time",
		"api_token_missing", "deletion_401", "deletion_422", "deletion_429", "deletion_503", "deletion_unreachable",
		commerce.NotJSON, commerce.NotWebhook, commerce.TooDeep, commerce.TooMany,
	} {
		if got := Explain(reason); got == unknown || got.Title == "" || got.Says == "" || got.Do == "" {
			t.Errorf("%s: %+v", reason, got)
		}
	}
}
