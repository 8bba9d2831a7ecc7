package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The codes of an Error. Commerce receives them, and dead letters contain them, so they
// must not change.
const (
	// NotJSON means that the body, or the string in its resources, is not one JSON value.
	NotJSON = "not_json"
	// TooDeep means that it is nested deeper than MaxDepth.
	TooDeep = "too_deep"
	// TooMany means that it has more values than MaxValues.
	TooMany = "too_many_values"
	// NotWebhook means that it is JSON without a field that every webhook of an order or
	// a customer has.
	NotWebhook = "not_webhook"
)

// Error is the error for a body that is not a webhook. The same body always has the same
// error.
type Error struct {
	Code string // NotJSON, TooDeep, TooMany or NotWebhook
	// Message names the field, and says what is wrong with it and what is expected. It
	// does not quote the body, so it has no personal data and no secret.
	Message string
}

func (e *Error) Error() string { return e.Message }

// notWebhook returns the error for a field that is not as expected.
func notWebhook(field, expected string) *Error {
	return &Error{NotWebhook, fmt.Sprintf("not a Commerce webhook: %s must be %s", field, expected)}
}

// notJSON returns the error for a text that is not JSON. It has the position from the
// error of encoding/json, and not the character that this error quotes.
func notJSON(what string, err error) *Error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &Error{NotJSON, fmt.Sprintf("%s is not JSON from byte %d on: expected one JSON object, as Commerce posts it",
			what, syntax.Offset)}
	}
	return &Error{NotJSON, what + " is not JSON: expected one JSON object, as Commerce posts it"}
}
