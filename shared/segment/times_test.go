package segment

import (
	"reflect"
	"testing"
)

// Segment's spec requires ISO 8601 in UTC, and destinations reliably parse only three
// digits of a second: with more, a destination keeps the text, or drops the event.
func TestTimesAreSentInUTCToTheMillisecond(t *testing.T) {
	tests := []struct{ name, written, want string }{
		{"UTC to the second stays as it is", "2026-05-24T09:14:58Z", "2026-05-24T09:14:58Z"},
		{"UTC to the millisecond stays as it is", "2026-05-24T09:14:58.187Z", "2026-05-24T09:14:58.187Z"},
		{"nanoseconds are cut, not rounded", "2026-05-24T09:14:58.187999999Z", "2026-05-24T09:14:58.187Z"},
		{"eight digits, as in Commerce's own example, are cut", "2018-05-24T09:14:58.18733387Z", "2018-05-24T09:14:58.187Z"},
		{"microseconds are cut", "2026-05-24T09:14:58.187333Z", "2026-05-24T09:14:58.187Z"},
		{"one digit becomes three", "2026-05-24T09:14:58.5Z", "2026-05-24T09:14:58.500Z"},
		{"the last nanosecond of a year stays in it", "2026-12-31T23:59:59.999999999Z", "2026-12-31T23:59:59.999Z"},
		{"before 1970 it is cut to the earlier millisecond too", "1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"},
		{"an offset", "2019-07-04T04:12:23-07:00", "2019-07-04T11:12:23.000Z"},
		{"an offset of half an hour into another day", "2026-01-01T03:04:05.123456789+05:30", "2025-12-31T21:34:05.123Z"},
		{"an offset of zero", "2026-05-24T09:14:58+00:00", "2026-05-24T09:14:58.000Z"},
		{"an offset of minus zero", "2026-05-24T09:14:58-00:00", "2026-05-24T09:14:58.000Z"},
		{"an offset without a colon", "2026-05-24T09:14:58+0530", "2026-05-24T03:44:58.000Z"},
		{"an offset in hours", "2026-05-24T09:14:58+05", "2026-05-24T04:14:58.000Z"},
		{"without seconds", "2026-05-24T09:14Z", "2026-05-24T09:14:00.000Z"},
		{"lower-case letters", "2026-05-24t09:14:58.187z", "2026-05-24T09:14:58.187Z"},
		{"a comma before the fraction", "2026-05-24T09:14:58,187Z", "2026-05-24T09:14:58.187Z"},
		{"a leap second is the moment after it", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},
		{"a leap second with a fraction and an offset", "2017-01-01T05:29:60.25+05:30", "2017-01-01T00:00:00.250Z"},
		{"a year that has no four digits in UTC stays as it is", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59-01:00"},
		{"a year before 0 in UTC stays as it is", "0000-01-01T00:00:00+01:00", "0000-01-01T00:00:00+01:00"},
		{"a time without a zone stays as it is", "2026-05-24T09:14:58.187333", "2026-05-24T09:14:58.187333"},
		{"a date stays as it is", "2026-05-24", "2026-05-24"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fields := map[string]any{
				"event": "E", "timestamp": test.written, "originalTimestamp": test.written,
				"traits":  map[string]any{"createdAt": test.written, "since": test.written},
				"context": map[string]any{"traits": map[string]any{"createdAt": test.written, "n": 1}, "ip": "::1"},
			}
			got := made(t, anOrder(), fields)[0]
			traits, inContext := got["traits"].(map[string]any), got["context"].(map[string]any)["traits"].(map[string]any)
			for name, value := range map[string]any{
				"timestamp": got["timestamp"], "originalTimestamp": got["originalTimestamp"],
				"traits.createdAt": traits["createdAt"], "context.traits.createdAt": inContext["createdAt"],
			} {
				if value != test.want {
					t.Errorf("%s is %v, want %s", name, value, test.want)
				}
			}
			if traits["since"] != test.written {
				t.Errorf("another trait became %v: it is the template's own", traits["since"])
			}
			if fields["traits"].(map[string]any)["createdAt"] != test.written ||
				fields["context"].(map[string]any)["traits"].(map[string]any)["createdAt"] != test.written {
				t.Error("NewMessages changed its argument")
			}
		})
	}
}

func TestAnInvalidCreatedAtIsNotChanged(t *testing.T) {
	for name, written := range map[string]any{
		"a number": 1764000000.0, "a text": "yesterday", "null": nil, "an object": map[string]any{}, "an empty text": "",
		"a text in form only": "2026-02-30T09:14:58.123456Z", "a leap second without a zone": "2016-12-31T23:59:60",
		"a text that ends with the minutes": "2016-12-31T23:59",
	} {
		got := made(t, anOrder(), map[string]any{"event": "E", "traits": map[string]any{"createdAt": written}})[0]
		want := made(t, anOrder(), map[string]any{"event": "E", "traits": map[string]any{"other": written}})[0]
		if as := got["traits"].(map[string]any)["createdAt"]; !reflect.DeepEqual(as, want["traits"].(map[string]any)["other"]) {
			t.Errorf("%s became %v", name, as)
		}
	}
}

// The times of a resource in Commerce may have any of the forms of RFC 3339.
func TestTheEventTimeIsReadInEveryFormOfRFC3339(t *testing.T) {
	for _, written := range []string{
		"2026-11-20T10:15:00Z", "2026-11-20t10:15:00z", "2026-11-20T10:15:00,000Z", "2026-11-20T10:14:60Z", "2026-11-20T03:15:00-07:00",
	} {
		fact := anOrder()
		fact.UpdatedAt = written
		if got := fact.Time().UTC().Format(utcSeconds); got != "2026-11-20T10:15:00Z" {
			t.Errorf("%s is read as %s", written, got)
		}
	}
}
