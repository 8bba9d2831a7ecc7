package forecast_test

import (
	"errors"
	"maps"
	"os"
	"testing"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

func letter(t tracking.Tracking, reason, body string) deadletters.Letter {
	return deadletters.Letter{Tracking: t, DeadLetter: spool.DeadLetter{
		Envelope: relay.Envelope{Received: time.Now(), Body: []byte(body)}, Failure: relay.Failure{Tracking: t.Name, Reason: reason},
	}}
}

func TestAForecastSaysWhatARedriveWouldDo(t *testing.T) {
	paid := hubtest.Order("order.paid", "o-1")
	const deleted = `{"id":"w","triggered_by":"customer.deleted","payload":{"type":"customer","id":"customer-1"}}`
	unreadable := letter(tracking.OrderCompleted, "envelope_unreadable", "x")
	unreadable.Err = errors.New("the stored event is damaged")
	forged := letter(tracking.OrderCompleted, "forged", paid)
	forged.Envelope.Presented = &commerce.Digest{}
	withoutBody := letter(tracking.OrderCompleted, "message_invalid", "")
	withoutBody.Envelope.Body = nil
	for _, c := range []struct {
		name, template string
		set            map[string]string
		letters        []deadletters.Letter
		says           string
	}{
		{"the template is fixed", hubtest.Simple, nil, []deadletters.Letter{letter(tracking.OrderCompleted, "message_invalid", paid)}, "1 of 1 event would be delivered now."},
		{"it still makes invalid messages", `{"event": ""}`, nil, []deadletters.Letter{letter(tracking.OrderCompleted, "message_invalid", paid), letter(tracking.OrderCompleted, "message_invalid", paid)},
			"0 of 2 events would be delivered now, 2 would fail again, because: message 1: event is an empty string: write a value."},
		{"it does not compile", `{`, nil, []deadletters.Letter{letter(tracking.OrderCompleted, "message_invalid", paid)},
			"0 of 1 event would be delivered now, 1 would fail again, because: template order-completed, line 1: "},
		{"it filters the event", "[]", nil, []deadletters.Letter{letter(tracking.OrderCompleted, "message_invalid", paid)}, "0 of 1 event would be delivered now, 1 would be skipped."},
		{"the tracking is disabled", hubtest.Simple, map[string]string{settings.Enabled(tracking.OrderCompleted): "false"},
			[]deadletters.Letter{letter(tracking.OrderCompleted, "message_invalid", paid)}, "0 of 1 event would be delivered now, 1 would be skipped."},
		{"the settings are invalid", hubtest.Simple, map[string]string{settings.Enabled(tracking.OrderCompleted): "perhaps"},
			[]deadletters.Letter{letter(tracking.OrderCompleted, "message_invalid", paid)}, "0 of 1 event would be delivered now, 1 would fail again, because: parameter tracking/order-completed/enabled: "},
		{"Segment rejected it", hubtest.Simple, nil, []deadletters.Letter{letter(tracking.OrderCompleted, "segment_400", paid)},
			"0 of 1 event would be delivered now, for 1 only an attempt shows it"},
		{"there is no write key", hubtest.Simple, map[string]string{settings.SegmentWriteKey: ""}, []deadletters.Letter{letter(tracking.OrderCompleted, "write_key_missing", paid)},
			"0 of 1 event would be delivered now, 1 would fail again, because: no write key is set in segment/write-key."},
		{"there is a write key now", hubtest.Simple, nil, []deadletters.Letter{letter(tracking.OrderCompleted, "write_key_missing", paid)}, "1 of 1 event would be delivered now."},
		{"there is no token to delete users with", hubtest.Simple, map[string]string{settings.SegmentHost: settings.DefaultHost}, []deadletters.Letter{letter(tracking.CustomerDeleted, "api_token_missing", deleted), letter(tracking.CustomerDeleted, "deletion_429", deleted), letter(tracking.CustomerDeleted, "template", deleted)},
			"0 of 3 events would be delivered now, 3 would fail again, because: no token of Segment's Public API is set in segment/api-token."},
		{"messages go to the inbox, without a token", hubtest.Simple, nil, []deadletters.Letter{letter(tracking.CustomerDeleted, "inbox", deleted)},
			"0 of 1 event would be delivered now, 1 would fail again, because: no user is deleted while messages go to the inbox of the hub."},
		{"messages go to the inbox", hubtest.Simple, map[string]string{settings.SegmentAPIToken: "a-token"}, []deadletters.Letter{letter(tracking.CustomerDeleted, "api_token_missing", deleted)},
			"0 of 1 event would be delivered now, 1 would fail again, because: no user is deleted while messages go to the inbox of the hub."},
		{"only Segment knows whether it deletes the user", hubtest.Simple, map[string]string{settings.SegmentAPIToken: "a-token", settings.SegmentHost: settings.DefaultHost},
			[]deadletters.Letter{letter(tracking.CustomerDeleted, "api_token_missing", deleted), letter(tracking.CustomerDeleted, "deletion_429", deleted), letter(tracking.CustomerDeleted, "deletion_422", deleted), letter(tracking.CustomerDeleted, "template", deleted)},
			"1 of 4 events would be delivered now, for 3 only an attempt shows it."},
		{"the list is too long for its webhook", hubtest.Simple, nil, []deadletters.Letter{withoutBody}, "0 of 1 event would be delivered now, for 1 only an attempt shows it"},
		{"they are no webhooks, or forged", hubtest.Simple, nil,
			[]deadletters.Letter{letter(tracking.OrderCompleted, "not_json", "hello"), unreadable, forged}, "0 of 3 events would be delivered now, for 1 only an attempt shows it, 2 would fail again, because: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			directory, err := store.SetUpDirectory(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s := store.InDirectory(directory)
			if err := s.Put(t.Context(), settings.Template(tracking.OrderCompleted), c.template); err != nil {
				t.Fatal(err)
			}
			all := map[string]string{settings.SegmentWriteKey: "the-write-key", settings.Enabled(tracking.CustomerDeleted): "true"}
			maps.Copy(all, c.set)
			for name, value := range all {
				if value == "" {
					if err := os.Remove(directory.File(name)); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if err := s.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			got, err := forecast.Of(t.Context(), s, c.letters)
			if err != nil || len(got.Says()) < len(c.says) || got.Says()[:len(c.says)] != c.says {
				t.Errorf("it says %q, %v\nwant %q", got.Says(), err, c.says)
			}
		})
	}
}
