package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// items returns webhooks as a spool hands them out for the first time.
func items(bodies ...string) []relay.Item {
	items := make([]relay.Item, len(bodies))
	for i, body := range bodies {
		items[i] = relay.Item{
			Handle: fmt.Sprint("h", i), Receives: 1,
			Envelope: relay.Envelope{Received: time.Now(), Body: []byte(body)},
		}
	}
	return items
}

// outcomes returns the outcomes and reasons of all deliveries so far, in order.
func outcomes(t *testing.T, w *world) (outcomes []string) {
	for _, l := range w.log.lines(t, "deliver") {
		outcomes = append(outcomes, strings.TrimSpace(l.Outcome+" "+l.Reason))
	}
	return outcomes
}

func TestABatchIsOneRequest(t *testing.T) {
	w := newWorld(t)
	var bodies, orders []string
	for i := range spool.BatchSize {
		bodies, orders = append(bodies, webhook(fmt.Sprint(i))), append(orders, fmt.Sprint(i))
	}
	equal(t, "kept", w.relay.Deliver(t.Context(), items(bodies...)), []string{})
	equal(t, "requests", len(w.segment.batches), 1)
	equal(t, "accepted by Segment", w.segment.taken, orders)
}

// One event of a batch must never change the outcome of another. Otherwise one bad event
// would delay nine good ones, or make them dead letters.
func TestEachItemOfABatchHasItsOwnOutcome(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Template = `payload.data.id = "filter" ? $nothing : ` +
		`payload.data.id = "fail" ? $error("no") : ` +
		`payload.data.id = "invalid" ? {"event": ""} : ` + echo
	w.segment.answer = statusFor(map[string]int{"bad": 400})

	batch := items(webhook("good"), webhook("filter"), webhook("fail"), webhook("invalid"),
		webhookOf("order.updated", "unobserved"), `{}`, webhook("bad"), webhook("good too"))
	batch = append(batch, relay.Item{Handle: "h8", Receives: 1, Err: errors.New("no envelope"),
		Envelope: relay.Envelope{Body: []byte("the text on the queue")}})
	batch = append(batch, relay.Item{Handle: "h9", Receives: 1, Err: fmt.Errorf("version 2: %w", relay.ErrVersion),
		Envelope: relay.Envelope{Body: []byte("of another release")}})
	equal(t, "kept", w.relay.Deliver(t.Context(), batch), []string{"h2", "h9"})
	equal(t, "outcomes", strings.Join(outcomes(t, w), ", "), "delivered, skipped filtered, retrying template, "+
		"failed message_invalid, skipped not_observed, failed not_webhook, failed segment_400, delivered, failed envelope_unreadable, "+
		"retrying envelope_version")
	equal(t, "accepted by Segment", w.segment.taken, []string{"good", "good too"})
	letters := w.spool.DeadLetters()
	equal(t, "the dead letter of the unreadable one", string(letters[len(letters)-1].Envelope.Body), "the text on the queue")
}

// An event with several messages is one item on the queue. It is retried as a whole while
// one of its messages may still succeed, and Segment drops the others by their messageId.
// If it became a dead letter because of one message, the other would be lost.
func TestAnEventWithSeveralMessagesTakesTheWorstOfTheirOutcomes(t *testing.T) {
	cases := []struct {
		name    string
		codes   map[string]int
		outcome string
	}{
		{"all are delivered", nil, "delivered"},
		{"one is rejected permanently", map[string]int{"1-a": 400}, "failed segment_400"},
		{"one can be retried", map[string]int{"1-b": 503}, "retrying segment_503"},
		{"one is rejected and the other can be retried", map[string]int{"1-a": 400, "1-b": 503}, "retrying segment_400"},
		{"the other way round", map[string]int{"1-a": 503, "1-b": 400}, "retrying segment_503"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.config.Template = `[{"event": "A", "properties": {"order_id": payload.data.id & "-a"}},` +
				`{"event": "B", "properties": {"order_id": payload.data.id & "-b"}}]`
			w.segment.answer = func(answer http.ResponseWriter, orders []string) {
				// Segment rejects a batch with a bad message as a whole.
				for _, order := range orders {
					if c.codes[order] == 400 {
						answer.WriteHeader(400)
						return
					}
				}
				statusFor(c.codes)(answer, orders)
			}
			w.relay.Deliver(t.Context(), items(webhook("1")))
			equal(t, "outcomes", outcomes(t, w), []string{c.outcome})
			equal(t, "message ids", len(w.log.last(t, "deliver").MessageIDs), 2)
		})
	}
}

// A number that does not fit a float64 cannot be the input of any template, so a retry
// cannot succeed.
func TestInputThatNoTemplateCanReadBecomesADeadLetter(t *testing.T) {
	w := newWorld(t)
	body := strings.Replace(webhook("1"), `"attempt":2`, `"attempt":2,"huge":1e999`, 1)
	w.relay.Deliver(t.Context(), items(body))
	equal(t, "outcomes", outcomes(t, w), []string{"failed input"})
}

// panicking is a Configuration that panics on its second call. Only an item that must be
// verified makes that call.
type panicking struct {
	*settings
	calls int
}

func (p *panicking) Current(ctx context.Context) (relay.Config, error) {
	if p.calls++; p.calls > 1 {
		panic("with " + personal)
	}
	return p.settings.Current(ctx)
}

func TestAPanicAffectsOneItemNotTheBatch(t *testing.T) {
	w := newWorld(t)
	w.relay.Configuration = &panicking{settings: w.settings}
	batch := items(webhook("1"), webhook("2"), webhook("3"))
	digest := commerce.DigestOf(secret)
	batch[1].Envelope.Presented = &digest

	equal(t, "kept", w.relay.Deliver(t.Context(), batch), []string{"h1"})
	equal(t, "outcomes", outcomes(t, w), []string{"delivered", "retrying internal", "delivered"})
	line := w.log.lines(t, "deliver")[1]
	equal(t, "level", line.Level, "ERROR")
	if !strings.Contains(line.Stack, "panicking") {
		t.Errorf("the stack does not show where: %s", line.Stack)
	}
	noSecretsIn(t, w.log)
}

func TestAfterAPanicWhileSendingTheEventsAreRetried(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Enabled = false
	w.relay.Segment = nil // calling it panics
	w.relay.Deliver(t.Context(), items(webhook("1")))
	w.settings.config.Enabled = true
	w.relay.Deliver(t.Context(), items(webhook("2")))
	equal(t, "outcomes", outcomes(t, w), []string{"skipped disabled", "retrying internal"})
}

// An event that runs into Lambda's time-out must still be scheduled for its retry, so
// some of the time is reserved for settling.
func TestTheRequestToSegmentLeavesTimeToSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOver(&inProcess{takes: time.Hour})
		defer w.relay.Segment.Close()
		w.accept(t, secret, webhook("1"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		started := time.Now()
		w.relay.Deliver(ctx, w.spool.Receive(ctx, 1))
		equal(t, "outcomes", outcomes(t, w), []string{"retrying segment_timeout"})
		equal(t, "after", time.Since(started), 4*time.Second)
		equal(t, "retries", len(w.spool.delays), 1)
	})
}

func TestDeliveriesRunConcurrently(t *testing.T) {
	w := newWorld(t)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for j := range 5 {
				w.relay.Deliver(t.Context(), items(webhook(fmt.Sprint(i, "/", j))))
				w.accept(t, secret, webhook("1"))
			}
		})
	}
	work.Wait()
	equal(t, "accepted by Segment", len(w.segment.taken), 40)
	slices.Sort(w.segment.taken)
	equal(t, "different", len(slices.Compact(w.segment.taken)), 40)
}

// The messageId must not depend on how often, in which batch or when an event is
// delivered. Otherwise Segment would count the event twice.
func TestAnEventHasTheSameMessageOnEveryDelivery(t *testing.T) {
	w := newWorld(t)
	w.relay.Deliver(t.Context(), items(webhook("1")))
	w.relay.Deliver(t.Context(), items(webhook("2"), strings.Replace(webhook("1"), `"attempt":2`, `"attempt":3`, 1)))
	first, again := string(w.segment.batches[0][0]), string(w.segment.batches[1][1])
	equal(t, "the message", again, first)
}

func TestTheRegisteredCustomerIsTheUser(t *testing.T) {
	order := func(relationships string) string {
		return `{"id":"w","triggered_by":"order.paid","payload":{"data":{"type":"order","id":"o-1","relationships":` + relationships + `}}}`
	}
	cases := []struct{ name, event, body, user string }{
		{"a registered customer ordered", "order.paid", order(`{"customer":{"data":{"type":"customer","id":"c-1"}}}`), "c-1"},
		{"a guest ordered", "order.paid", order(`{}`), "o-1"},
		{"relationships of another shape", "order.paid", order(`[{"customer":7}]`), "o-1"},
		{"a customer's id that is no string", "order.paid", order(`{"customer":{"data":{"id":7}}}`), "o-1"},
		{"a customer changed", "customer.updated",
			`{"id":"w","triggered_by":"customer.updated","payload":{"data":{"type":"customer","id":"c-2"}}}`, "c-2"},
		{"a customer is deleted", "customer.deleted",
			`{"id":"w","triggered_by":"customer.deleted","payload":{"type":"customer","id":"c-3"}}`, "c-3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.config.Events = []string{c.event}
			w.relay.Deliver(t.Context(), items(c.body))
			var message struct{ UserID string }
			if err := json.Unmarshal(w.segment.batches[0][0], &message); err != nil {
				t.Fatal(err)
			}
			equal(t, "userId", message.UserID, c.user)
		})
	}
}

func TestAmountsHaveTheDecimalsOfTheStoresCurrencies(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Template = `{"event": "Order Completed", "properties": {"total": $money(34484, "HUF")}}`
	w.settings.config.Currencies = money.Decimals{"HUF": 0}
	w.relay.Deliver(t.Context(), items(webhook("1")))
	if got := string(w.segment.batches[0][0]); !strings.Contains(got, `"total":34484`) {
		t.Errorf("got %s", got)
	}
}

func TestADeliveryIsLoggedInOneLine(t *testing.T) {
	w := newWorld(t)
	w.segment.answer = func(answer http.ResponseWriter, orders []string) { status(503)(answer, orders) }
	w.accept(t, secret, webhook("1"))
	w.deliver(t)
	lines := w.log.lines(t, "deliver")
	equal(t, "lines", len(lines), 1)
	got := lines[0]
	equal(t, "tracking", got.Tracking, "order-completed")
	equal(t, "event", got.Event, "order.paid")
	equal(t, "webhook_id", got.WebhookID, "w-1")
	equal(t, "attempt", got.Attempt, 2)
	equal(t, "receives", got.Receives, 1)
	equal(t, "resource", got.Resource, "1")
	equal(t, "message_ids", len(got.MessageIDs), 1)
	equal(t, "outcome", got.Outcome, "retrying")
	equal(t, "reason", got.Reason, "segment_503")
	equal(t, "detail", got.Detail, "") // Segment's text may quote the event
	equal(t, "event_time", got.EventTime.Format(time.RFC3339), "2026-11-24T10:50:00Z")
	if got.Ms == nil {
		t.Error("there is no ms")
	}
	delay, err := time.ParseDuration(got.RetryIn)
	if err != nil || delay < 24*time.Second || delay > 36*time.Second {
		t.Errorf("retry_in is %q", got.RetryIn)
	}
}

// Operators follow an event by its log lines, from Commerce's request through every
// attempt. Commerce may send two requests with one id.
func TestAllLogLinesOfAnEventHaveTheSameTimeReceived(t *testing.T) {
	w := newWorld(t)
	w.relay.Backoff = time.Nanosecond
	w.segment.answer = status(503)
	w.accept(t, secret, webhook("1"))
	w.deliver(t)
	w.deliver(t)
	w.accept(t, secret, webhook("1"))
	accepted, delivered := w.log.lines(t, "accept"), w.log.lines(t, "deliver")
	if len(accepted) != 2 || len(delivered) != 2 {
		t.Fatalf("%d and %d lines, want 2 and 2", len(accepted), len(delivered))
	}
	first := accepted[0]
	equal(t, "the event of the acceptance", []any{first.Event, first.WebhookID, first.Attempt, first.Resource}, []any{"order.paid", "w-1", 2, "1"})
	for _, line := range delivered {
		if first.Received.IsZero() || !line.Received.Equal(first.Received) {
			t.Errorf("accepted %v, delivered %v: want the same", first.Received, line.Received)
		}
	}
	if accepted[1].Received.Equal(first.Received) {
		t.Error("two requests of Commerce have the same time")
	}
}

// An unauthenticated client may write any text into a webhook.
func TestTheLogLineOfAnUnverifiedWebhookNamesNoEvent(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Secrets = nil
	w.accept(t, "guess", webhook("1"))
	w.settings.config.Secrets = commerce.Secrets{secret}
	w.accept(t, "guess", webhook("1"))
	for _, line := range w.log.lines(t, "accept") {
		if line.Resource+line.Event+line.WebhookID != "" {
			t.Errorf("it names %s %s %s", line.Event, line.WebhookID, line.Resource)
		}
	}
}

// Logs are kept for a long time, and many people read them. The contents of an event, the
// webhook secret and the write key must never be in them.
func TestNoLogLineHoldsContentsOrSecrets(t *testing.T) {
	w := newWorld(t)
	w.accept(t, secret, webhook("1"))
	w.accept(t, "guess", webhook("1"))
	w.accept(t, secret, personal)
	w.accept(t, secret, `{"email":"`+personal+`"}`)
	for _, template := range []string{echo, `{"event": `, `$error("no")`, `$sum(payload.data.customer.email)`, `$number(payload.data.customer.email)`, `{"event": 7}`, `payload.data.customer.email`} {
		w.settings.config.Template = template
		w.relay.Deliver(t.Context(), items(webhook("1")))
	}
	w.settings.config.Template = echo
	for _, code := range []int{400, 401, 500} {
		w.segment.answer = func(answer http.ResponseWriter, _ []string) {
			answer.WriteHeader(code)
			fmt.Fprint(answer, "the key ", writeKey, " is bad, or else ", personal)
		}
		w.relay.Deliver(t.Context(), items(webhook("1")))
	}
	batch := items("not an envelope: " + personal)
	batch[0] = spool.Open("h", 1, string(batch[0].Envelope.Body))
	w.relay.Deliver(t.Context(), batch)
	noSecretsIn(t, w.log)
}

func noSecretsIn(t *testing.T, log *logBook) {
	t.Helper()
	for _, forbidden := range []string{personal, secret, writeKey, "guess", "display_price"} {
		if strings.Contains(log.text.String(), forbidden) {
			t.Errorf("the log holds %q:\n%s", forbidden, log.text.String())
		}
	}
}
