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

// TestTheTableForErrors is the design's "One table for errors", a case a row or,
// where a row names several things, a case for each. What it holds is the one
// promise of this software: Commerce is told 202 only of what is kept, and what is
// kept ends in Segment, in the dead letters with its reason, or in the log as
// skipped. Every other end is a lost event.
func TestTheTableForErrors(t *testing.T) {
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
		operatorFixes = "ERROR" // the level that alarms
	)
	cases := []struct {
		name    string
		given   func(*world)
		key     string // "" means the right one
		body    string // "" means a webhook that is in order
		answer  relay.Answer
		outcome string // of the delivery; "" where nothing is delivered
		reason  string
		level   string
		dead    string // the reason among the dead letters
		asks    bool   // Segment is asked
	}{
		{
			name: "a forged secret is refused and not kept",
			key:  "somebody else's", answer: relay.Answer{Status: 401, Code: "forged"},
		},
		{
			name: "what is not JSON is refused, and failed if genuine",
			body: `{"id":`, answer: relay.Answer{Status: 400, Code: "not_json"}, dead: "not_json",
		},
		{
			name: "what is no webhook is refused, and failed if genuine",
			body: `{"hello":"world"}`, answer: relay.Answer{Status: 400, Code: "not_webhook"}, dead: "not_webhook",
		},
		{
			name:  "what is no webhook is refused, and not kept from a stranger",
			given: config(func(c *relay.Config) { c.Secrets = nil }),
			body:  `{"hello":"world"}`, answer: relay.Answer{Status: 400, Code: "not_webhook"},
		},
		{
			name: "what is no webhook and forged is only forged",
			key:  "somebody else's", body: `{"hello":"world"}`, answer: relay.Answer{Status: 401, Code: "forged"},
		},
		{
			name: "a body over the spool's limit is refused, not kept, and alarms",
			body: large(1200_000), answer: relay.Answer{Status: 413, Code: "too_large"},
		},
		{
			name: "a body over what Lambda takes is refused, not kept, and alarms",
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
			name:   "an event that the template filters is skipped",
			given:  template(`payload.data.nothing`),
			answer: accepted, outcome: "skipped", reason: "filtered", level: "INFO",
		},
		{
			name:   "a template that does not compile postpones",
			given:  template(`{"event": `),
			answer: accepted, outcome: "retrying", reason: "template", level: operatorFixes,
		},
		{
			name:   "a template that fails postpones",
			given:  template(`$error("no")`),
			answer: accepted, outcome: "retrying", reason: "template", level: operatorFixes,
		},
		{
			name:   "a template that gives no message shape postpones",
			given:  template(`42`),
			answer: accepted, outcome: "retrying", reason: "template", level: operatorFixes,
		},
		{
			name:   "a message without a user is failed",
			given:  template(`{"event": "Order Completed", "userId": ""}`),
			answer: accepted, outcome: "failed", reason: "message_invalid", level: "ERROR", dead: "message_invalid",
		},
		{
			name:   "a message without an event name is failed",
			given:  template(`{"properties": {"order_id": payload.data.id}}`),
			answer: accepted, outcome: "failed", reason: "message_invalid", level: "ERROR", dead: "message_invalid",
		},
		{
			name:   "a message over 32,000 bytes is failed",
			given:  template(`{"event": "Order Completed", "properties": {"long": $pad("x", 32000)}}`),
			answer: accepted, outcome: "failed", reason: "message_invalid", level: "ERROR", dead: "message_invalid",
		},
		{
			name:   "a missing write key postpones",
			given:  config(func(c *relay.Config) { c.Segment.WriteKey = "" }),
			answer: accepted, outcome: "retrying", reason: "write_key_missing", level: operatorFixes,
		},
		{name: "Segment's 200 delivers", given: answers(200), answer: accepted, outcome: "delivered", level: "INFO", asks: segmentGets},
		{name: "Segment's 202 delivers", given: answers(202), answer: accepted, outcome: "delivered", level: "INFO", asks: segmentGets},
		{
			name: "Segment's 400 for one message while others are taken buries", given: refusesFirst(400),
			answer: accepted, outcome: "failed", reason: "segment_400", level: "ERROR", dead: "segment_400", asks: segmentGets,
		},
		{
			name: "Segment's 413 for one message while others are taken buries", given: refusesFirst(413),
			answer: accepted, outcome: "failed", reason: "segment_413", level: "ERROR", dead: "segment_413", asks: segmentGets,
		},
		{
			name: "a network that is down postpones",
			given: config(func(c *relay.Config) {
				c.Segment.Host = "http://127.0.0.1:1" // nobody listens there
			}),
			answer: accepted, outcome: "retrying", reason: "segment_unreachable", level: "WARN",
		},
	}
	for _, code := range []int{408, 410, 429, 460, 500, 502, 503, 504} {
		c := cases[0]
		c.name, c.given, c.key = fmt.Sprintf("Segment's %d postpones", code), answers(code), ""
		c.answer, c.outcome, c.reason, c.level, c.asks = accepted, "retrying", fmt.Sprintf("segment_%d", code), "WARN", segmentGets
		cases = append(cases, c)
	}
	for _, code := range []int{301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 413} {
		c := cases[0]
		c.name, c.given, c.key = fmt.Sprintf("Segment's %d for everything postpones and alarms", code), answers(code), ""
		c.answer, c.outcome, c.reason, c.level, c.asks = accepted, "retrying", fmt.Sprintf("segment_%d", code), operatorFixes, segmentGets
		cases = append(cases, c)
	}
	for _, code := range []int{402, 406, 422, 501, 505} {
		c := cases[0]
		c.name, c.given, c.key = fmt.Sprintf("Segment's %d buries", code), answers(code), ""
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
			equal(t, "Segment is asked", len(w.segment.batches) > 0, c.asks)
			equal(t, "the event is kept", len(kept) == 1, c.outcome == "retrying")
			letters := w.spool.DeadLetters()
			equal(t, "the dead letters", reasons(letters), nonEmpty(c.dead))
			want := body
			if c.answer == accepted { // then it went through the queue, without the secret
				want = strings.ReplaceAll(body, `"configuration":{"secret_key":"secret_squirrel"},`, "")
			}
			for _, letter := range letters {
				equal(t, "the dead letter's body", string(letter.Envelope.Body), want)
			}
		})
	}
}

var accepted = relay.Answer{Status: http.StatusAccepted, Code: "accepted"}

// What is postponed goes on by itself once the operator has mended what is wrong.
// Whoever buries such events instead makes every slip in a template or a setting
// a loss, or a night of replaying dead letters.
func TestEventsFlowAgainOnceTheOperatorFixedTheSettings(t *testing.T) {
	cases := []struct {
		name        string
		broke, mend func(*world)
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
			"a 400 from Segment to a write key that is cut off",
			func(w *world) { w.segment.answer = status(400) },
			func(w *world) { w.segment.answer = nil },
		},
		{
			"a 404 from Segment to a path that is wrong",
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
			c.broke(w)
			equal(t, "the answer to Commerce", w.accept(t, secret, webhook("1")), accepted)
			equal(t, "kept while it is broken", len(w.deliver(t)), 1)
			c.mend(w)
			equal(t, "kept when it is mended", len(w.deliver(t)), 0)
			equal(t, "taken by Segment", w.segment.taken, []string{"1"})
		})
	}
}

// refusesFirst makes the template write two messages, of which Segment refuses the
// first.
func refusesFirst(code int) func(*world) {
	return func(w *world) {
		w.settings.config.Template = `["bad", "good"].{"event": "Order Completed", "properties": {"order_id": $}}`
		w.segment.answer = statusFor(map[string]int{"bad": code})
	}
}

// large is a webhook whose contents do not compress.
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
