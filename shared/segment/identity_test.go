package segment

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/tracking"
)

// anOrder returns the fact of an order that was paid.
func anOrder() Fact {
	return Fact{
		Tracking: tracking.OrderCompleted, Event: "order.paid",
		WebhookID: "hook-1", ResourceID: "order-1",
		CreatedAt: "2026-11-01T10:00:00.000Z", UpdatedAt: "2026-11-02T11:30:00.5+01:00",
		WriteKey: "key-one", Received: time.Date(2026, 11, 3, 14, 0, 0, 120_400_000, time.FixedZone("", 2*3600)),
	}
}

// aTrack returns the smallest valid output of a template.
func aTrack() map[string]any { return map[string]any{"event": "Order Completed"} }

// made makes messages, which must be valid, and decodes them.
func made(t *testing.T, fact Fact, written ...map[string]any) []map[string]any {
	t.Helper()
	messages, err := NewMessages(fact, written)
	if err != nil {
		t.Fatal(err)
	}
	decoded := make([]map[string]any, len(messages))
	for i, message := range messages {
		if err := json.Unmarshal(message.JSON, &decoded[i]); err != nil {
			t.Fatal(err)
		}
		if decoded[i]["messageId"] != message.ID {
			t.Errorf("Message.ID is %q, the JSON has %q", message.ID, decoded[i]["messageId"])
		}
	}
	return decoded
}

// The salts are the output of `printf %s key-one | sha256sum | cut -c1-8`. The hash is the
// SHA-256 of the id in its test case.
const (
	salt1, salt2 = "9b346041", "c8df5146"
	hashOf101    = "ad49427e6556fc3fc85f8fcf282d83c75717be95f92ba9ae0befd52e7ca5c0c4"
)

// If one of these ids changes, Segment counts every event twice that is on a queue or is
// replayed.
func TestMessageID(t *testing.T) {
	again := func(f *Fact) { f.Tracking, f.Event = tracking.OrderUpdated, "order.updated" }
	tests := []struct {
		name   string
		change func(*Fact)
		want   string
	}{
		{"a tracking that happens once has no revision", func(f *Fact) {}, "order-completed:order-1:0-track:SALT1"},
		{"a deletion has the same id for every webhook id",
			func(f *Fact) {
				f.Tracking, f.Event, f.ResourceID, f.UpdatedAt = tracking.CustomerUpdated, "customer.deleted", "customer-1", ""
				f.WebhookID = "hook-2"
			}, "customer-updated:customer-1:deleted:0-identify:SALT1"},
		{"a tracking that happens once ignores the webhook's id and updated_at",
			func(f *Fact) { f.WebhookID, f.UpdatedAt = "hook-2", "2026-12-01T00:00:00Z" }, "order-completed:order-1:0-track:SALT1"},
		{"the event time is not part of it, so that a backfill has the id of the live webhook",
			func(f *Fact) { again(f); f.EventTime = "2026-10-30T08:00:00Z" }, "order-updated:order-1:20261102T103000.5Z:0-track:SALT1"},
		{"a repeated event has the resource's updated_at, in UTC and with all digits",
			again, "order-updated:order-1:20261102T103000.5Z:0-track:SALT1"},
		{"the same time in another form is the same revision",
			func(f *Fact) { again(f); f.UpdatedAt = "2026-11-02t10:30:00.500z" }, "order-updated:order-1:20261102T103000.5Z:0-track:SALT1"},
		{"two events within a second are distinguished by the content of the resource",
			func(f *Fact) { again(f); f.UpdatedAt, f.Content = "2026-11-02T10:30:00Z", "0badcafe" }, "order-updated:order-1:20261102T103000Z-0badcafe:0-track:SALT1"},
		{"an invalid updated_at is not changed",
			func(f *Fact) { again(f); f.UpdatedAt, f.Content = "yesterday", "0badcafe" }, "order-updated:order-1:yesterday-0badcafe:0-track:SALT1"},
		{"a tracking that happens once ignores the content of the resource",
			func(f *Fact) { f.Content = "0badcafe" }, "order-completed:order-1:0-track:SALT1"},
		{"the longest usual id is readable",
			func(f *Fact) {
				f.Tracking, f.Event, f.ResourceID = tracking.CustomerUpdated, "customer.updated", strings.Repeat("u", 36)
				f.UpdatedAt, f.Content = "2026-11-02T10:30:00Z", "0badcafe"
			}, "customer-updated:" + strings.Repeat("u", 36) + ":20261102T103000Z-0badcafe:0-identify:SALT1"},
		{"without updated_at it has the webhook's id",
			func(f *Fact) { again(f); f.UpdatedAt = "" }, "order-updated:order-1:hook-1:0-track:SALT1"},
		{"without both it has the time when the webhook was received, so that no two are the same",
			func(f *Fact) { again(f); f.UpdatedAt, f.WebhookID = "", "" }, "order-updated:order-1:2026-11-03T12:00:00.120Z:0-track:SALT1"},
		{"another write key gives another salt, so that two sources do not suppress each other",
			func(f *Fact) { f.WriteKey = "key-two" }, "order-completed:order-1:0-track:SALT2"},
		{"another tracking of the same order is another message",
			func(f *Fact) { f.Tracking = tracking.OrderCancelled }, "order-cancelled:order-1:0-track:SALT1"},
		{"100 characters are kept",
			func(f *Fact) { f.ResourceID = strings.Repeat("é", 67) }, "order-completed:" + strings.Repeat("é", 67) + ":0-track:SALT1"},
		{"101 characters become their SHA-256",
			func(f *Fact) { f.ResourceID = strings.Repeat("é", 68) }, "HASH"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fact := anOrder()
			test.change(&fact)
			want := strings.NewReplacer("SALT1", salt1, "SALT2", salt2, "HASH", hashOf101).Replace(test.want)
			if got := made(t, fact, aTrack())[0]["messageId"]; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestMessageIDOfEachPlaceAndType(t *testing.T) {
	messages := made(t, anOrder(), aTrack(), aTrack(), map[string]any{"type": "identify"})
	for n, want := range []string{
		"order-completed:order-1:0-track:" + salt1,
		"order-completed:order-1:1-track:" + salt1,
		"order-completed:order-1:2-identify:" + salt1,
	} {
		if got := messages[n]["messageId"]; got != want {
			t.Errorf("message %d: got %s, want %s", n, got, want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Fact)
		want   string
	}{
		{"a creation happened at created_at", func(f *Fact) { f.Event = "order.created" }, "2026-11-01T10:00:00.000Z"},
		{"a known event time comes first, and does not change the messageId",
			func(f *Fact) { f.EventTime = "2026-10-30T08:00:00Z" }, "2026-10-30T08:00:00Z"},
		{"an invalid event time is ignored",
			func(f *Fact) { f.EventTime = "yesterday" }, "2026-11-02T10:30:00.500Z"},
		{"any other event happened at updated_at", func(f *Fact) {}, "2026-11-02T10:30:00.500Z"},
		{"a creation without created_at at updated_at",
			func(f *Fact) { f.Event, f.CreatedAt = "order.created", "" }, "2026-11-02T10:30:00.500Z"},
		{"a creation with an invalid created_at at updated_at",
			func(f *Fact) { f.Event, f.CreatedAt = "order.created", "yesterday" }, "2026-11-02T10:30:00.500Z"},
		{"a deletion, which has no times, at the time when the webhook was received, in UTC",
			func(f *Fact) { f.Event, f.CreatedAt, f.UpdatedAt = "customer.deleted", "", "" }, "2026-11-03T12:00:00.120Z"},
		{"with an invalid updated_at, at the time when the webhook was received, not at created_at",
			func(f *Fact) { f.UpdatedAt = "2026-13-01T00:00:00Z" }, "2026-11-03T12:00:00.120Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fact := anOrder()
			test.change(&fact)
			if got := made(t, fact, aTrack())[0]["timestamp"]; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	t.Run("if nothing is known it is left out, and Segment uses the current time", func(t *testing.T) {
		fact := anOrder()
		fact.UpdatedAt, fact.Received = "", time.Time{}
		if got, there := made(t, fact, aTrack())[0]["timestamp"]; there {
			t.Errorf("got %s, want none", got)
		}
	})
}

func TestUserAndType(t *testing.T) {
	var null *any
	tests := []struct {
		name       string
		customerID string
		written    map[string]any
		want       map[string]any // nil: absent
	}{
		{"a registered customer is the user", "cust-1", map[string]any{"event": "E"}, map[string]any{"userId": "cust-1", "type": "track"}},
		{"a guest's order is its own user", "", map[string]any{"event": "E"}, map[string]any{"userId": "order-1"}},
		{"null is left out", "cust-1", map[string]any{"event": "E", "userId": nil, "type": nil},
			map[string]any{"userId": "cust-1", "type": "track"}},
		{"the evaluator's typed null is left out", "cust-1",
			map[string]any{"event": "E", "userId": null, "anonymousId": null, "type": null, "messageId": null, "timestamp": null},
			map[string]any{"userId": "cust-1", "type": "track", "messageId": "order-completed:order-1:0-track:" + salt1,
				"timestamp": "2026-11-02T10:30:00.500Z"}},
		{"a user that is written is kept", "cust-1", map[string]any{"event": "E", "userId": "u"}, map[string]any{"userId": "u"}},
		{"an anonymousId is enough as a user", "cust-1", map[string]any{"event": "E", "anonymousId": "a"},
			map[string]any{"anonymousId": "a", "userId": nil}},
		{"a type, id and time that are written are kept", "",
			map[string]any{"type": "page", "messageId": "mine", "timestamp": "2026-01-02"},
			map[string]any{"type": "page", "messageId": "mine", "timestamp": "2026-01-02"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fact := anOrder()
			fact.CustomerID = test.customerID
			got := made(t, fact, test.written)[0]
			for name, want := range test.want {
				if got[name] != want {
					t.Errorf("%s is %v, want %v", name, got[name], want)
				}
			}
			if sent, there := got["sentAt"]; there {
				t.Errorf("sentAt is %v: only the request may set it", sent)
			}
		})
	}
	t.Run("a tracking that identifies fills the type identify", func(t *testing.T) {
		fact := anOrder()
		fact.Tracking = tracking.CustomerCreated
		if got := made(t, fact, map[string]any{})[0]["type"]; got != "identify" {
			t.Errorf("got %v", got)
		}
	})
}
