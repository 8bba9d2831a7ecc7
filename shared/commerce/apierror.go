package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"commerce-segment/shared/apicall"
)

// APIError is the error of a call of Commerce's API. Neither its fields nor its text
// contain the client secret, a token or a webhook's secret key.
type APIError struct {
	apicall.Failure
	// Title and Detail are the title and the detail of Commerce's error, shortened. Only
	// a call that writes has them.
	Title, Detail string
}

func (e *APIError) Error() string { return e.Text("Commerce", e.words(), e.advice()) }

// words returns the title and the detail. Without a title it uses the name of the status.
func (e *APIError) words() string {
	title, detail := e.Title, e.Detail
	if title == "" {
		title = http.StatusText(e.Status)
	}
	if detail == "" || detail == title {
		return title
	}
	return title + ": " + detail
}

// advice returns what the operator can do about the error, or "" if that is nothing.
func (e *APIError) advice() string {
	isToken := strings.HasSuffix(e.Call, TokenPath)
	switch {
	case e.Status == 0:
		return "check the network and the Commerce URL, then try again"
	case isToken && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return "check the client id and the client secret: they are those of one application key in Commerce Manager, in the region of the Commerce URL"
	case errors.Is(e.Cause, apicall.ErrTooLong):
		return ""
	case isToken && e.Status == http.StatusNotFound, e.Status < 400:
		return "check that the Commerce URL is the API's base URL, such as " + ExampleURL
	case e.Status == http.StatusUnauthorized:
		return "it rejects a token that it has just issued: check that the application key still exists"
	case e.Status == http.StatusForbidden:
		return "the application key lacks the permission: use a key of this store that has it"
	case e.Status == http.StatusNotFound:
		return "this store has nothing at that path: check the id, and that the application key belongs to the right store"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("the store's rate limit is used up: try again in %v", e.RetryAfter)
	case e.Status == http.StatusTooManyRequests:
		return "the store's rate limit is used up: try again later"
	case e.Status >= 500:
		return "Commerce has an internal error: try again later"
	case strings.HasPrefix(e.Call, http.MethodGet):
		return "it does not accept this request: check that the Commerce URL is the API's base URL, such as " + ExampleURL
	default:
		return "correct the setting that Commerce names"
	}
}

// isStatus reports whether an error is an answer with this status.
func isStatus(err error, status int) bool {
	var answered *APIError
	return errors.As(err, &answered) && answered.Status == status
}

// explain reads Title and Detail from an answer. Commerce's OpenAPI descriptions have a
// list of errors, whose status is a number (integrations.yaml) or a string
// (authentication.yaml), and in an example an object (cartsorders.yaml).
func (e *APIError) explain(body []byte) {
	type words struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	var answer struct {
		Errors json.RawMessage `json:"errors"`
	}
	var list []words
	var first words
	switch {
	case json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0:
	case json.Unmarshal(answer.Errors, &list) == nil && len(list) > 0:
		first = list[0]
	default:
		// If this fails too, Title and Detail stay empty.
		_ = json.Unmarshal(answer.Errors, &first)
	}
	e.Title, e.Detail = first.Title, first.Detail
}
