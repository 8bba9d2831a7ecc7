package commerce

import (
	"encoding/json"
	"fmt"

	"commerce-segment/shared/jsontext"
)

// Bounds of a body, counted in it as a template sees it: a resources string's
// content counts from where the payload would stand.
const (
	// MaxDepth is how many objects and lists a body may have inside one another. A
	// documented order uses about ten. encoding/json would go to 10,000, and templates
	// recurse over what they get.
	MaxDepth = 100
	// MaxValues is how many values a body may have, members and elements at every
	// level. A documented line of an order has some 50 in a kilobyte, so an order of 6 MB,
	// the most that comes in, has 350,000. Once they are built, half a million objects
	// take less than 100 MB, of the 256 MB of a function; 6 MB of nothing but tiny values
	// would take several times as much.
	MaxValues = 500_000
)

// checkJSON gives the members of an object, or says why a text, which stands inside
// so many levels, is not one JSON value within the bounds. What is no object has no
// members.
func checkJSON(what string, text []byte, inside int) ([]jsontext.Field, error) {
	fields, fault := jsontext.Check(text, inside, jsontext.Bounds{Depth: MaxDepth, Values: MaxValues})
	switch fault {
	case jsontext.Syntax:
		return nil, notJSON(what, json.Unmarshal(text, new(any)))
	case jsontext.Depth:
		return nil, &Error{TooDeep, fmt.Sprintf("%s is nested more than %d levels deep: no Commerce webhook is", what, MaxDepth)}
	case jsontext.Count:
		return nil, &Error{TooMany, fmt.Sprintf("%s has more than %d values: no Commerce webhook has", what, MaxValues)}
	}
	return fields, nil
}
