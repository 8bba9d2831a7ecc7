package deadletters

import (
	"strings"
	"testing"

	"commerce-segment/shared/commerce"
)

// The engineer on call finds out what to do about each reason for which an event can fail.
func TestEveryReasonIsExplained(t *testing.T) {
	unknown := Explain("of another release")
	for _, reason := range []string{
		"message_invalid", "forged", "receives_exhausted", "input", "envelope_unreadable", "segment_400", "segment_413", "segment_404", "segment_501",
		"segment_503", "segment_429", "segment_timeout", "segment_unreachable", "commerce_401", "template", "settings", "write_key_missing", "unverified", "internal", "out_of_time",
		"api_token_missing", "deletion_401", "deletion_422", "deletion_429", "deletion_503", "deletion_unreachable", "inbox",
		commerce.NotJSON, commerce.NotWebhook, commerce.TooDeep, commerce.TooMany,
	} {
		if got := Explain(reason); got == unknown || got.Title == "" || got.Says == "" || got.Do == "" {
			t.Errorf("%s: %+v", reason, got)
		}
	}
}

// A dead letter of a deletion explains what Segment answered.
func TestADeletionIsExplainedByItsAnswer(t *testing.T) {
	for reason, want := range map[string]string{
		"deletion_302": "The token may not delete users", "deletion_401": "The token may not delete users",
		"deletion_409": "Segment rejected the users", "deletion_422": "Segment rejected the users",
		"deletion_429": "Segment's quota of deletions is used up", "deletion_503": "Segment's Public API did not answer",
		"deletion_unreachable": "Segment's Public API did not answer", "api_token_missing": "There is no token to delete users with", "inbox": "Messages go to the inbox",
	} {
		if got := Explain(reason).Title; got != want {
			t.Errorf("%s: %q, want %q", reason, got, want)
		}
	}
	if do := Explain("deletion_429").Do; !strings.Contains(do, "14 days") || !strings.Contains(do, "hub export") {
		t.Errorf("it does not say how to keep them until the next month: %s", do)
	}
}
