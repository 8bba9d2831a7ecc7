package segment

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The formats in which times are sent: UTC, with three digits of a second or none. Every
// JavaScript engine, and so every destination, parses them in the same way.
const (
	utcSeconds      = "2006-01-02T15:04:05Z"
	utcMilliseconds = "2006-01-02T15:04:05.000Z"
)

// momentLayouts lists the ISO 8601 forms that identify a moment. time.Parse accepts a
// fraction of a second with each of the first three, after a point or a comma.
var momentLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00",
}

// maxTimeBytes is more than the longest usual time. A longer text is not parsed: package
// time would copy it into its errors.
const maxTimeBytes = 100

// parseTime parses a text that identifies a moment: with letters in either case, as RFC
// 3339 allows, and a leap second as the moment after it, which Go cannot represent.
func parseTime(text string) (time.Time, bool) {
	if len(text) > maxTimeBytes {
		return time.Time{}, false
	}
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

// IsTime reports whether Segment can parse a text as a time, with or without a zone.
func IsTime(text string) bool {
	if _, ok := parseTime(text); ok {
		return true
	}
	return len(text) <= maxTimeBytes && slices.ContainsFunc([]string{"2006-01-02T15:04:05", time.DateOnly}, func(layout string) bool {
		_, err := time.Parse(layout, text)
		return err == nil
	})
}

// inUTC returns a moment in UTC, truncated to milliseconds. It does not change a text
// that is in this form already, that identifies no moment, or whose year in UTC does
// not have four digits.
func inUTC(text string) string {
	t, ok := parseTime(text)
	t = t.UTC()
	if !ok || t.Year() < 0 || t.Year() > 9999 || t.Format(utcSeconds) == text {
		return text
	}
	return t.Format(utcMilliseconds)
}

// compactTime returns a moment in UTC in the shortest form of ISO 8601, with all its
// digits of a second, so that an id stays within Segment's limit. It does not change a
// text that identifies no moment.
func compactTime(text string) string {
	t, ok := parseTime(text)
	if !ok {
		return text
	}
	return t.UTC().Format("20060102T150405.999999999Z")
}

// times lists the fields that Segment's spec defines as times, each with the objects
// that contain it.
var times = [][]string{{"timestamp"}, {"originalTimestamp"}, {"traits", "createdAt"}, {"context", "traits", "createdAt"}}

// putTimesInUTC converts those fields to UTC. All other times belong to the template
// and stay as they are. The objects inside the message are copied before they are
// changed.
func putTimesInUTC(fields map[string]any) {
	for _, path := range times {
		if changed := withUTC(field(fields, path[0]), path[1:]); changed != nil {
			fields[path[0]] = changed
		}
	}
}

// withUTC returns a value with the time at a path in it in UTC, or nil if nothing
// changes.
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
