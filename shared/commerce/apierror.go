package commerce

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"commerce-segment/shared/chars"
)

// APIError is why a call of Commerce's API came to nothing. Neither it nor its
// text holds the client secret, a token or a webhook's secret key.
type APIError struct {
	// Call is the method and the path, without the query, in which there may be
	// personal data: "GET /v2/orders".
	Call string
	// Status is the HTTP status of the answer; 0 where there was none, or no
	// whole one.
	Status int
	// Title and Detail are Commerce's own words about what was written, shortened; empty
	// where it had none, and of any other call.
	Title, Detail string
	// RetryAfter is how long Commerce asked to wait; 0 where it did not.
	RetryAfter time.Duration

	cause   error // in place of an answer: the network's error or the context's
	ended   bool  // the caller's context has ended, or leaves no time to try again
	unclear bool  // what was to be done once may have been done
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
		text.WriteString("; no time was left to repeat it")
	}
	if e.unclear {
		text.WriteString("; it may have been done all the same, so look before you repeat it")
	}
	return text.String()
}

// Unwrap gives the network's error or the context's.
func (e *APIError) Unwrap() error { return e.cause }

// words are Commerce's, in brackets, or else what the status is called.
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

// advice says what to do.
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
		return "it refuses a token that it has just given: check that the application key still exists"
	case e.Status == http.StatusForbidden:
		return "the application key lacks the permission: use one of this store that may do it"
	case e.Status == http.StatusNotFound:
		return "there is no such thing in this store: check the id, and that the application key is of the right store"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("the store's rate limit is used up: try again in %v", e.RetryAfter)
	case e.Status == http.StatusTooManyRequests:
		return "the store's rate limit is used up: try again later"
	case e.Status >= 500:
		return "Commerce has a problem of its own: try again later"
	case strings.HasPrefix(e.Call, http.MethodGet):
		return "it does not take this request: check that the Commerce URL is the API's base URL, such as " + ExampleURL
	default:
		return "correct what it names"
	}
}

// isStatus says that an error is an answer of this status.
func isStatus(err error, status int) bool {
	var answered *APIError
	return errors.As(err, &answered) && answered.Status == status
}

// temporary says that the same call may succeed later. A host that does not exist, or
// is another than it says, stays so.
func (e *APIError) temporary() bool {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	if errors.As(e.cause, &name) && name.IsNotFound || errors.As(e.cause, &certificate) {
		return false
	}
	return e.Status == 0 || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// notDone says that Commerce cannot have done what was asked: no connection was
// made, or the rate limit, which stands before everything else, refused it.
func (e *APIError) notDone() bool {
	var network *net.OpError
	dialling := errors.As(e.cause, &network) && network.Op == "dial"
	return dialling || e.Status == http.StatusTooManyRequests
}

// explain reads Commerce's own words out of an answer. The descriptions have a
// list of errors, whose status is a number (integrations.yaml) or a string
// (authentication.yaml), and in the example of cartsorders.yaml an object.
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
		// Whatever cannot be read leaves the words empty.
		_ = json.Unmarshal(answer.Errors, &first)
	}
	e.Title, e.Detail = first.Title, first.Detail
}

// spellings are a secret as it is, and as it stands in a form, in a URL and in JSON, which
// a foreign text may quote.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	quoted, _ := json.Marshal(secret) // a string always can be
	return []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`)}
}

// maxWords bounds Title and Detail, in characters.
const maxWords = 200

// presentable makes a foreign text fit to be shown: one printable line without
// the secrets.
func presentable(text string, secrets ...string) string {
	for _, secret := range secrets {
		for _, written := range spellings(secret) {
			text = regexp.MustCompile("(?i)"+regexp.QuoteMeta(written)).ReplaceAllLiteralString(text, "[secret]")
		}
	}
	line := []rune(chars.Line(text))
	return strings.TrimSpace(string(line[:min(len(line), maxWords)]))
}
