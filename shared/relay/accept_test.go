package relay_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool/spooltest"
)

// For up to a minute after a rotation the cached secrets are the old ones. Commerce may
// never send a rejected event again, so the secrets are reloaded before a key is rejected.
func TestARotatedSecretIsNeverRejected(t *testing.T) {
	cases := []struct {
		name    string
		rotated commerce.Secrets
		key     string
		answer  relay.Answer
		reloads int
	}{
		{"a key that matches the cached secrets needs no reload", nil, secret, accepted, 0},
		{"the new key is found by a reload", commerce.Secrets{"new", secret}, "new", accepted, 1},
		{"the old key is accepted while both are set", commerce.Secrets{"new", secret}, secret, accepted, 0},
		{"a key that matches neither is forged", commerce.Secrets{"new", secret}, "guess", relay.Answer{Status: 401, Code: "forged"}, 1},
		{"no key at all is forged", nil, "", relay.Answer{Status: 401, Code: "forged"}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.rotated = c.rotated
			equal(t, "the answer", w.accept(t, c.key, webhook("1")), c.answer)
			equal(t, "reloads", w.settings.reloads, c.reloads)
			equal(t, "kept", w.spool.Counts().Visible == 1, c.answer == accepted)
		})
	}
}

// A deployment without settings loses no event and delivers no unverified event: an event
// that could not be verified when it was accepted is verified before it is delivered.
func TestAnEventThatCouldNotBeVerifiedIsVerifiedLater(t *testing.T) {
	notConfigured := func(w *world) { w.settings.config.Secrets = nil }
	unreadable := func(w *world) { w.settings.err = errDown }
	configured := func(w *world) { w.settings.err, w.settings.config.Secrets = nil, commerce.Secrets{secret} }
	cases := []struct {
		name     string
		then     func(*world) // when the event is accepted
		key      string
		now      func(*world) // when it is delivered
		outcome  string
		taken    []string
		dead     int
		reloaded commerce.Secrets
	}{
		{name: "a genuine one is delivered once a secret is configured",
			then: notConfigured, key: secret, now: configured, outcome: "delivered ", taken: []string{"1"}},
		{name: "a genuine one is delivered once the settings can be read",
			then: unreadable, key: secret, now: configured, outcome: "delivered ", taken: []string{"1"}},
		{name: "a genuine one with a key that only a reload knows is delivered",
			then: notConfigured, key: "new", now: configured, outcome: "delivered ", taken: []string{"1"},
			reloaded: commerce.Secrets{"new"}},
		// Perhaps the configured secret is wrong, and the answer to Commerce was 202.
		{name: "a forged one is failed",
			then: notConfigured, key: "guess", now: configured, outcome: "failed forged", dead: 1},
		{name: "one without a key is failed",
			then: notConfigured, key: "", now: configured, outcome: "failed forged", dead: 1},
		{name: "one is retried while no secret is configured",
			then: notConfigured, key: secret, now: notConfigured, outcome: "retrying unverified"},
		{name: "one is retried while the settings cannot be read",
			then: unreadable, key: secret, now: unreadable, outcome: "retrying settings"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.then(w)
			equal(t, "the answer", w.accept(t, c.key, webhook("1")), accepted)
			c.now(w)
			w.settings.rotated = c.reloaded
			w.deliver(t)
			got := w.log.last(t, "deliver")
			equal(t, "the outcome", got.Outcome+" "+got.Reason, c.outcome)
			equal(t, "accepted by Segment", w.segment.taken, c.taken)
			equal(t, "dead letters", len(w.spool.DeadLetters()), c.dead)
		})
	}
}

// A dead letter may be replayed after days. By then the secret of its webhook may have
// been rotated.
func TestADeadLetterIsReplayedAfterARotation(t *testing.T) {
	cases := []struct {
		name    string
		secrets commerce.Secrets // when it fails
		now     commerce.Secrets // when it is replayed
		reason  string           // why it fails
		outcome string
	}{
		{"it was verified before it failed, and is delivered", commerce.Secrets{secret}, commerce.Secrets{"new"}, "message_invalid", "delivered "},
		{"it failed as forged, and fails again", commerce.Secrets{"new"}, commerce.Secrets{"new"}, "forged", "failed forged"},
		{"it failed as forged, and is delivered if its secret is set again", commerce.Secrets{"new"}, commerce.Secrets{"new", secret}, "forged", "delivered "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.config.Secrets, w.settings.config.Template = nil, `{"event": ""}`
			w.accept(t, secret, webhook("1"))
			w.settings.config.Secrets = c.secrets
			w.deliver(t)
			letter := w.spool.DeadLetters()[0]
			equal(t, "the reason of the dead letter", letter.Failure.Reason, c.reason)
			w.settings.config.Secrets, w.settings.config.Template = c.now, echo
			if err := w.spool.Put(t.Context(), letter.Envelope); err != nil {
				t.Fatal(err)
			}
			w.deliver(t)
			got := w.log.last(t, "deliver")
			equal(t, "the outcome", got.Outcome+" "+got.Reason, c.outcome)
		})
	}
}

// A 400 for a genuine body means that the body is kept.
func TestARejectedBodyThatCannotBeKeptIsAnsweredWith503(t *testing.T) {
	w := newWorld(t)
	w.spool.failErr = errDown
	equal(t, "the answer", w.accept(t, secret, "hello"), relay.Answer{Status: 503, Code: "unavailable"})
}

// Commerce writes the webhook secret into every body, and operators read dead letters.
func TestARejectedBodyIsKeptWithoutTheSecret(t *testing.T) {
	w := newWorld(t)
	equal(t, "the answer", w.accept(t, secret, webhook("1")+"…").Code, "not_json")
	body := string(w.spool.DeadLetters()[0].Envelope.Body)
	if strings.Contains(body, secret) || !strings.Contains(body, personal) {
		t.Errorf("it is kept as %s, want all of it without the secret", body)
	}
}

// If there is no queue, or it does not answer, the event is delivered while Commerce
// waits. Then 202 means that Segment has the event, and 503 that it is stored nowhere.
func TestWithoutAQueueTheEventIsDeliveredInTheSameCall(t *testing.T) {
	unavailable := relay.Answer{Status: 503, Code: "unavailable"}
	noQueue := func(w *world) { w.relay.Spool = nil }
	down := func(w *world) { w.spool.putErr = errDown }
	full := func(w *world) { w.spool.putErr = spooltest.ErrFull }
	invalid := func(w *world) { w.settings.config.Template = `{"event": ""}` }
	segmentDown := func(w *world) { w.segment.answer = status(500) }
	cases := []struct {
		name   string
		given  []func(*world)
		key    string
		answer relay.Answer
		taken  []string
		dead   []string
	}{
		{"no queue, and Segment accepts it", []func(*world){noQueue}, secret, accepted, []string{"1"}, nil},
		{"a queue that is down, and Segment accepts it", []func(*world){down}, secret, accepted, []string{"1"}, nil},
		{"a queue that is full, and Segment accepts it", []func(*world){full}, secret, accepted, []string{"1"}, nil},
		{"nothing to send", []func(*world){noQueue, func(w *world) { w.settings.config.Enabled = false }}, secret, accepted, nil, nil},
		{"Segment is down too", []func(*world){noQueue, segmentDown}, secret, unavailable, nil, nil},
		{"both are down", []func(*world){down, segmentDown}, secret, unavailable, nil, nil},
		{"it is not verified", []func(*world){noQueue, func(w *world) { w.settings.config.Secrets = nil }}, secret, unavailable, nil, nil},
		{"it is forged", []func(*world){noQueue}, "guess", relay.Answer{Status: 401, Code: "forged"}, nil, nil},
		{"it cannot be delivered, and there is no dead-letter queue", []func(*world){noQueue, invalid}, secret, unavailable, nil, nil},
		{"it cannot be delivered, and becomes a dead letter", []func(*world){down, invalid}, secret, accepted, nil, []string{"message_invalid"}},
		{"it cannot be delivered, and the dead-letter queue is down", []func(*world){down, invalid, func(w *world) { w.spool.failErr = errDown }}, secret, unavailable, nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, given := range c.given {
				given(w)
			}
			equal(t, "the answer", w.accept(t, c.key, webhook("1")), c.answer)
			equal(t, "accepted by Segment", w.segment.taken, c.taken)
			equal(t, "dead letters", reasons(w.spool.DeadLetters()), c.dead)
			equal(t, "delays", w.spool.delays, []time.Duration{})
		})
	}
}

func TestInvalidBodiesAreRejectedWithoutAQueueToo(t *testing.T) {
	w := newWorld(t)
	w.relay.Spool = nil
	equal(t, "not a webhook", w.accept(t, secret, `{}`), relay.Answer{Status: 400, Code: "not_webhook"})
	equal(t, "too large", w.accept(t, secret, webhook("1")+strings.Repeat(" ", relay.MaxBody)), relay.Answer{Status: 413, Code: "too_large"})
	equal(t, "accepted by Segment", w.segment.taken, []string{})
}

// inProcess is a Segment that needs no network, for tests in a synctest bubble.
type inProcess struct {
	takes    time.Duration
	requests int
}

func (s *inProcess) RoundTrip(request *http.Request) (*http.Response, error) {
	s.requests++
	select {
	case <-time.After(s.takes):
		recorder := httptest.NewRecorder()
		recorder.WriteString(`{"success":true}`)
		return recorder.Result(), nil
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// hanging is a Configuration whose calls wait until their context ends.
type hanging struct{}

func (hanging) Current(ctx context.Context) (relay.Config, error) {
	<-ctx.Done()
	return relay.Config{}, ctx.Err()
}
func (h hanging) Reload(ctx context.Context) (relay.Config, error) { return h.Current(ctx) }

type hangingSpool struct{ *spySpool }

func (hangingSpool) Put(ctx context.Context, _ relay.Envelope) error {
	<-ctx.Done()
	return ctx.Err()
}

// Commerce stops waiting after 10 s, and then the event may be lost. If a call hangs, the
// fallback must be tried and the answer given before that.
func TestAnAnswerComesInTimeIfACallHangs(t *testing.T) {
	cases := []struct {
		name     string
		given    func(*world)
		segment  *inProcess
		status   int
		after    time.Duration
		requests int
	}{
		{"nothing hangs", func(*world) {}, &inProcess{}, 202, 0, 0},
		{"the settings hang, and the event is kept unverified",
			func(w *world) { w.relay.Configuration = hanging{} }, &inProcess{}, 202, 2 * time.Second, 0},
		{"the queue hangs, and Segment accepts the event",
			func(w *world) { w.relay.Spool = hangingSpool{w.spool} }, &inProcess{takes: time.Second}, 202, 4 * time.Second, 1},
		{"the queue and Segment hang",
			func(w *world) { w.relay.Spool = hangingSpool{w.spool} }, &inProcess{takes: time.Hour}, 503, 7 * time.Second, 1},
		{"there is no queue and Segment hangs",
			func(w *world) { w.relay.Spool = nil }, &inProcess{takes: time.Hour}, 503, 7 * time.Second, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOver(c.segment)
				defer w.relay.Segment.Close()
				c.given(w)
				started := time.Now()
				equal(t, "the status", w.accept(t, secret, webhook("1")).Status, c.status)
				equal(t, "after", time.Since(started).Round(time.Second), c.after)
				equal(t, "requests to Segment", c.segment.requests, c.requests)
			})
		})
	}
}

// A template decides which messages are sent, never whether an event is accepted: a
// broken template must not lose an event.
func TestAcceptingEvaluatesNoTemplate(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Template = `(` // if it were evaluated, the log would show it
	equal(t, "the answer", w.accept(t, secret, webhook("1")), accepted)
	equal(t, "deliveries", len(w.log.lines(t, "deliver")), 0)
	equal(t, "events on the queue", w.spool.Counts().Visible, 1)
}

func TestAnAcceptanceIsLoggedInOneLine(t *testing.T) {
	w := newWorld(t)
	w.accept(t, secret, webhook("1"))
	w.accept(t, "guess", webhook("1"))
	w.accept(t, secret, `{}`)
	w.settings.err = errDown
	w.accept(t, secret, webhook("1"))
	w.spool.putErr = errDown
	w.accept(t, secret, webhook("1"))

	var got []string
	for _, l := range w.log.lines(t, "accept") {
		got = append(got, l.Level+" "+l.Tracking+" "+l.Outcome)
	}
	equal(t, "lines", strings.Join(got, ", "), "INFO order-completed accepted, WARN order-completed forged, "+
		"WARN order-completed not_webhook, WARN order-completed accepted, ERROR order-completed unavailable")
	equal(t, "the detail of the last line names the queue and the settings",
		strings.Count(w.log.last(t, "accept").Detail, errDown.Error()), 2)
}
