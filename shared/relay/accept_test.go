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

// For up to a minute after a rotation the cached secrets are the old ones. Commerce
// may never send a refused event again, so the first look is not enough to refuse.
func TestARotatedSecretIsNeverRefused(t *testing.T) {
	cases := []struct {
		name    string
		rotated commerce.Secrets
		key     string
		answer  relay.Answer
		reloads int
	}{
		{"the key that is known needs no reload", nil, secret, accepted, 0},
		{"the new key is found by a reload", commerce.Secrets{"new", secret}, "new", accepted, 1},
		{"the old key still counts while both are set", commerce.Secrets{"new", secret}, secret, accepted, 0},
		{"a key that is neither is forged", commerce.Secrets{"new", secret}, "guess", relay.Answer{Status: 401, Code: "forged"}, 1},
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

// "Deployed and not yet configured" loses nothing, and lets nothing through
// either: what could not be verified when it came in is verified before it is
// delivered.
func TestAnEventThatCouldNotBeVerifiedIsVerifiedLater(t *testing.T) {
	notConfigured := func(w *world) { w.settings.config.Secrets = nil }
	unreadable := func(w *world) { w.settings.err = errDown }
	configured := func(w *world) { w.settings.err, w.settings.config.Secrets = nil, commerce.Secrets{secret} }
	cases := []struct {
		name       string
		then       func(*world) // when it comes in
		key        string
		now        func(*world) // when it is delivered
		outcome    string
		taken      []string
		dead       int
		reloadKnow commerce.Secrets
	}{
		{name: "a genuine one is delivered once a secret is configured",
			then: notConfigured, key: secret, now: configured, outcome: "delivered ", taken: []string{"1"}},
		{name: "a genuine one is delivered once the settings can be read",
			then: unreadable, key: secret, now: configured, outcome: "delivered ", taken: []string{"1"}},
		{name: "a genuine one with a key that only a reload knows is delivered",
			then: notConfigured, key: "new", now: configured, outcome: "delivered ", taken: []string{"1"},
			reloadKnow: commerce.Secrets{"new"}},
		// It may be the secret that is wrong, and Commerce was told 202.
		{name: "a forged one is failed",
			then: notConfigured, key: "guess", now: configured, outcome: "failed forged", dead: 1},
		{name: "one without a key is failed",
			then: notConfigured, key: "", now: configured, outcome: "failed forged", dead: 1},
		{name: "one for which no secret is configured yet waits",
			then: notConfigured, key: secret, now: notConfigured, outcome: "retrying unverified"},
		{name: "one for which the settings cannot be read yet waits",
			then: unreadable, key: secret, now: unreadable, outcome: "retrying settings"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.then(w)
			equal(t, "the answer", w.accept(t, c.key, webhook("1")), accepted)
			c.now(w)
			w.settings.rotated = c.reloadKnow
			w.deliver(t)
			got := w.log.last(t, "deliver")
			equal(t, "the outcome", got.Outcome+" "+got.Reason, c.outcome)
			equal(t, "taken by Segment", w.segment.taken, c.taken)
			equal(t, "dead letters", len(w.spool.DeadLetters()), c.dead)
		})
	}
}

// A dead letter is put back after days. By then the secret that it came with may have
// been rotated away.
func TestADeadLetterIsPutBackAfterARotation(t *testing.T) {
	cases := []struct {
		name    string
		secrets commerce.Secrets // when it is buried
		now     commerce.Secrets // when it has been put back
		reason  string           // why it is buried
		outcome string
	}{
		{"verified before it was failed, it is delivered", commerce.Secrets{secret}, commerce.Secrets{"new"}, "message_invalid", "delivered "},
		{"failed as forged, it stays so", commerce.Secrets{"new"}, commerce.Secrets{"new"}, "forged", "failed forged"},
		{"failed as forged, it is delivered once its secret counts again", commerce.Secrets{"new"}, commerce.Secrets{"new", secret}, "forged", "delivered "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.config.Secrets, w.settings.config.Template = nil, `{"event": ""}`
			w.accept(t, secret, webhook("1"))
			w.settings.config.Secrets = c.secrets
			w.deliver(t)
			letter := w.spool.DeadLetters()[0]
			equal(t, "it is failed as", letter.Failure.Reason, c.reason)
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

// A 400 says that the body is kept, if it was genuine.
func TestARefusedBodyThatCannotBeKeptIsNotAnsweredAsIfItWere(t *testing.T) {
	w := newWorld(t)
	w.spool.failErr = errDown
	equal(t, "the answer", w.accept(t, secret, "hello"), relay.Answer{Status: 503, Code: "unavailable"})
}

// Where there is no queue, or it does not answer, the event is delivered while
// Commerce waits. 202 then means "Segment has it", and 503 means "nobody has it".
// Commerce writes the webhook secret into every body, and dead letters are looked at.
func TestARefusedBodyIsKeptWithoutTheSecret(t *testing.T) {
	w := newWorld(t)
	equal(t, "the answer", w.accept(t, secret, webhook("1")+"…").Code, "not_json")
	body := string(w.spool.DeadLetters()[0].Envelope.Body)
	if strings.Contains(body, secret) || !strings.Contains(body, personal) {
		t.Errorf("it is kept as %s, want all of it but for the secret", body)
	}
}

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
		{"no queue, and Segment takes it", []func(*world){noQueue}, secret, accepted, []string{"1"}, nil},
		{"a queue that is down, and Segment takes it", []func(*world){down}, secret, accepted, []string{"1"}, nil},
		{"a queue that is full, and Segment takes it", []func(*world){full}, secret, accepted, []string{"1"}, nil},
		{"nothing to send", []func(*world){noQueue, func(w *world) { w.settings.config.Enabled = false }}, secret, accepted, nil, nil},
		{"Segment is down too", []func(*world){noQueue, segmentDown}, secret, unavailable, nil, nil},
		{"both are down", []func(*world){down, segmentDown}, secret, unavailable, nil, nil},
		{"it is not verified", []func(*world){noQueue, func(w *world) { w.settings.config.Secrets = nil }}, secret, unavailable, nil, nil},
		{"it is forged", []func(*world){noQueue}, "guess", relay.Answer{Status: 401, Code: "forged"}, nil, nil},
		{"it cannot be delivered, and there is no place for it", []func(*world){noQueue, invalid}, secret, unavailable, nil, nil},
		{"it cannot be delivered, and the dead letters take it", []func(*world){down, invalid}, secret, accepted, nil, []string{"message_invalid"}},
		{"it cannot be delivered, and the dead letters are down", []func(*world){down, invalid, func(w *world) { w.spool.failErr = errDown }}, secret, unavailable, nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, given := range c.given {
				given(w)
			}
			equal(t, "the answer", w.accept(t, c.key, webhook("1")), c.answer)
			equal(t, "taken by Segment", w.segment.taken, c.taken)
			equal(t, "dead letters", reasons(w.spool.DeadLetters()), c.dead)
			equal(t, "delays", w.spool.delays, []time.Duration{})
		})
	}
}

func TestWhatIsRefusedIsRefusedWithoutAQueueToo(t *testing.T) {
	w := newWorld(t)
	w.relay.Spool = nil
	equal(t, "no webhook", w.accept(t, secret, `{}`), relay.Answer{Status: 400, Code: "not_webhook"})
	equal(t, "too large", w.accept(t, secret, webhook("1")+strings.Repeat(" ", relay.MaxBody)), relay.Answer{Status: 413, Code: "too_large"})
	equal(t, "taken by Segment", w.segment.taken, []string{})
}

// inProcess is a Segment that needs no network, for tests in a bubble.
type inProcess struct {
	takes time.Duration
	asked int
}

func (s *inProcess) RoundTrip(request *http.Request) (*http.Response, error) {
	s.asked++
	select {
	case <-time.After(s.takes):
		recorder := httptest.NewRecorder()
		recorder.WriteString(`{"success":true}`)
		return recorder.Result(), nil
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// hanging is what waits for its context, as a call over a dead network does.
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

// Commerce gives up after 10 s, and what it gives up on may be lost: whatever
// hangs, an answer must come in time, and the next best thing before it.
func TestAnAnswerComesInTimeWhateverHangs(t *testing.T) {
	cases := []struct {
		name    string
		given   func(*world)
		segment *inProcess
		status  int
		after   time.Duration
		asked   int
	}{
		{"nothing hangs", func(*world) {}, &inProcess{}, 202, 0, 0},
		{"the settings hang, and the event is kept unverified",
			func(w *world) { w.relay.Configuration = hanging{} }, &inProcess{}, 202, 2 * time.Second, 0},
		{"the queue hangs, and Segment takes the event",
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
				equal(t, "Segment was asked", c.segment.asked, c.asked)
			})
		})
	}
}

// A template decides what is sent, never what is kept: an event that a broken
// template could lose would be lost for good.
func TestAcceptingEvaluatesNoTemplate(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Template = `(` // would panic or postpone, and be logged
	equal(t, "the answer", w.accept(t, secret, webhook("1")), accepted)
	equal(t, "deliveries", len(w.log.lines(t, "deliver")), 0)
	equal(t, "waiting", w.spool.Counts().Visible, 1)
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
	equal(t, "the last one's detail names the queue and the settings",
		strings.Count(w.log.last(t, "accept").Detail, errDown.Error()), 2)
}
