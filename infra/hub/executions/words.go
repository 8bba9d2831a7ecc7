package executions

import (
	"fmt"
	"time"

	"commerce-segment/infra/hub/words"
)

// String formats the duration for people.
func (m Milliseconds) String() string {
	d := time.Duration(m) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", m)
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}

// Lookback returns a name for the period of this length up to now.
func Lookback(d time.Duration) string {
	switch {
	case d == time.Hour:
		return "the last hour"
	case d%(24*time.Hour) == 0 && d > 24*time.Hour:
		return fmt.Sprintf("the last %d days", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("the last %d hours", d/time.Hour)
	default:
		return "the last " + d.String()
	}
}

// Between returns a name for a period. Without an end it lasts until now.
func Between(from, to time.Time) string {
	if to.IsZero() {
		return "the time since " + words.ClockMinutes(from)
	}
	return fmt.Sprintf("the time from %s to %s", words.ClockMinutes(from), words.ClockMinutes(to))
}

// lookbackFlag returns the value of --since for a period of this length.
func lookbackFlag(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 && d > day {
		return fmt.Sprintf("%dd", d/day)
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}
