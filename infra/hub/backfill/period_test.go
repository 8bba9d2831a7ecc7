package backfill

import (
	"errors"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/words"
)

func TestParseAPeriod(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ since, until, want, wrong string }{
		{"2026-03-01", "", "2026-03-01T00:00:00Z 2026-03-10T11:30:00Z", ""},
		{"2026-03-01T08:00:00+01:00", "2026-03-02", "2026-03-01T07:00:00Z 2026-03-02T00:00:00Z", ""},
		{"36h", "1d", "2026-03-09T00:00:00Z 2026-03-09T12:00:00Z", ""},
		{"soon", "", "", `since "soon": write a time such as 2026-01-31`},
		{"1d", "soon", "", `until "soon": write a time such as 2026-01-31`},
		{"10m", "", "", "since 10m: must be before the end of the period, 2026-03-10T11:30:00Z"},
		{"1d", "2d", "", "until 2d: must be after the start of the period, 2026-03-09T12:00:00Z"},
	} {
		since, until, err := Period{c.since, c.until}.Parse(now, Settled(now))
		if c.wrong != "" {
			var wrong *TimeError
			if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), c.wrong) {
				t.Errorf("%q until %q: %v, want %s", c.since, c.until, err, c.wrong)
			}
			continue
		}
		if got := words.Moment(since) + " " + words.Moment(until); err != nil || got != c.want {
			t.Errorf("%q until %q is %s, %v, want %s", c.since, c.until, got, err, c.want)
		}
	}
}
