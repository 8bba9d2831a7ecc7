package executions

import (
	"fmt"
	"time"
)

// Clock formats a time in the time zone of this machine.
func Clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// clockFine is Clock with milliseconds.
func clockFine(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000") }

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
