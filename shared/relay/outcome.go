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

// fate is how a delivery ends for an event. Of an event's messages the one with
// the greatest fate decides.
type fate int

const (
	underway  fate = iota // it has not ended yet
	delivered             // Segment took every message
	skipped               // there is nothing to send: disabled, not observed, filtered, forged
	failed                // the event itself makes every attempt fail
	retrying              // a later attempt may succeed, perhaps after somebody mends something
)

func (f fate) String() string {
	return [...]string{"underway", "delivered", "skipped", "failed", "retrying"}[f]
}

// outcome is a fate and why.
type outcome struct {
	fate       fate
	reason     string        // short and stable; empty for what was delivered
	detail     string        // for a person, bounded; no secret, and nothing of the event or an answer
	retryAfter time.Duration // a postponed event comes back no earlier; 0 where nobody asked
	operator   bool          // somebody must mend something
	stack      string        // where it panicked
}

func skip(reason string) outcome { return outcome{fate: skipped, reason: reason} }

func retry(reason string, why error) outcome {
	return outcome{fate: retrying, reason: reason, detail: detailOf(why)}
}

func fail(reason string, why error) outcome {
	return outcome{fate: failed, reason: reason, detail: detailOf(why)}
}

// forOperator marks what stays as it is until somebody mends something.
func (o outcome) forOperator() outcome {
	o.operator = true
	return o
}

// worst is what becomes of an event whose messages met these answers. One that
// is to be tried again outweighs one that is refused for good: the event goes
// again as a whole, and Segment drops by messageId what it has already. Only
// when nothing is left to be tried again does a refused message decide.
func worst(answers []segment.Outcome) outcome {
	result := outcome{fate: delivered}
	var retryAfter time.Duration
	for _, answer := range answers {
		retryAfter = max(retryAfter, answer.RetryAfter)
		if o := ofSegment(answer); o.fate > result.fate {
			result = o
		}
	}
	result.retryAfter = retryAfter
	return result
}

// ofSegment is a Segment answer in this package's words.
func ofSegment(answer segment.Outcome) outcome {
	o := outcome{
		reason: answer.Reason, detail: bounded(answer.Detail),
		retryAfter: answer.RetryAfter, operator: answer.Operator,
	}
	switch answer.Verdict {
	case segment.Delivered:
		o.fate = delivered
	case segment.Fail:
		o.fate = failed
	default:
		o.fate = retrying
	}
	return o
}

// recoverInto turns a panic into a postponement, to be deferred. A bug is mended
// by a deployment, and until then the event must neither be lost nor take the
// rest of its batch with it.
func recoverInto(o *outcome) {
	value := recover()
	if value == nil {
		return
	}
	*o = outcome{fate: retrying, reason: "internal", operator: true, detail: panicDetail(value), stack: stack()}
}

// panicDetail describes a panic without quoting what it panicked with, which may
// be a piece of an event. The runtime's own errors quote nothing but types and
// indices.
func panicDetail(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return bounded("panic: " + err.Error())
	}
	return fmt.Sprintf("panic with a %T", value)
}

// stack is the innermost frames of a panicking goroutine: functions, files and
// addresses, no values.
func stack() string {
	lines := strings.Split(string(debug.Stack()), "\n")
	return strings.Join(lines[:min(len(lines), 32)], "\n")
}

// maxDetail is the longest detail in a log line or in a dead letter, in bytes.
const maxDetail = 500

func detailOf(why error) string {
	if why == nil {
		return ""
	}
	return bounded(why.Error())
}

// bounded cuts a text for people to maxDetail bytes, between two characters.
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
