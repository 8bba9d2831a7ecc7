package commerce

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"commerce-segment/shared/jsontext"
)

// Content returns a digest of the order or the customer, in eight hex digits. It
// distinguishes two updates within one second, which have the same updated_at. It is
// the same for every form in which Commerce writes the same state: in a retry, in the
// deprecated twin "resources", and in the API. So the order of keys, white space,
// escapes and the form of a number make no difference, an absent member is the same as
// null or an empty one, and contentSkips is left out.
//
// The lines ("included") are not in the digest. They do not change after the checkout,
// and not every webhook has them.
//
// Call it before a template receives the input, which the template may change.
func (w Webhook) Content() string {
	resource := w.envelope.payload.Value
	if data := jsontext.Member(resource, "data"); jsontext.IsObject(data) { // a deletion has none
		resource = data
	}
	digest := sha256.Sum256(appendObject(nil, resource, contentSkips))
	return hex.EncodeToString(digest[:4])
}

// skips has the members of an object to leave out: a nil value leaves out the member,
// another value is the members to leave out of the member's own object.
type skips map[string]skips

// contentSkips has the members that can differ for the same state: addresses of the
// API, the ids of the lines, which depend on what a request includes, and the
// timestamps, because the revision has updated_at itself.
var contentSkips = skips{
	"links":         nil,
	"meta":          {"timestamps": nil},
	"relationships": {"items": nil},
}

// appendObject appends the members of an object in the order of their keys, and nothing
// for an object without any.
func appendObject(canonical, object []byte, without skips) []byte {
	start := len(canonical)
	canonical = append(canonical, '{')
	members := map[string][]byte{}
	for key, value := range jsontext.Members(object) {
		members[jsontext.Text(key)] = value
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		inner, skipped := without[key]
		if skipped && inner == nil {
			continue
		}
		begin := len(canonical)
		canonical = appendText(canonical, key)
		value := len(canonical)
		if canonical = appendValue(canonical, members[key], inner); len(canonical) == value {
			canonical = canonical[:begin]
		}
	}
	if len(canonical) == start+1 {
		return canonical[:start]
	}
	return append(canonical, '}')
}

// appendValue appends a value in its canonical form, and nothing for null, an empty
// list and an empty object.
func appendValue(canonical, value []byte, without skips) []byte {
	switch value[0] {
	case '{':
		return appendObject(canonical, value, without)
	case '[':
		return appendList(canonical, value)
	case '"':
		return appendText(canonical, jsontext.Text(value))
	case 't', 'f':
		return append(canonical, value...)
	case 'n':
		return canonical
	}
	return appendText(append(canonical, '#'), plainNumber(string(value)))
}

// appendList appends all elements, including empty ones, because their positions
// matter.
func appendList(canonical, list []byte) []byte {
	start := len(canonical)
	canonical = append(canonical, '[')
	for element := range jsontext.Elements(list) {
		canonical = append(appendValue(canonical, element, nil), ',')
	}
	if len(canonical) == start+1 {
		return canonical[:start]
	}
	return append(canonical, ']')
}

// appendText appends the length of a text and the text, so that no text can look like
// another value.
func appendText(canonical []byte, text string) []byte {
	canonical = append(strconv.AppendInt(canonical, int64(len(text)), 10), ':')
	return append(canonical, text...)
}

// plainNumber returns a number in one form: 1, 1.0 and 1e0 are the same. A whole number
// keeps all its digits.
func plainNumber(number string) string {
	if !strings.ContainsAny(number, ".eE") && number != "-0" {
		return number
	}
	f, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil: // too large for a float64
		return number
	case f == 0: // -0 too
		return "0"
	case math.Abs(f) < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}
