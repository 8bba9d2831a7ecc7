package segment

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The forms in which times leave: UTC, with three digits of a second or none. These are
// what every JavaScript engine, and so every destination, reads alike.
const (
	utcSeconds      = "2006-01-02T15:04:05Z"
	utcMilliseconds = "2006-01-02T15:04:05.000Z"
)

// momentLayouts are the ISO 8601 forms that name a moment. time.Parse takes a fraction of
// a second with each of the first three, after a point or a comma.
var momentLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00",
}

// parseTime reads a text that names a moment: the letters in either case, as RFC 3339
// has it, and a leap second as the moment after it, which Go cannot hold.
func parseTime(text string) (time.Time, bool) {
	const minutes, leap = len("2006-01-02T15:04"), ":60"
	text = strings.ToUpper(text)
	var added time.Duration
	if len(text) > minutes && strings.HasPrefix(text[minutes:], leap) {
		text, added = text[:minutes]+":59"+text[minutes+len(leap):], time.Second
	}
	for _, layout := range momentLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Add(added), true
		}
	}
	return time.Time{}, false
}

// IsTime says whether Segment can read a text as a time, perhaps one without a zone.
func IsTime(text string) bool {
	if _, ok := parseTime(text); ok {
		return true
	}
	return slices.ContainsFunc([]string{"2006-01-02T15:04:05", time.DateOnly}, func(layout string) bool {
		_, err := time.Parse(layout, text)
		return err == nil
	})
}

// inUTC writes a moment in UTC, cut to milliseconds. A text that is so already stays as
// it is, and so do one that names no moment and one whose year in UTC has no four digits.
func inUTC(text string) string {
	t, ok := parseTime(text)
	t = t.UTC()
	if !ok || t.Year() < 0 || t.Year() > 9999 || t.Format(utcSeconds) == text {
		return text
	}
	return t.Format(utcMilliseconds)
}

// compactTime writes a moment in UTC as short as ISO 8601 allows, with as many digits of
// a second as it has, so that an id stays within Segment's limit. What names no moment
// stays as it is.
func compactTime(text string) string {
	t, ok := parseTime(text)
	if !ok {
		return text
	}
	return t.UTC().Format("20060102T150405.999999999Z")
}

// times are the fields that Segment's spec defines as times, each with the objects that
// it is in.
var times = [][]string{{"timestamp"}, {"originalTimestamp"}, {"traits", "createdAt"}, {"context", "traits", "createdAt"}}

// putTimesInUTC writes those fields in UTC. All other times are the template's own and
// stay as they are. The objects inside the message are copied before they are changed.
func putTimesInUTC(fields map[string]any) {
	for _, path := range times {
		if changed := withUTC(field(fields, path[0]), path[1:]); changed != nil {
			fields[path[0]] = changed
		}
	}
}

// withUTC gives a value with the time at a path inside it in UTC; nil where that changes
// nothing.
func withUTC(value any, path []string) any {
	if len(path) == 0 {
		if text, isString := value.(string); isString && inUTC(text) != text {
			return inUTC(text)
		}
		return nil
	}
	object, _ := value.(map[string]any)
	changed := withUTC(field(object, path[0]), path[1:])
	if changed == nil {
		return nil
	}
	object = maps.Clone(object)
	object[path[0]] = changed
	return object
}
