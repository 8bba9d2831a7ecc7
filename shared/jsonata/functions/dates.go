package functions

import (
	"commerce-segment/shared/jsonata/picture"
	"commerce-segment/shared/jsonata/value"
)

func (l Library) addDates() {
	l.Define("now", "s?s?:s", 2, func(st *value.State, args []any) (any, error) {
		return picture.FormatTime(st, float64(st.Now().UnixMilli()), args[0], args[1])
	})
	l.Define("millis", ":n", 0, func(st *value.State, _ []any) (any, error) { return float64(st.Now().UnixMilli()), nil })
	l.defineStrict("fromMillis", "n-s?s?:s", 3, func(st *value.State, args []any) (any, error) {
		millis, _ := value.Number(args[0])
		return picture.FormatTime(st, millis, args[1], args[2])
	})
	l.defineStrict("toMillis", "s-s?:n", 2, toMillis)
}

func toMillis(st *value.State, args []any) (any, error) {
	text := args[0].(string)
	if source, ok := args[1].(string); ok {
		return picture.ParseTime(st, text, source)
	}
	return picture.ParseTimestamp(st, text)
}
