// Package words formats numbers, times and texts for people: for the terminal, pages and
// spreadsheets.
package words

import (
	"fmt"
	"strings"
	"time"
)

// Count returns a number with its noun, in the plural unless the number is 1.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Capital returns a text with its first letter, which is one of a to z, as a capital letter.
func Capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// OneLine joins the lines of a text, for example of several errors, without empty ones.
func OneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// Age returns a duration in its largest unit, rounded down: seconds, minutes, hours or days.
func Age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", max(d, 0)/time.Second)
	}
}

// Clock returns a time in the time zone of this machine, with seconds.
func Clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// ClockMinutes returns a time in the time zone of this machine, without seconds.
func ClockMinutes(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// Moment returns a time as Commerce writes it, which a flag of a command takes.
func Moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// NoFormula returns a text that a spreadsheet does not take for a formula.
func NoFormula(text string) string {
	if text != "" && strings.Contains("=+-@\t\r\n", text[:1]) {
		return "'" + text
	}
	return text
}
