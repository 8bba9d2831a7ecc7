package received

import (
	"testing"
	"time"
)

func TestThePeriodHasWholeHoursThatAreOver(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct{ name, now, since, until, wantSince, wantUntil string }{
		{"just after the hour", "2026-11-24 10:05", "2026-11-23 10:05", "", "2026-11-23 09:00", "2026-11-24 09:00"},
		{"later in the hour", "2026-11-24 10:15", "2026-11-23 10:15", "", "2026-11-23 10:00", "2026-11-24 10:00"},
		{"days in the past", "2026-11-24 10:15", "2026-11-20 00:00", "2026-11-22 00:00", "2026-11-20 00:00", "2026-11-22 00:00"},
		{"longer than Segment counts by hour", "2026-11-24 10:15", "2026-10-01 00:00", "2026-11-22 00:00", "2026-11-11 10:00", "2026-11-22 00:00"},
	} {
		o := Options{Since: at(test.since)}
		if test.until != "" {
			o.Until = at(test.until)
		}
		since, until := o.period(at(test.now))
		if !since.Equal(at(test.wantSince)) || !until.Equal(at(test.wantUntil)) {
			t.Errorf("%s: from %v until %v", test.name, since, until)
		}
	}
}
