package segment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Verdict is the result of an attempt to deliver a message.
type Verdict int

// The verdicts.
const (
	Delivered Verdict = iota
	Retry             // a later attempt may succeed
	Fail              // no attempt can succeed
)

// Outcome is the result for one message, with its reason.
type Outcome struct {
	Verdict    Verdict
	Status     int           // HTTP status; 0 if there was no complete answer
	RetryAfter time.Duration // the pause that Segment asked for, up to 300 s; 0 if none
	Operator   bool          // the operator must fix something: 400 for everything, 401, 404, a redirect, a missing key, …
	Reason     string        // short, stable, no personal data: "segment_429"
	Detail     string        // why there was no answer or no request; no text of Segment
	Regulation string        // the id of Segment's request to delete the user, if the message asks for that
}

// The reasons of outcomes without an answer. With an answer the reason is "segment_<status>".
const (
	reasonUnreachable = "segment_unreachable"
	reasonTimeout     = "segment_timeout"
	reasonNoKey       = "write_key_missing"
	reasonNoEndpoint  = "endpoint_invalid"
)

// OutcomeOf returns the outcome of a whole request from its status. It follows the retry
// policy of Segment's Node SDK, except for statuses that a wrong setting can cause, because
// a wrong setting must not lose events: 401, 403, 404 and 405, statuses that do not answer a
// batch (1xx, a redirect), and 400 and 413 until other messages are accepted (see
// judgeRejections).
func OutcomeOf(status int) Outcome {
	outcome := Outcome{Status: status, Reason: fmt.Sprintf("segment_%d", status)}
	switch {
	case status >= 200 && status <= 299:
		outcome.Verdict = Delivered
	case status <= 199, status >= 300 && status <= 399, slices.Contains([]int{400, 401, 403, 404, 405, 413}, status):
		outcome.Verdict, outcome.Operator = Retry, true
	case status == 408, status == 410, status == 429, status == 460:
		outcome.Verdict = Retry
	case status == 501, status == 505:
		outcome.Verdict = Fail
	case status >= 500:
		outcome.Verdict = Retry
	default:
		outcome.Verdict = Fail
	}
	return outcome
}

// rejectsBatch reports whether a batch was rejected because of its contents, perhaps because
// of one message.
func (o Outcome) rejectsBatch() bool {
	return o.Status == http.StatusBadRequest || o.Status == http.StatusRequestEntityTooLarge
}

// endsDelivery reports whether the next request would have the same outcome: there was no
// answer, Segment asked for a pause, or the settings are wrong. A 5xx without a pause does
// not end the delivery: one message may cause it, and must not delay those after it.
func (o Outcome) endsDelivery() bool {
	return o.Verdict == Retry && !o.rejectsBatch() &&
		(o.Status == 0 || o.Status == http.StatusTooManyRequests || o.RetryAfter > 0 || o.Operator)
}

// noAnswer returns the outcome of an error without an answer. The context is that of the
// attempt.
func noAnswer(ctx context.Context, err error) Outcome {
	outcome := Outcome{Verdict: Retry, Reason: reasonUnreachable, Detail: err.Error()}
	var network net.Error
	if ctx.Err() != nil || errors.As(err, &network) && network.Timeout() {
		outcome.Reason = reasonTimeout
	}
	return outcome
}

// maxRetryAfter is the longest Retry-After that Segment's SDKs obey.
const maxRetryAfter = 300 * time.Second

// retryAfter parses a Retry-After header: seconds, or an HTTP date. It returns 0 for any
// other text and for a date in the past.
func retryAfter(header string, now time.Time) time.Duration {
	if header != "" && strings.Trim(header, "0123456789") == "" {
		seconds, err := time.ParseDuration(header + "s")
		if err != nil { // too many digits for a duration
			return maxRetryAfter
		}
		return min(seconds, maxRetryAfter)
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
