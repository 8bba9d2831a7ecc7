package picture

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/jsonata/value"
)

// ParseTimestamp returns the milliseconds since 1970 of an ISO 8601 timestamp.
func ParseTimestamp(st *value.State, text string) (any, error) {
	if err := st.Spend(min(len(text), maxText)); err != nil {
		return nil, err
	}
	var m []string
	if len(text) <= maxText {
		m = isoTimestamp().FindStringSubmatch(text)
	}
	if m == nil {
		return nil, errors.New("$toMillis was given a text that is not an ISO 8601 timestamp, such as 2026-11-24T10:15:00Z; for other forms give it a picture")
	}
	n := func(i, missing int) int {
		if m[i] == "" {
			return missing
		}
		v, _ := strconv.Atoi(m[i])
		return v
	}
	year, month, day := n(1, 0), n(2, 1), n(3, 1)
	hour, minute, second := n(4, 0), n(5, 0), n(6, 0)
	zone, zoneOK := isoZone(m[8])
	if month < 1 || month > 12 || day < 1 || day > 31 || minute > 59 || second > 59 || !zoneOK ||
		hour > 24 || hour == 24 && minute+second > 0 {
		return nil, errors.New("$toMillis was given a timestamp that does not exist")
	}
	fraction, _ := strconv.Atoi((m[7] + "000")[:3])
	t := time.Date(year, time.Month(month), day, hour, minute-zone, second, fraction*int(time.Millisecond), time.UTC)
	return float64(t.UnixMilli()), nil
}

// isoTimestamp matches what $toMillis accepts without a picture. The reference
// implementation passes other texts to JavaScript's Date.parse; here they are an error.
var isoTimestamp = lazyRegexp(`^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})?)?$`)

// isoZone returns the minutes of Z, +hh:mm or +hhmm.
func isoZone(s string) (minutes int, ok bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	digits := strings.Replace(s[1:], ":", "", 1)
	n, _ := strconv.Atoi(digits)
	minutes = n/100*60 + n%100
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, n/100 < 24 && n%100 < 60
}
