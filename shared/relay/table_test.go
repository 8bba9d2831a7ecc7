package relay_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// TestEveryErrorHasItsOutcome has a case for each error and its outcome. It holds the main
// promise of this software: the answer to Commerce is 202 only if the event is stored, and
// a stored event is delivered to Segment, becomes a dead letter with its reason, or is
// logged as skipped. With any other outcome the event is lost.
func TestEveryErrorHasItsOutcome(t *testing.T) {
	config := func(change func(*relay.Config)) func(*world) {
		return func(w *world) { w.settings.change(change) }
	}
	template := func(source string) func(*world) {
		return config(func(c *relay.Config) { c.Template = source })
	}
	answers := func(code int) func(*world) {
		return func(w *world) { w.segment.answer = status(code) }
	}
	const (
		segmentGets   = true
		segmentNever  = false
		operatorFixes = "ERROR" // the level that is reported
	)
	cases := []struct {
		name    string
		given   func(*world)
		key     string // "" means the genuine one
		body    string // "" means a valid webhook
		answer  relay.Answer
		outcome string // of the delivery; "" if there is no delivery
		reason  string
		level   string
		dead    string // the reason of the dead letter; "" if there is none
		asks    bool   // Segment receives a request
	}{
		{
			name: "a forged key is rejected and not kept",
			key:  "another secret", answer: relay.Answer{Status: 401, Code: "forged"},
		},
		{
			name: "a body that is not JSON is rejected, and fails if genuine",
			body: `{"id":`, answer: relay.Answer{Status: 400, Code: "not_json"}, dead: "not_json",
		},
		{
			name: "a body that is not a webhook is rejected, and fails if genuine",
			body: `{"hello":"world"}`, answer: relay.Answer{Status: 400, Code: "not_webhook"}, dead: "not_webhook",
		},
		{
			name:  "a body that is not a webhook is rejected, and not kept if unverified",
			given: config(func(c *relay.Config) { c.Secrets = nil }),
			body:  `{"hello":"world"}`, answer: relay.Answer{Status: 400, Code: "not_webhook"},
		},
		{
			name: "a body that is not a webhook and has a forged key is only forged",
			key:  "another secret", body: `{"hello":"world"}`, answer: relay.Answer{Status: 401, Code: "forged"},
		},
		{
			name: "a body over the spool's limit is rejected, not kept, and reported",
			body: large(1200_000), answer: relay.Answer{Status: 413, Code: "too_large"},
		},
		{
			name: "a body over Lambda's limit is rejected, not kept, and reported",
			body: webhook("1") + strings.Repeat(" ", relay.MaxBody), answer: relay.Answer{Status: 413, Code: "too_large"},
		},
		{
			name:   "a disabled tracking skips",
			given:  config(func(c *relay.Config) { c.Enabled = false }),
			answer: accepted, outcome: "skipped", reason: "disabled", level: "INFO",
		},
		{
			name: "an event that is not observed is skipped",
			body: webhookOf("order.fulfilled", "1"), answer: accepted, outcome: "skipped", reason: "not_observed", level: "INFO",
		},
		{
			name:   "an event for which the template returns nothing is skipped",
			given:  template(`payload.data.nothing`),
			answer: accepted, outcome: "skipped", reason: "filtered", level: "INFO",
		},
		{
			name:   "a template that does not compile: retrying",
			given:  template(`{"event": `),
			answer: accepted, outcome: "retrying", reason: "template", level: operatorFixes,
		},
		{
			name:   "a template that fails: retrying",
			given:  template(`$error("no")`),
			answer: accepted, outcome: "retrying", reason: "template", level: operatorFixes,
		},
		{
			name:   "a template that does not return a message: retrying",
			given:  template(`42`),
			answer: accepted, outcome: "retrying", reason: "template", level: operatorFixes,
		},
		{
			name:   "a message without a user: failed",
			given:  template(`{"event": "Order Completed", "userId": ""}`),
			answer: accepted, outcome: "failed", reason: "message_invalid", level: "ERROR", dead: "message_invalid",
		},
		{
			name:   "a message without an event name: failed",
			given:  template(`{"properties": {"order_id": payload.data.id}}`),
			answer: accepted, outcome: "failed", reason: "message_invalid", level: "ERROR", dead: "message_invalid",
		},
		{
			name:   "a message over 32,000 bytes: failed",
			given:  template(`{"event": "Order Completed", "properties": {"long": $pad("x", 32000)}}`),
			answer: accepted, outcome: "failed", reason: "message_invalid", level: "ERROR", dead: "message_invalid",
		},
		{
			name:   "a missing write key: retrying",
			given:  config(func(c *relay.Config) { c.Segment.WriteKey = "" }),
			answer: accepted, outcome: "retrying", reason: "write_key_missing", level: operatorFixes,
		},
		{name: "Segment answers 200: delivered", given: answers(200), answer: accepted, outcome: "delivered", level: "INFO", asks: segmentGets},
		{name: "Segment answers 202: delivered", given: answers(202), answer: accepted, outcome: "delivered", level: "INFO", asks: segmentGets},
		{
			name: "Segment answers 400 for one message and accepts others: failed", given: rejectsFirst(400),
			answer: accepted, outcome: "failed", reason: "segment_400", level: "ERROR", dead: "segment_400", asks: segmentGets,
		},
		{
			name: "Segment answers 413 for one message and accepts others: failed", given: rejectsFirst(413),
			answer: accepted, outcome: "failed", reason: "segment_413", level: "ERROR", dead: "segment_413", asks: segmentGets,
		},
		{
			name: "a network that is down: retrying",
			given: config(func(c *relay.Config) {
				c.Segment.Host = "http://127.0.0.1:1" // no program listens there
			}),
			answer: accepted, outcome: "retrying", reason: "segment_unreachable", level: "WARN",
		},
	}
	for _, code := range []int{408, 410, 429, 460, 500, 502, 503, 504} {
		c := cases[0]
		c.name, c.given, c.key = fmt.Sprintf("Segment answers %d: retrying", code), answers(code), ""
		c.answer, c.outcome, c.reason, c.level, c.asks = accepted, "retrying", fmt.Sprintf("segment_%d", code), "WARN", segmentGets
		cases = append(cases, c)
	}
	for _, code := range []int{301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 413} {
		c := cases[0]
		c.name, c.given, c.key = fmt.Sprintf("Segment answers %d to every message: retrying, reported", code), answers(code), ""
		c.answer, c.outcome, c.reason, c.level, c.asks = accepted, "retrying", fmt.Sprintf("segment_%d", code), operatorFixes, segmentGets
		cases = append(cases, c)
	}
	for _, code := range []int{402, 406, 422, 501, 505} {
		c := cases[0]
		c.name, c.given, c.key = fmt.Sprintf("Segment answers %d: failed", code), answers(code), ""
		c.reason = fmt.Sprintf("segment_%d", code)
		c.answer, c.outcome, c.dead, c.level, c.asks = accepted, "failed", c.reason, "ERROR", segmentGets
		cases = append(cases, c)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.given != nil {
				c.given(w)
			}
			key, body := secret, webhook("1")
			if c.key != "" {
				key = c.key
			}
			if c.body != "" {
				body = c.body
			}
			equal(t, "the answer to Commerce", w.accept(t, key, body), c.answer)
			if c.answer.Status == 413 {
				equal(t, "the level of the log line", w.log.last(t, "accept").Level, "ERROR")
			}
			kept := w.deliver(t)

			if c.outcome == "" {
				equal(t, "deliveries", len(w.log.lines(t, "deliver")), 0)
			} else {
				got := w.log.last(t, "deliver")
				equal(t, "the outcome", got.Outcome+" "+got.Reason+" "+got.Level, c.outcome+" "+c.reason+" "+c.level)
			}
			equal(t, "Segment receives a request", len(w.segment.batches) > 0, c.asks)
			equal(t, "the event is kept", len(kept) == 1, c.outcome == "retrying")
			letters := w.spool.DeadLetters()
			equal(t, "the dead letters", reasons(letters), nonEmpty(c.dead))
			want := body
			if c.answer == accepted { // then it was stored without the secret
				want = strings.ReplaceAll(body, `"configuration":{"secret_key":"secret_squirrel"},`, "")
			}
			for _, letter := range letters {
				equal(t, "the dead letter's body", string(letter.Envelope.Body), want)
			}
		})
	}
}

var accepted = relay.Answer{Status: http.StatusAccepted, Code: "accepted"}

// Events that are retrying are delivered automatically once the operator has fixed the
// cause. If they became dead letters instead, every mistake in a template or a setting
// would lose events, or force the operator to replay many dead letters.
func TestEventsFlowAgainOnceTheOperatorFixedTheSettings(t *testing.T) {
	cases := []struct {
		name            string
		breakIt, repair func(*world)
	}{
		{
			"a template",
			func(w *world) { w.settings.change(func(c *relay.Config) { c.Template = `{"event": ` }) },
			func(w *world) { w.settings.change(func(c *relay.Config) { c.Template = echo }) },
		},
		{
			"the write key",
			func(w *world) { w.settings.change(func(c *relay.Config) { c.Segment.WriteKey = "" }) },
			func(w *world) { w.settings.change(func(c *relay.Config) { c.Segment.WriteKey = writeKey }) },
		},
		{
			"a 401 from Segment",
			func(w *world) { w.segment.answer = status(401) },
			func(w *world) { w.segment.answer = nil },
		},
		{
			"a 400 from Segment because the write key is incomplete",
			func(w *world) { w.segment.answer = status(400) },
			func(w *world) { w.segment.answer = nil },
		},
		{
			"a 404 from Segment because the path is wrong",
			func(w *world) { w.segment.answer = status(404) },
			func(w *world) { w.segment.answer = nil },
		},
		{
			"settings that cannot be read",
			func(w *world) { w.settings.err = errDown },
			func(w *world) { w.settings.err = nil },
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.relay.Backoff = time.Millisecond
			c.breakIt(w)
			equal(t, "the answer to Commerce", w.accept(t, secret, webhook("1")), accepted)
			equal(t, "kept while it is broken", len(w.deliver(t)), 1)
			c.repair(w)
			equal(t, "kept when it is fixed", len(w.deliver(t)), 0)
			equal(t, "accepted by Segment", w.segment.taken, []string{"1"})
		})
	}
}

// rejectsFirst makes the template write two messages, and Segment reject the first.
func rejectsFirst(code int) func(*world) {
	return func(w *world) {
		w.settings.config.Template = `["bad", "good"].{"event": "Order Completed", "properties": {"order_id": $}}`
		w.segment.answer = statusFor(map[string]int{"bad": code})
	}
}

// large returns a webhook whose contents do not compress.
func large(size int) string {
	noise := make([]byte, size)
	rand.Read(noise)
	return fmt.Sprintf(`{"id":"w","triggered_by":"order.paid","payload":{"data":{"type":"order","id":"1","noise":%q}}}`,
		base64.StdEncoding.EncodeToString(noise))
}

func reasons(letters []spool.DeadLetter) (reasons []string) {
	for _, letter := range letters {
		reasons = append(reasons, letter.Failure.Reason)
	}
	return reasons
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
