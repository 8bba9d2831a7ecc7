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

// One bad event among nine good ones does not keep those back: they are at Segment after
// the first attempt, and what becomes of the bad one is said of it alone.
func TestNineGoodEventsArriveBesideABadOne(t *testing.T) {
	// What a template does with the bad event, and how it goes on with the others.
	does := func(bad string) func(*world) {
		return func(w *world) {
			w.settings.change(func(c *relay.Config) { c.Template = `payload.data.id = "bad" ? (` + bad + `) : ` + echo })
		}
	}
	segmentSays := func(code int) func(*world) {
		return func(w *world) { w.segment.answer = statusFor(map[string]int{"bad": code}) }
	}
	cases := []struct {
		name    string
		given   func(*world)
		item    relay.Item // its body is webhook("bad") where it has none
		outcome string
	}{
		{"an envelope that is none", nil, spool.Open("", 1, "no envelope"), "failed envelope_unreadable"},
		{"an envelope of another release", nil, spool.Open("", 1, `{"v":99,"sealed":"x"}`), "retrying envelope_version"},
		{"a body that is not JSON", nil, relay.Item{Envelope: relay.Envelope{Body: []byte(`{"id":`)}}, "failed not_json"},
		{"a body that is no webhook", nil, relay.Item{Envelope: relay.Envelope{Body: []byte(`{}`)}}, "failed not_webhook"},
		{"a body as deep as it goes", nil, relay.Item{Envelope: relay.Envelope{Body: []byte(strings.Repeat("[", 1<<20))}}, "failed too_deep"},
		{"a body of six megabytes", nil, relay.Item{Envelope: relay.Envelope{
			Body: []byte(strings.Replace(webhook("bad"), `"payload"`, `"padding":"`+strings.Repeat("x", 6<<20-1000)+`","payload"`, 1))}}, "delivered "},
		{"a template that fails", does(`$error("no")`), relay.Item{}, "retrying template"},
		{"a template that is told off", does(`payload.data.customer.email + 1`), relay.Item{}, "retrying template"},
		{"a template that never ends", does(`$f := function($n){$f($n + 1)}; $f(1)`), relay.Item{}, "retrying template"},
		{"a template that goes round and round", does(`[1..1000].[1..1000].[1..1000]`), relay.Item{}, "retrying template"},
		{"a template that recurs", does(`$f := function($n){1 + $f($n)}; $f(1)`), relay.Item{}, "retrying template"},
		{"a template that takes all memory", does(`$reduce([1..60], function($a, $i){$a & $a}, "x")`), relay.Item{}, "retrying template"},
		{"a template with a regular expression that explodes", does(`$match($pad("", 1e6, "a"), /(?:(?:a{1,30}){1,30}b)|c/)`), relay.Item{}, "retrying template"},
		{"a template that builds a tree without an end", does(`$reduce([1..100000], function($a, $i){{"a": $a}}, 1)`), relay.Item{}, "retrying template"},
		{"a template that gives no message", does(`42`), relay.Item{}, "retrying template"},
		{"a template that gives a million messages", does(`[1..1000000].{"event": "x"}`), relay.Item{}, "retrying template"},
		{"a template that gives nothing", does(`nothing`), relay.Item{}, "skipped filtered"},
		{"a template that gives a message that is too large", does(`{"event": "x", "properties": {"long": $pad("x", 32000)}}`), relay.Item{}, "failed message_invalid"},
		{"a template that gives a message without a name", does(`{"properties": {}}`), relay.Item{}, "failed message_invalid"},
		{"a message that Segment refuses", segmentSays(400), relay.Item{}, "failed segment_400"},
		{"a message that is too large for Segment", segmentSays(413), relay.Item{}, "failed segment_413"},
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
			fate, reason, _ := strings.Cut(c.outcome, " ")
			bad := w.log.lines(t, "deliver")[0]
			equal(t, "the bad one", bad.Outcome+" "+bad.Reason, c.outcome)
			for _, line := range w.log.lines(t, "deliver")[1:] {
				equal(t, "a good one", line.Outcome, "delivered")
			}
			equal(t, "what stays on the queue", keep, map[bool][]string{true: {"bad"}, false: nil}[fate == "retrying"])
			equal(t, "dead letters", reasons(w.spool.DeadLetters()), map[bool][]string{true: {reason}, false: nil}[fate == "failed"])
		})
	}
}

// Whatever Segment answers, what becomes of the event is what the design's table of
// errors says, which is written down here once more on purpose.
func TestEveryAnswerOfSegmentEndsAsTheTableSays(t *testing.T) {
	ends := func(status int) string {
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
		ends string
	}
	answers := []answer{
		{"nothing, for as long as it may", func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // only then is the server told when the client gives up
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
		answers = append(answers, answer{fmt.Sprint(status), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, ends(status)})
	}
	for _, c := range answers {
		t.Run(c.name, func(t *testing.T) {
			w := newWorldAnswering(t, c.HandlerFunc)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			keep := w.relay.Deliver(ctx, items(webhook("1")))
			line := w.log.last(t, "deliver")
			equal(t, "the end", line.Outcome+" "+line.Reason+" "+line.Level, c.ends)
			equal(t, "it stays on the queue", len(keep) == 1, line.Outcome == "retrying")
			equal(t, "dead letters", reasons(w.spool.DeadLetters()), map[bool][]string{true: {line.Reason}, false: nil}[line.Outcome == "failed"])
		})
	}
}
