package publicapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"commerce-segment/shared/apicall"
	"commerce-segment/shared/loggable"
)

// APIError is the error of a call. Neither its fields nor its text contain the token or the id of
// a user.
type APIError struct {
	// Failure has the call and the status. Its RetryAfter can be days, because a quota of
	// deletions is per month.
	apicall.Failure
	// Type and Field are those of Segment's first error, such as "input-validation" and
	// "slug".
	Type, Field string
	// Message is the message of Segment's first error, shortened. The calls about deletions
	// have none, because it may quote the id of a user.
	Message string
}

func (e *APIError) Error() string { return e.Text("Segment", e.words(), e.advice()) }

// words returns what Segment says, or what is wrong with its answer, or the name of the status.
func (e *APIError) words() string {
	said := e.Message
	if e.Field != "" {
		said = strings.TrimSuffix(e.Field+": "+said, ": ")
	}
	switch {
	case said != "":
		return said
	case e.Cause != nil:
		return e.Cause.Error()
	}
	return http.StatusText(e.Status)
}

// advice returns what the operator can do about the error, or "" if that is nothing.
func (e *APIError) advice() string {
	switch {
	case e.Status == 0:
		return "check the network and segment/api-host, then try again"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "check that the Public API token exists, belongs to this region (US or EU), and has the role for this call"
	case e.Status == http.StatusNotFound:
		return "it does not exist in the workspace of the token"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("the rate limit is used up: try again in %v", e.RetryAfter.Round(time.Second))
	case e.Status == http.StatusTooManyRequests:
		return "the rate limit is used up: try again later"
	case e.Status >= 500:
		return "Segment has an internal error: try again later"
	case errors.Is(e.Cause, apicall.ErrTooLong), errors.Is(e.Cause, ErrTooManyPages):
		return ""
	case e.Status < 400:
		return "check that segment/api-host is " + USHost + ", or " + EUHost + " for a workspace in the EU"
	default:
		return "correct the value that Segment names"
	}
}

// IsStatus reports whether an error is an answer with this status.
func IsStatus(err error, status int) bool {
	var answered *APIError
	return errors.As(err, &answered) && answered.Status == status
}

// errorOf returns the error of an answer that is not a success:
// {"errors":[{"type":…,"message":…,"field":…,"data":{"msBeforeNext":…}}]}.
func (c *Client) errorOf(r request, response *http.Response, body []byte) *APIError {
	var answer struct {
		Errors []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
			Field   string `json:"field"`
			Data    struct {
				MsBeforeNext float64 `json:"msBeforeNext"`
			} `json:"data"`
		} `json:"errors"`
	}
	failed := r.newError(response.StatusCode, nil)
	if json.Unmarshal(body, &answer) == nil && len(answer.Errors) > 0 {
		first := answer.Errors[0]
		failed.Type, failed.Field = loggable.ID(first.Type), loggable.ID(first.Field)
		if !r.personal {
			failed.Message = loggable.Text(first.Message, c.token)
		}
		failed.RetryAfter = time.Duration(max(first.Data.MsBeforeNext, 0)) * time.Millisecond
	}
	if response.StatusCode == http.StatusTooManyRequests && failed.RetryAfter == 0 {
		failed.RetryAfter = untilReset(response.Header.Get("X-RateLimit-Reset"), time.Now())
	}
	return failed
}

// untilReset returns how long it is until the date in the header X-RateLimit-Reset, which has
// the form of RFC 5322. It returns 0 for any other text, and for a date in the past.
func untilReset(header string, now time.Time) time.Duration {
	reset, err := mail.ParseDate(header)
	if err != nil {
		return 0
	}
	return max(reset.Sub(now), 0)
}
