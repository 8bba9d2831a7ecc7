package lint

import (
	"fmt"
	"regexp"
	"strings"

	"commerce-segment/shared/segment"
)

var (
	withoutZone = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?$`)
	dateOnly    = regexp.MustCompile(`^\d{4}-?\d\d-?\d\d$`)
	// namesTime matches the ends of field names that mean a time, not just a date.
	namesTime = regexp.MustCompile(`(_at|At|[tT]imestamp|_time|Time)$`)
)

// The reasons why a time may be read in another way than intended. They continue a sentence.
const (
	hasNoZone  = "has no time zone, and is read as UTC"
	isOnlyDate = "is a date without a time of day, and is read as midnight in UTC"
)

// vagueness returns why a text does not identify a moment, or "".
func vagueness(text string) string {
	switch {
	case withoutZone.MatchString(text):
		return hasNoZone
	case dateOnly.MatchString(text):
		return isOnlyDate
	}
	return ""
}

// checkTimes finds times that cannot be parsed or do not identify a moment. In fields
// that Segment does not use as times it only warns.
func (m *message) checkTimes() {
	const instead = "write it as Commerce states it, like 2026-11-24T09:30:00Z"
	for _, path := range [][]string{{"timestamp"}, {"originalTimestamp"}, {"traits", "createdAt"}, {"traits", "created_at"},
		{"context", "traits", "createdAt"}, {"context", "traits", "created_at"}} {
		value := at(m.fields, path...)
		switch vague := vagueness(text(value)); {
		case vague != "":
			m.add(strings.Join(path, "."), "time", vague, instead)
		case value != nil && len(path) > 1 && !segment.IsTime(text(value)): // else checkAccepted has found it
			m.add(strings.Join(path, "."), "time", "is not a time in ISO 8601", instead)
		}
	}
	for _, path := range [][]string{{"properties"}, {"traits"}, {"context", "traits"}} {
		m.checkMoments(strings.Join(path, "."), at(m.fields, path...))
	}
}

// checkMoments warns of fields in a value that are clearly times, by their form or
// their name, and do not identify a moment.
func (m *message) checkMoments(path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range names(value) {
			if name != "createdAt" && name != "created_at" || path == "properties" { // else checkTimes looks at it
				m.checkMoments(path+"."+name, value[name])
			}
		}
	case []any:
		for i, inner := range value {
			m.checkMoments(fmt.Sprintf("%s[%d]", path, i), inner)
		}
	case string:
		if vague := vagueness(value); vague == hasNoZone || vague == isOnlyDate && namesTime.MatchString(path) {
			m.warn(path, "time", vague, "write it with its time and zone, like 2026-11-24T09:30:00Z")
		}
	}
}
