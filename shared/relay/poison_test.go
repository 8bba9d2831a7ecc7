package relay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// One bad event in a batch does not delay the nine good ones: they are delivered by the
// first attempt, and the outcome of the bad one is logged only for that one.
func TestNineGoodEventsAreDeliveredWithABadOneInTheBatch(t *testing.T) {
	// does makes the template evaluate an expression for the bad event.
	does := func(bad string) func(*world) {
		return func(w *world) {
			w.settings.change(func(c *relay.Config) { c.Template = `payload.data.id = "bad" ? (` + bad + `) : ` + echo })
		}
	}
	segmentAnswers := func(code int) func(*world) {
		return func(w *world) { w.segment.answer = statusFor(map[string]int{"bad": code}) }
	}
	cases := []struct {
		name    string
		given   func(*world)
		item    relay.Item // without a body it gets webhook("bad")
		outcome string
	}{
		{"a text that is not an envelope", nil, spool.Open("", 1, "no envelope"), "failed envelope_unreadable"},
		{"an envelope of another release", nil, spool.Open("", 1, `{"v":99,"sealed":"x"}`), "retrying envelope_version"},
		{"a body that is not JSON", nil, relay.Item{Envelope: relay.Envelope{Body: []byte(`{"id":`)}}, "failed not_json"},
		{"a body that is not a webhook", nil, relay.Item{Envelope: relay.Envelope{Body: []byte(`{}`)}}, "failed not_webhook"},
		{"a body that is very deeply nested", nil, relay.Item{Envelope: relay.Envelope{Body: []byte(strings.Repeat("[", 1<<20))}}, "failed too_deep"},
		{"a body of six megabytes", nil, relay.Item{Envelope: relay.Envelope{
			Body: []byte(strings.Replace(webhook("bad"), `"payload"`, `"padding":"`+strings.Repeat("x", 6<<20-1000)+`","payload"`, 1))}}, "delivered "},
		{"a template that fails", does(`$error("no")`), relay.Item{}, "retrying template"},
		{"a template with a type error", does(`payload.data.customer.email + 1`), relay.Item{}, "retrying template"},
		{"a template that never ends", does(`$f := function($n){$f($n + 1)}; $f(1)`), relay.Item{}, "retrying template"},
		{"a template that loops for a long time", does(`[1..1000].[1..1000].[1..1000]`), relay.Item{}, "retrying template"},
		{"a template with endless recursion", does(`$f := function($n){1 + $f($n)}; $f(1)`), relay.Item{}, "retrying template"},
		{"a template that uses all memory", does(`$reduce([1..60], function($a, $i){$a & $a}, "x")`), relay.Item{}, "retrying template"},
		{"a template with an exponential regular expression", does(`$match($pad("", 1e6, "a"), /(?:(?:a{1,30}){1,30}b)|c/)`), relay.Item{}, "retrying template"},
		{"a template that builds a very deep tree", does(`$reduce([1..100000], function($a, $i){{"a": $a}}, 1)`), relay.Item{}, "retrying template"},
		{"a template that gives no message", does(`42`), relay.Item{}, "retrying template"},
		{"a template that gives a million messages", does(`[1..1000000].{"event": "x"}`), relay.Item{}, "retrying template"},
		{"a template that gives nothing", does(`nothing`), relay.Item{}, "skipped filtered"},
		{"a template that gives a message that is too large", does(`{"event": "x", "properties": {"long": $pad("x", 32000)}}`), relay.Item{}, "failed message_invalid"},
		{"a template that gives a message without a name", does(`{"properties": {}}`), relay.Item{}, "failed message_invalid"},
		{"a message that Segment rejects", segmentAnswers(400), relay.Item{}, "failed segment_400"},
		{"a message that is too large for Segment", segmentAnswers(413), relay.Item{}, "failed segment_413"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.given != nil {
				c.given(w)
			}
			if c.item.Envelope.Body == nil {
				c.item.Envelope.Body = []byte(webhook("bad"))
			}
			c.item.Handle, c.item.Receives = "bad", 1
			batch := items(strings.Split(strings.Repeat(" ", 8), " ")...)
			good := []string{}
			for i := range batch {
				order := fmt.Sprint("good-", i)
				batch[i].Handle, batch[i].Envelope.Body = order, []byte(webhook(order))
				good = append(good, order)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // long enough for the race detector
			defer cancel()
			keep := w.relay.Deliver(ctx, append([]relay.Item{c.item}, batch...))

			taken := slices.DeleteFunc(slices.Sorted(slices.Values(w.segment.taken)), func(order string) bool { return order == "bad" })
			equal(t, "the good ones at Segment", slices.Compact(taken), good)
			outcome, reason, _ := strings.Cut(c.outcome, " ")
			bad := w.log.lines(t, "deliver")[0]
			equal(t, "the bad one", bad.Outcome+" "+bad.Reason, c.outcome)
			for _, line := range w.log.lines(t, "deliver")[1:] {
				equal(t, "a good one", line.Outcome, "delivered")
			}
			equal(t, "the items that stay on the queue", keep, map[bool][]string{true: {"bad"}, false: nil}[outcome == "retrying"])
			equal(t, "dead letters", reasons(w.spool.DeadLetters()), map[bool][]string{true: {reason}, false: nil}[outcome == "failed"])
		})
	}
}

// The outcome for every status code of Segment is written here a second time on purpose,
// independently of the code.
func TestEveryAnswerOfSegmentHasItsOutcome(t *testing.T) {
	want := func(status int) string {
		reason := fmt.Sprintf("segment_%d", status)
		switch {
		case status <= 299:
			return "delivered  INFO"
		case status <= 399, slices.Contains([]int{400, 401, 403, 404, 405, 413}, status):
			return "retrying " + reason + " ERROR"
		case slices.Contains([]int{408, 410, 429, 460}, status):
			return "retrying " + reason + " WARN"
		case status <= 499, status == 501, status == 505:
			return "failed " + reason + " ERROR"
		default:
			return "retrying " + reason + " WARN"
		}
	}
	type answer struct {
		name string
		http.HandlerFunc
		want string
	}
	answers := []answer{
		{"no answer", func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // after that, the server notices when the client closes the connection
			<-r.Context().Done()
		}, "retrying segment_timeout WARN"},
		{"a reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "retrying segment_unreachable WARN"},
		{"half a body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"success"`)
		}, "retrying segment_unreachable WARN"},
		{"200 with garbage", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "\x00\xff<html>") }, "delivered  INFO"},
		{"a redirect to where it answers 200", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/batch" {
				http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
			}
		}, "retrying segment_308 ERROR"},
	}
	for status := 200; status <= 599; status++ {
		answers = append(answers, answer{fmt.Sprint(status), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, want(status)})
	}
	for _, c := range answers {
		t.Run(c.name, func(t *testing.T) {
			w := newWorldAnswering(t, c.HandlerFunc)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			keep := w.relay.Deliver(ctx, items(webhook("1")))
			line := w.log.last(t, "deliver")
			equal(t, "the outcome", line.Outcome+" "+line.Reason+" "+line.Level, c.want)
			equal(t, "it stays on the queue", len(keep) == 1, line.Outcome == "retrying")
			equal(t, "dead letters", reasons(w.spool.DeadLetters()), map[bool][]string{true: {line.Reason}, false: nil}[line.Outcome == "failed"])
		})
	}
}
