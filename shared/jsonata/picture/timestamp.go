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
	t := timestamp{text: text, month: 1, day: 1}
	if len(text) > maxText || !t.read() {
		return nil, errors.New("$toMillis was given a text that is not an ISO 8601 timestamp, such as 2026-11-24T10:15:00Z; for other forms give it a picture")
	}
	if t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31 || t.minute > 59 || t.second > 59 || t.zoneHour > 23 || t.zoneMinute > 59 ||
		t.hour > 24 || t.hour == 24 && t.minute+t.second > 0 {
		return nil, errors.New("$toMillis was given a timestamp that does not exist")
	}
	if t.west {
		t.zoneHour, t.zoneMinute = -t.zoneHour, -t.zoneMinute
	}
	date := time.Date(t.year, time.Month(t.month), t.day, t.hour-t.zoneHour, t.minute-t.zoneMinute, t.second, 0, time.UTC)
	return float64(date.UnixMilli() + int64(t.millis)), nil
}

// timestamp parses an ISO 8601 timestamp.
type timestamp struct {
	text                         string // the part that is not parsed yet
	year, month, day             int
	hour, minute, second, millis int
	zoneHour, zoneMinute         int
	west                         bool // the offset of the zone is negative
}

// read parses a timestamp as $toMillis does without a picture: YYYY, YYYY-MM or YYYY-MM-DD,
// optionally followed by Thh:mm:ss with a fraction and a zone. Other texts are an error.
// The reference implementation passes them to Date.parse of JavaScript.
func (t *timestamp) read() bool {
	if !t.digits(4, &t.year) {
		return false
	}
	if t.skip("-") && (!t.digits(2, &t.month) || t.skip("-") && !t.digits(2, &t.day)) {
		return false
	}
	if t.skip("T") && !t.time() {
		return false
	}
	return t.text == ""
}

func (t *timestamp) time() bool {
	if !t.digits(2, &t.hour) || !t.skip(":") || !t.digits(2, &t.minute) || !t.skip(":") || !t.digits(2, &t.second) {
		return false
	}
	if t.skip(".") {
		fraction := leadingDigits(t.text)
		if fraction == 0 {
			return false
		}
		t.millis, _ = strconv.Atoi((t.text[:fraction] + "000")[:3])
		t.text = t.text[fraction:]
	}
	if t.skip("Z") {
		return true
	}
	if t.west = t.skip("-"); !t.west && !t.skip("+") {
		return true
	}
	hour := t.digits(2, &t.zoneHour)
	t.skip(":")
	return hour && t.digits(2, &t.zoneMinute)
}

// skip removes a mark, such as a colon, if the text begins with it, and reports whether it
// did.
func (t *timestamp) skip(mark string) (found bool) {
	t.text, found = strings.CutPrefix(t.text, mark)
	return found
}

// digits parses the next n digits into a number.
func (t *timestamp) digits(n int, number *int) bool {
	if leadingDigits(t.text[:min(n, len(t.text))]) < n {
		return false
	}
	*number, _ = strconv.Atoi(t.text[:n])
	t.text = t.text[n:]
	return true
}

// leadingDigits returns how many digits a text begins with.
func leadingDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
