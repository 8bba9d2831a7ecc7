package segment

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"commerce-segment/shared/tracking"
)

// maxIDLength is Segment's limit on a messageId, in characters.
const maxIDLength = 100

// fillIdentity sets the user, the messageId and the timestamp of a message, if the template
// left them out. A field for which the fact has no value stays absent, and validate reports
// it.
func (f Fact) fillIdentity(fields map[string]any, salt string, n int) {
	if field(fields, "anonymousId") == nil {
		fillLeftOut(fields, "userId", cmp.Or(f.CustomerID, f.ResourceID))
	}
	fillLeftOut(fields, "messageId", f.messageID(salt, n, field(fields, "type").(string)))
	fillLeftOut(fields, "timestamp", f.timestamp())
}

// fillLeftOut sets a field that is absent or null, unless the value is empty.
func fillLeftOut(fields map[string]any, name, value string) {
	if field(fields, name) == nil && value != "" {
		fields[name] = value
	}
}

// messageID returns <tracking>:<resource id>[:<revision>]:<n>-<type>:<salt>, or the SHA-256
// of that in hex if it is longer than 100 characters. It is the same for every delivery of
// the same fact, so that Segment drops repetitions. It is empty if the fact has no resource
// id, because all such ids would be the same.
func (f Fact) messageID(salt string, n int, kind string) string {
	if f.ResourceID == "" {
		return ""
	}
	parts := []string{f.Tracking.Name, f.ResourceID}
	if !f.Tracking.Once {
		parts = append(parts, f.revision())
	}
	parts = append(parts, strconv.Itoa(n)+"-"+kind, salt)
	id := strings.Join(parts, ":")
	if utf8.RuneCountInString(id) > maxIDLength {
		digest := sha256.Sum256([]byte(id))
		return hex.EncodeToString(digest[:])
	}
	return id
}

// revision distinguishes repeated events of one resource, for example two updates. It is
// the same for every source of one event: Commerce's retries (whose attempt and perhaps id
// differ), a replay, and a backfill. It is updated_at in UTC and the content, because
// Commerce writes updated_at in whole seconds and may change a resource twice within one
// second. A deletion happens once and has no updated_at. The webhook's id is used only if
// there is no updated_at, because Commerce does not promise to keep the id in a retry.
func (f Fact) revision() string {
	switch {
	case tracking.AtDeletion(f.Event):
		return "deleted"
	case f.Revision != "":
		return f.Revision
	case f.UpdatedAt != "":
		return strings.Trim(compactTime(f.UpdatedAt)+"-"+f.Content, "-")
	}
	return cmp.Or(f.WebhookID, f.received())
}

// timestamp returns the event time: EventTime if it is known, otherwise created_at for
// a creation, otherwise updated_at, otherwise (a deletion has neither) the time at
// which the webhook was received.
func (f Fact) timestamp() string {
	known := []string{f.EventTime, f.UpdatedAt}
	if tracking.AtCreation(f.Event) {
		known = []string{f.EventTime, f.CreatedAt, f.UpdatedAt}
	}
	for _, text := range known {
		if _, ok := parseTime(text); ok {
			return text
		}
	}
	return f.received()
}

// Time returns the event time, with the same precedence as the timestamp of a message.
// It is zero if nothing is known.
func (f Fact) Time() time.Time {
	t, _ := parseTime(f.timestamp()) // valid or empty
	return t
}

// received returns the time at which the webhook arrived, in UTC to the millisecond, or
// "" if it is not known.
func (f Fact) received() string {
	if f.Received.IsZero() {
		return ""
	}
	return f.Received.UTC().Format(utcMilliseconds)
}

// saltOf returns eight hex digits of the SHA-256 of the write key. Segment drops a repeated
// messageId across sources and workspaces. Because of the salt, two sources that receive
// the same events have different ids.
func saltOf(writeKey string) string {
	digest := sha256.Sum256([]byte(writeKey))
	return hex.EncodeToString(digest[:4])
}
