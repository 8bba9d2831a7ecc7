package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The codes of an Error. They are told to Commerce and written on dead letters,
// so they do not change.
const (
	// NotJSON: the body, or the string in its resources, is not one JSON value.
	NotJSON = "not_json"
	// TooDeep: it is nested deeper than MaxDepth.
	TooDeep = "too_deep"
	// TooMany: it has more values than MaxValues.
	TooMany = "too_many_values"
	// NotWebhook: it is JSON, and lacks what every webhook of an order or a
	// customer has.
	NotWebhook = "not_webhook"
)

// Error is why a body is not a webhook. Sent again, the same body is refused for
// the same reason.
type Error struct {
	Code string // NotJSON, TooDeep, TooMany or NotWebhook
	// Message names the field, says what is wrong with it and what is expected.
	// It quotes nothing of the body: no personal data, no secret.
	Message string
}

func (e *Error) Error() string { return e.Message }

// notWebhook names a field and says what it must be.
func notWebhook(field, expected string) *Error {
	return &Error{NotWebhook, fmt.Sprintf("not a Commerce webhook: %s must be %s", field, expected)}
}

// notJSON says where encoding/json stopped reading, and leaves out the character
// that it quotes there.
func notJSON(what string, err error) *Error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &Error{NotJSON, fmt.Sprintf("%s is not JSON from byte %d on: expected one JSON object, as Commerce posts it",
			what, syntax.Offset)}
	}
	return &Error{NotJSON, what + " is not JSON: expected one JSON object, as Commerce posts it"}
}
