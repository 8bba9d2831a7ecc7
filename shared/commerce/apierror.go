package commerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"commerce-segment/shared/apicall"
)

// APIError is the error of a call of Commerce's API. Neither its fields nor its text
// contain the client secret, a token or a webhook's secret key.
type APIError struct {
	// Call is the method and the path: "GET /v2/orders". It is without the query, which
	// may contain personal data.
	Call string
	// Status is the HTTP status of the answer; 0 if there was no answer, or only a part
	// of one.
	Status int
	// Title and Detail are the title and the detail of Commerce's error, shortened. Only
	// a call that writes has them.
	Title, Detail string
	// RetryAfter is how long Commerce asked to wait; 0 if it did not ask.
	RetryAfter time.Duration

	cause   error // the error of the network or of the context, if there is no answer
	ended   bool  // the caller's context has ended, or leaves no time for another attempt
	unclear bool  // Commerce may have done what must be done only once
}

func (e *APIError) Error() string {
	var text strings.Builder
	text.WriteString(e.Call + ": ")
	if e.Status == 0 {
		fmt.Fprintf(&text, "no answer from Commerce (%v)", e.cause)
	} else {
		fmt.Fprintf(&text, "Commerce answered %d%s", e.Status, e.words())
	}
	text.WriteString(": " + e.advice())
	if e.ended {
		text.WriteString("; no time was left for another attempt")
	}
	if e.unclear {
		text.WriteString("; Commerce may have done it all the same: check before you repeat it")
	}
	return text.String()
}

// Unwrap returns the error of the network or of the context.
func (e *APIError) Unwrap() error { return e.cause }

// words returns the title and the detail in brackets. Without a title it uses the name of
// the status.
func (e *APIError) words() string {
	title, detail := e.Title, e.Detail
	if title == "" {
		title = http.StatusText(e.Status)
	}
	if detail == "" || detail == title {
		return " (" + title + ")"
	}
	return " (" + title + ": " + detail + ")"
}

// advice returns what the operator can do about the error.
func (e *APIError) advice() string {
	isToken := strings.HasSuffix(e.Call, TokenPath)
	switch {
	case e.Status == 0:
		return "check the network and the Commerce URL, then try again"
	case isToken && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return "check the client id and the client secret: they are those of one application key in Commerce Manager, in the region of the Commerce URL"
	case isToken && e.Status == http.StatusNotFound, e.Status >= 300 && e.Status <= 399, e.Status < 200:
		return "check that the Commerce URL is the API's base URL, such as " + ExampleURL
	case e.Status < 300:
		return "it is not what the API describes: check that the Commerce URL is the API's base URL, such as " + ExampleURL
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
		return "correct the setting that it names"
	}
}

// isStatus reports whether an error is an answer with this status.
func isStatus(err error, status int) bool {
	var answered *APIError
	return errors.As(err, &answered) && answered.Status == status
}

// temporary reports whether the same call may succeed later.
func (e *APIError) temporary() bool { return apicall.Temporary(e.Status, e.cause) }

// notDone reports whether Commerce cannot have processed the request.
func (e *APIError) notDone() bool { return apicall.NotDone(e.Status, e.cause) }

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
