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

// Content digests what the order or the customer holds, in eight hex digits. Two updates
// within one second have the same updated_at, and this tells them apart. It is the same
// for every way in which Commerce may write the same state: on a retry, in the deprecated
// twin "resources", and in the API. So the order of keys, white space, escapes and the
// form of a number make no difference, an absent member is the same as null or an empty
// one, and what contentSkips names is left out.
//
// The lines ("included") are no part of it. They do not change after the checkout, and
// not every webhook has them.
func (w Webhook) Content() string {
	resource := w.envelope.payload.Value
	if data := jsontext.Member(resource, "data"); jsontext.IsObject(data) { // a deletion has none
		resource = data
	}
	digest := sha256.Sum256(appendObject(nil, resource, contentSkips))
	return hex.EncodeToString(digest[:4])
}

// skips names the members of an object that its content is without: a nil value leaves
// out the member, another value names those to leave out of the member's own object.
type skips map[string]skips

// contentSkips are the members that may differ where the state is the same: addresses of
// the API, the lines' ids, which depend on what a request includes, and the timestamps,
// of which the revision has updated_at by itself.
var contentSkips = skips{
	"links":         nil,
	"meta":          {"timestamps": nil},
	"relationships": {"items": nil},
}

// appendObject appends the members of an object in the order of their keys, and nothing
// where there are none. Of members of one name the last is in effect.
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

// appendValue appends a value in its canonical form, and nothing for null, an empty list
// and an empty object.
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

// appendList appends all elements, the empty ones too: the place of an element matters.
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

// appendText appends a text behind its length, so that no text can look like another
// value.
func appendText(canonical []byte, text string) []byte {
	canonical = append(strconv.AppendInt(canonical, int64(len(text)), 10), ':')
	return append(canonical, text...)
}

// plainNumber writes a number in one form: 1, 1.0 and 1e0 are the same. A whole number
// stays as it is written, however many digits it has.
func plainNumber(number string) string {
	if !strings.ContainsAny(number, ".eE") && number != "-0" {
		return number
	}
	f, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil: // over what a float64 holds
		return number
	case f == 0: // -0 too
		return "0"
	case math.Abs(f) < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}
