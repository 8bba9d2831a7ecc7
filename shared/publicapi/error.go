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
	// Call is the method and the path: "GET /sources".
	Call string
	// Status is the HTTP status of the answer; 0 if there was no answer, or only a part
	// of one.
	Status int
	// Type and Field are those of Segment's first error, such as "input-validation" and
	// "slug".
	Type, Field string
	// Message is the message of Segment's first error, shortened. The calls about deletions
	// have none, because it may quote the id of a user.
	Message string
	// RetryAfter is how long Segment asked to wait; 0 if it did not ask. A quota of deletions
	// is per month, so this can be days.
	RetryAfter time.Duration
	// Unclear reports that Segment may have done what must be done only once.
	Unclear bool

	cause error // the error of the network or of the context, if there is no answer
	ended bool  // the caller's context has ended, or leaves no time for another attempt
}

func (e *APIError) Error() string {
	var text strings.Builder
	text.WriteString(e.Call + ": ")
	if e.Status == 0 {
		fmt.Fprintf(&text, "no answer from Segment (%v)", e.cause)
	} else {
		fmt.Fprintf(&text, "Segment answered %d%s", e.Status, e.words())
	}
	text.WriteString(": " + e.advice())
	if e.ended {
		text.WriteString("; no time was left for another attempt")
	}
	if e.Unclear {
		text.WriteString("; Segment may have done it all the same: check before you repeat it")
	}
	return text.String()
}

// Unwrap returns the error of the network or of the context.
func (e *APIError) Unwrap() error { return e.cause }

// words returns in brackets what Segment says, or the name of the status.
func (e *APIError) words() string {
	said := e.Message
	if e.Field != "" {
		said = strings.TrimSuffix(e.Field+": "+said, ": ")
	}
	if said == "" {
		said = http.StatusText(e.Status)
	}
	return " (" + said + ")"
}

// advice returns what the operator can do about the error.
func (e *APIError) advice() string {
	switch {
	case e.Status == 0:
		return "check the network and segment/api-host, then try again"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "check that the Public API token exists, belongs to this region (US or EU), and has the role for this call"
	case e.Status == http.StatusNotFound:
		return "the workspace of the token has nothing at that path"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("the rate limit is used up: try again in %v", e.RetryAfter.Round(time.Second))
	case e.Status == http.StatusTooManyRequests:
		return "the rate limit is used up: try again later"
	case e.Status >= 500:
		return "Segment has an internal error: try again later"
	case e.Status < 400:
		return "it is not what the API describes: check that segment/api-host is " + USHost + ", or " + EUHost + " for a workspace in the EU"
	default:
		return "correct the value that it names"
	}
}

// Temporary reports whether the same call may succeed later.
func (e *APIError) Temporary() bool { return apicall.Temporary(e.Status, e.cause) }

// IsStatus reports whether an error is an answer with this status.
func IsStatus(err error, status int) bool {
	var answered *APIError
	return errors.As(err, &answered) && answered.Status == status
}

// refused returns the error of an answer that is not a success:
// {"errors":[{"type":…,"message":…,"field":…,"data":{"msBeforeNext":…}}]}.
func (c *Client) refused(r request, response *http.Response, body []byte) *APIError {
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
	refused := &APIError{Call: r.name(), Status: response.StatusCode}
	if json.Unmarshal(body, &answer) == nil && len(answer.Errors) > 0 {
		first := answer.Errors[0]
		refused.Type, refused.Field = loggable.ID(first.Type), loggable.ID(first.Field)
		if !r.personal {
			refused.Message = apicall.Words(first.Message, c.token)
		}
		refused.RetryAfter = time.Duration(max(first.Data.MsBeforeNext, 0)) * time.Millisecond
	}
	if response.StatusCode == http.StatusTooManyRequests && refused.RetryAfter == 0 {
		refused.RetryAfter = untilReset(response.Header.Get("X-RateLimit-Reset"), time.Now())
	}
	return refused
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
