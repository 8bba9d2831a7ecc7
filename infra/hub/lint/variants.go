package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// value is a value that a webhook can have in a place instead of the usual one.
type value struct {
	is      string // the description that follows "it": "is null"
	field   string // the field of the place that has the value, "" for the place itself
	to      any
	missing bool // the place has no value
	// alone returns values with one strange character or field each, if this has several.
	alone func() []value
}

// hostile lists characters that people and browsers send and that programs often handle
// wrongly. For example, a regular expression that ignores case takes ſ and K for s and k.
var hostile = []struct{ is, text string }{
	{"has CR LF in it", "\r\n"},
	{"has a CR in it", "\r"},
	{"has U+2028 in it", "\u2028"},
	{"has U+2029 in it", "\u2029"},
	{"has an emoji in it", "👩‍👧"},
	{"has a NUL in it", "\x00"},
	{"has right-to-left marks in it", "\u200f\u202e"},
	{"has U+017F or U+212A in it", "\u017f\u212a"},
}

// hostileText returns a text with all the hostile characters inserted at its ends and
// inside.
func hostileText(text string) value {
	with := func(strange string) string {
		_, size := utf8.DecodeRuneInString(text)
		return strange + text[:size] + strange + text[size:] + strange
	}
	var all strings.Builder
	for _, h := range hostile {
		all.WriteString(h.text)
	}
	return value{is: "has line ends, an emoji, a NUL and right-to-left marks in it", to: with(all.String()), alone: func() []value {
		var alone []value
		for _, h := range hostile {
			alone = append(alone, value{is: h.is, to: with(h.text)})
		}
		return alone
	}}
}

// machineMade matches the ids and times that Commerce generates. No store and no shopper
// writes numbers or strange characters there.
var machineMade = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT.*)$`)

// manyElements is the length of a long list, which is still plausible.
const manyElements = 500

// unusual returns the values that can replace a usual one. For an object they also include
// the object with further fields.
func unusual(usual any, fields []string) []value {
	values := []value{{is: "is missing", missing: true}}
	if usual != nil {
		values = append(values, value{is: "is null", to: nil})
	}
	switch usual := usual.(type) {
	case nil:
		values = append(values, value{is: "is a text", to: "text"})
	case string:
		values = append(values, value{is: "is an empty text", to: ""})
		if !machineMade.MatchString(usual) {
			values = append(values, value{is: "is a number", to: json.Number("12")}, hostileText(usual))
		}
	case json.Number:
		values = append(values, value{is: "is 0", to: json.Number("0")}, value{is: "is a text", to: usual.String()})
	case bool:
		values = append(values, value{is: "is a text", to: fmt.Sprint(usual)})
	case map[string]any:
		values = append(values, value{is: "is an empty object", to: map[string]any{}})
		values = append(values, withMore(usual, fields)...)
	case []any:
		values = append(values, value{is: "is an empty list", to: []any{}})
		if len(usual) > 0 {
			values = append(values, value{is: "has one element", to: usual[:1]},
				value{is: fmt.Sprintf("has %d elements", manyElements), to: repeat(usual, manyElements)})
		}
	}
	return values
}

// withMore returns an object with all of the given fields that it does not have, and with
// each of them alone: no sample has all the fields that a store can have.
func withMore(object map[string]any, fields []string) []value {
	fields = slices.DeleteFunc(slices.Clone(fields), func(field string) bool {
		_, present := object[field]
		return present
	})
	if len(fields) == 0 {
		return nil
	}
	with := func(to any, added ...string) map[string]any {
		object := maps.Clone(object)
		for _, field := range added {
			object[field] = to
		}
		return object
	}
	var values []value
	for _, v := range []value{{is: "is null"}, {is: "is a number", to: json.Number("12")}, hostileText("text")} {
		all := value{is: "has more fields, each of which " + v.is, to: with(v.to, fields...), alone: func() []value {
			alone := make([]value, len(fields))
			for i, field := range fields {
				alone[i] = value{field: field, is: v.is, to: with(v.to, field)}
				if v.alone != nil {
					alone[i].alone = func() []value {
						strange := v.alone()
						for i := range strange {
							strange[i].field, strange[i].to = field, with(strange[i].to, field)
						}
						return strange
					}
				}
			}
			return alone
		}}
		values = append(values, all)
	}
	return values
}

// repeat returns a list of the given length that repeats the elements of another list.
func repeat(list []any, length int) []any {
	long := make([]any, length)
	for i := range long {
		long[i] = list[i%len(list)]
	}
	return long
}

// place is the location of a value in an object or a list.
type place struct {
	path   string
	usual  any
	set    func(any)
	remove func() // nil for an element of a list
}

// values returns the unusual values that the place can have: see unusual.
func (p place) values(fields []string) []value {
	return slices.DeleteFunc(unusual(p.usual, fields), func(v value) bool { return v.missing && p.remove == nil })
}

// with calls do while the place has another value.
func (p place) with(v value, do func()) {
	if v.missing {
		p.remove()
	} else {
		p.set(v.to)
	}
	defer p.set(p.usual)
	do()
}

// placesIn returns the places inside a value, the outermost first.
func placesIn(path string, inside any) []place {
	var places []place
	add := func(path string, usual any, set func(any), remove func()) {
		places = append(append(places, place{path, usual, set, remove}), placesIn(path, usual)...)
	}
	switch inside := inside.(type) {
	case map[string]any:
		for _, name := range names(inside) {
			add(path+"."+name, inside[name], func(to any) { inside[name] = to }, func() { delete(inside, name) })
		}
	case []any:
		for i, element := range inside {
			add(fmt.Sprintf("%s[%d]", path, i), element, func(to any) { inside[i] = to }, nil)
		}
	}
	return places
}
