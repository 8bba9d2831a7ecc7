package apicall

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Failure is what the errors of all APIs have in common.
type Failure struct {
	// Call is the method and the path: "GET /v2/orders". It is without the query, which may
	// contain personal data.
	Call string
	// Status is the HTTP status of the answer; 0 if there was no answer, or only a part
	// of one.
	Status int
	// RetryAfter is how long the API asked to wait; 0 if it did not ask.
	RetryAfter time.Duration
	// MaybeDone reports that the API may have done what must be done only once.
	MaybeDone bool
	// OutOfTime reports that the caller's context has ended, or leaves no time for another
	// attempt.
	OutOfTime bool
	// Cause is the error of the network or of the context if there is no answer, or what is
	// wrong with an answer.
	Cause error
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Text returns the text of an error. Owner is whose API it is, said what the answer says, and
// advice what the operator can do, or "".
func (f *Failure) Text(owner, said, advice string) string {
	text := fmt.Sprintf("%s: %s answered %d (%s)", f.Call, owner, f.Status, said)
	if f.Status == 0 {
		text = fmt.Sprintf("%s: no answer from %s (%v)", f.Call, owner, f.Cause)
	}
	if advice != "" {
		text += ": " + advice
	}
	if f.OutOfTime {
		text += "; no time was left for another attempt"
	}
	if f.MaybeDone {
		text += "; " + owner + " may already have done it: check before you try again"
	}
	return text
}

// Temporary reports whether the same call may succeed later. An unknown host and a wrong
// certificate are not temporary.
func (f *Failure) Temporary() bool {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	if errors.As(f.Cause, &name) && name.IsNotFound || errors.As(f.Cause, &certificate) {
		return false
	}
	return f.Status == 0 || f.Status == http.StatusTooManyRequests || f.Status >= 500
}

// notProcessed reports whether the API cannot have processed the request: there was no
// connection, or the rate limit rejected it, which is checked first.
func (f *Failure) notProcessed() bool {
	var network *net.OpError
	dialling := errors.As(f.Cause, &network) && network.Op == "dial"
	return dialling || f.Status == http.StatusTooManyRequests
}

// WaitToRepeat waits until a failed call can be made again, after this number of attempts. It
// returns false if another attempt would be useless, unsafe or too late. A call is repeatable if
// doing it twice has the same effect as doing it once.
func (l *RateLimiter) WaitToRepeat(ctx context.Context, f *Failure, attempts int, repeatable bool) bool {
	f.MaybeDone = !repeatable && f.Temporary() && !f.notProcessed()
	if !f.Temporary() || f.MaybeDone || attempts == MaxAttempts || f.RetryAfter > maxWait {
		return false
	}
	wait := Backoff(attempts, f.RetryAfter)
	if f.Status == http.StatusTooManyRequests {
		l.Pause(wait)
	}
	f.OutOfTime = !hasTime(ctx, wait) || Sleep(ctx, wait) != nil
	return !f.OutOfTime
}
