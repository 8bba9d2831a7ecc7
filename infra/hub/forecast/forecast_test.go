package forecast_test

import (
	"errors"
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
			for name, value := range c.set {
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
