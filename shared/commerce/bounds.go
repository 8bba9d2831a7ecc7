package commerce

import (
	"encoding/json"
	"fmt"

	"commerce-segment/shared/jsontext"
)

// Bounds of a body in the form that a template receives: the content of a resources
// string is counted as if it were the payload.
const (
	// MaxDepth is how deep objects and lists can nest in a body. A documented order has
	// about ten levels. encoding/json accepts 10,000, but templates recurse over the body.
	MaxDepth = 100
	// MaxValues is how many values a body can have: members and elements at every level.
	// A documented line of an order has about 50 in a kilobyte, so an order of 6 MB, the
	// largest that can arrive, has 350,000. Half a million decoded objects take less than
	// 100 MB, of the 256 MB of a function; 6 MB of tiny values would take several times
	// as much.
	MaxValues = 500_000
)

// checkJSON returns the members of an object, or an error if the text is not one JSON
// value within the bounds. inside is the number of levels around the text. A value other
// than an object has no members.
func checkJSON(what string, text []byte, inside int) ([]jsontext.Field, error) {
	fields, fault := jsontext.Check(text, inside, jsontext.Bounds{Depth: MaxDepth, Values: MaxValues})
	switch fault {
	case jsontext.Syntax:
		return nil, notJSON(what, json.Unmarshal(text, new(any)))
	case jsontext.Depth:
		return nil, &Error{TooDeep, fmt.Sprintf("%s is nested more than %d levels deep, which no Commerce webhook is", what, MaxDepth)}
	case jsontext.Count:
		return nil, &Error{TooMany, fmt.Sprintf("%s has more than %d values, more than any Commerce webhook", what, MaxValues)}
	}
	return fields, nil
}
