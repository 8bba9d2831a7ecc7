package executions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // where the machine has none
)

// zones returns the names of all time zones in the database of this machine, or in Go's
// own. Where clocks change at midnight a day does not begin at midnight, or is longer.
func zones(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, root := range []string{"/usr/share/zoneinfo", filepath.Join("/usr", "lib", "zoneinfo")} {
		filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				name, _ := filepath.Rel(root, path)
				if _, err := time.LoadLocation(name); err == nil && !strings.Contains(name, "right/") && !strings.Contains(name, "posix/") {
					names = append(names, name)
				}
			}
			return nil
		})
	}
	return append(names, "America/Santiago", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe", "America/Asuncion", "UTC")
}

// Where clocks change at midnight a day does not begin at midnight, or lasts longer.
func TestASummaryHasEachDayOfAYearOnceInEveryZone(t *testing.T) {
	for _, name := range zones(t) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 1, 1, 15, 0, 0, 0, zone)
		parts := Summarize(nil, from, from.AddDate(1, 0, -1)).Parts
		if len(parts) != 365 {
			t.Errorf("%s: a year has %d days", name, len(parts))
			continue
		}
		for i, part := range parts {
			want := time.Date(2026, 1, 1+i, 12, 0, 0, 0, zone)
			if part.Start.Format(time.DateOnly) != want.Format(time.DateOnly) || part.Start.Add(-time.Second).Day() == want.Day() {
				t.Errorf("%s: the day %s begins %s", name, want.Format(time.DateOnly), part.Start)
			}
		}
	}
}

func TestAWebhookIsCountedOnItsDayWhereClocksChangeAtMidnight(t *testing.T) {
	for _, c := range []struct{ zone, at, day string }{
		{"America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06"}, // the first moment of a day that begins at one o'clock
		{"America/Santiago", "2026-09-06T03:59:59Z", "2026-09-05"},
		{"America/Santiago", "2026-04-05T03:30:00Z", "2026-04-04"}, // the second time that it is half past eleven
		{"Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24"},
		{"Asia/Beirut", "2026-03-28T22:00:00Z", "2026-03-29"},
		{"Asia/Beirut", "2026-10-24T21:30:00Z", "2026-10-24"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range Summarize([]Execution{{Received: at, Outcome: Delivered}}, at.In(zone).AddDate(0, 0, -5), at.In(zone).AddDate(0, 0, 5)).Parts {
			if counted := part.Came() == 1; counted != (part.Start.Format(time.DateOnly) == c.day) {
				t.Errorf("%s: what came at %s is counted %d times on the day that begins %s", c.zone, at.In(zone), part.Came(), part.Start)
			}
		}
	}
}
