package relay

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"commerce-segment/shared/segment"
)

// kind is the kind of an outcome. If the messages of an event have several outcomes, the
// one with the greatest kind decides.
type kind int

const (
	undecided kind = iota // the delivery is still in progress
	delivered             // Segment accepted every message
	skipped               // there is nothing to send: disabled, not observed or filtered
	failed                // the event itself makes every attempt fail
	retrying              // a later attempt may succeed, perhaps after the operator fixes something
)

func (k kind) String() string {
	return [...]string{"undecided", "delivered", "skipped", "failed", "retrying"}[k]
}

// outcome is the result of a delivery.
type outcome struct {
	kind       kind
	reason     string        // short and stable; empty for delivered
	detail     string        // for people, bounded; contains no secret, and nothing from the event or an answer
	retryAfter time.Duration // the shortest delay until the next attempt; 0 if none was asked for
	operator   bool          // the operator must fix something
	stack      string        // of a panic
}

func skip(reason string) outcome { return outcome{kind: skipped, reason: reason} }

func retry(reason string, err error) outcome {
	return outcome{kind: retrying, reason: reason, detail: detailOf(err)}
}

func fail(reason string, err error) outcome {
	return outcome{kind: failed, reason: reason, detail: detailOf(err)}
}

// forOperator marks an outcome that stays the same until the operator fixes something.
func (o outcome) forOperator() outcome {
	o.operator = true
	return o
}

// ofLast returns the outcome of an attempt that must be retried, and was the last.
func (o outcome) ofLast() outcome {
	o.kind = failed
	text := "no attempt succeeded, and this was the last"
	if o.detail != "" {
		text += ": " + o.detail
	}
	o.detail = bounded(text)
	return o
}

// worst returns the outcome of an event from the answers to its messages. Retrying is
// worse than failed: the event is sent again as a whole, and Segment drops a message
// that it already has by its messageId. A failed message decides only if no message
// can be retried.
func worst(answers []segment.Outcome) outcome {
	result := outcome{kind: delivered}
	var retryAfter time.Duration
	for _, answer := range answers {
		retryAfter = max(retryAfter, answer.RetryAfter)
		if o := outcomeOf(answer); o.kind > result.kind {
			result = o
		}
	}
	result.retryAfter = retryAfter
	return result
}

// outcomeOf converts an outcome of the Segment client.
func outcomeOf(answer segment.Outcome) outcome {
	o := outcome{
		reason: answer.Reason, detail: bounded(answer.Detail),
		retryAfter: answer.RetryAfter, operator: answer.Operator,
	}
	switch answer.Verdict {
	case segment.Delivered:
		o.kind = delivered
	case segment.Fail:
		o.kind = failed
	default:
		o.kind = retrying
	}
	return o
}

// recoverInto turns a panic into the outcome retrying. It must be deferred. A bug is
// fixed by a deployment. Until then the event must not be lost, and must not stop the
// rest of its batch.
func recoverInto(o *outcome) {
	value := recover()
	if value == nil {
		return
	}
	*o = outcome{kind: retrying, reason: "internal", operator: true, detail: panicDetail(value), stack: stack()}
}

// panicDetail describes a panic. It does not quote the value, which may be a part of an
// event. The errors of the Go runtime quote only types and indices.
func panicDetail(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return bounded("panic: " + err.Error())
	}
	return fmt.Sprintf("panic with a %T", value)
}

// stack returns the innermost frames of a panicking goroutine: functions, files and
// addresses, no values.
func stack() string {
	lines := strings.Split(string(debug.Stack()), "\n")
	return strings.Join(lines[:min(len(lines), 32)], "\n")
}

// maxDetail is the longest detail in a log line or in a dead letter, in bytes.
const maxDetail = 500

func detailOf(err error) string {
	if err == nil {
		return ""
	}
	return bounded(err.Error())
}

// bounded cuts a text to maxDetail bytes, between two characters.
func bounded(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	cut := maxDetail - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
