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

// Verdict is what to do with an event after an attempt to deliver it.
type Verdict int

// The verdicts.
const (
	Delivered Verdict = iota
	Retry             // a later attempt may succeed
	Fail              // no attempt can succeed
)

// Outcome is what Segment's answer means for one message.
type Outcome struct {
	Verdict    Verdict
	Status     int           // HTTP status, 0 where there was no answer, or not a whole one
	RetryAfter time.Duration // what Segment asked for, 0 to 300 s; 0 where it did not
	Operator   bool          // the operator must correct something: 400 for everything, 401, 404, a redirect, a missing key, …
	Reason     string        // short, stable, no personal data: "segment_429"
	Detail     string        // why there was no answer, or no request; nothing that Segment wrote
}

// The reasons of outcomes without an answer. With one it is "segment_<status>".
const (
	reasonUnreachable = "segment_unreachable"
	reasonTimeout     = "segment_timeout"
	reasonNoKey       = "write_key_missing"
	reasonNoEndpoint  = "endpoint_invalid"
)

// OutcomeOf returns what a status of Segment means for a whole request. It follows the
// retry policy of Segment's Node SDK, except for statuses that a wrong setting can
// cause, because no event may be lost to a setting: 401, 403, 404 and 405, statuses
// that do not answer a batch (1xx, a redirect), and 400 and 413 until other messages
// are accepted (see judgeRefusals).
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

// refusesBatch says that a batch was refused for what is in it, perhaps in one
// message only.
func (o Outcome) refusesBatch() bool {
	return o.Status == http.StatusBadRequest || o.Status == http.StatusRequestEntityTooLarge
}

// endsDelivery says that the next request would meet the same: there was no
// answer, Segment asked for a pause, or the settings are wrong. A bare 5xx does
// not: one message may cause it, and must not keep back those behind it.
func (o Outcome) endsDelivery() bool {
	return o.Verdict == Retry && !o.refusesBatch() &&
		(o.Status == 0 || o.Status == http.StatusTooManyRequests || o.RetryAfter > 0 || o.Operator)
}

// noAnswer is the outcome of an error in place of an answer. The context is the
// attempt's own.
func noAnswer(ctx context.Context, err error) Outcome {
	outcome := Outcome{Verdict: Retry, Reason: reasonUnreachable, Detail: err.Error()}
	var network net.Error
	if ctx.Err() != nil || errors.As(err, &network) && network.Timeout() {
		outcome.Reason = reasonTimeout
	}
	return outcome
}

// maxRetryAfter is how long Segment's own SDKs let Retry-After put them off.
const maxRetryAfter = 300 * time.Second

// retryAfter reads a Retry-After header: seconds, or an HTTP date. It is 0 for
// what is neither, or lies in the past.
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
