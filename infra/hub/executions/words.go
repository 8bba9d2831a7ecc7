package executions

import (
	"fmt"
	"time"
)

// Clock formats a time in the time zone of this machine.
func Clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// clockFine is Clock with milliseconds.
func clockFine(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000 MST") }

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
	const minutes = "2006-01-02 15:04 MST"
	if to.IsZero() {
		return "the time since " + from.Local().Format(minutes)
	}
	return fmt.Sprintf("the time from %s to %s", from.Local().Format(minutes), to.Local().Format(minutes))
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
