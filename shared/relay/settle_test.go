package relay_test

import (
	"net/http"
	"testing"
	"time"

	"commerce-segment/shared/relay"
)

// attempt delivers one event after a number of receives, and returns the delay until its
// retry.
func attempt(t *testing.T, w *world, receives int) time.Duration {
	t.Helper()
	if err := w.spool.Memory.Put(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(webhook("1"))}); err != nil {
		t.Fatal(err)
	}
	item := w.spool.Receive(t.Context(), 1)[0]
	item.Receives = receives
	w.spool.delays = nil
	w.relay.Deliver(t.Context(), []relay.Item{item})
	if len(w.spool.delays) != 1 {
		t.Fatalf("%d retries were scheduled", len(w.spool.delays))
	}
	return w.spool.delays[0]
}

func TestEventsAreRetriedOnASchedule(t *testing.T) {
	cases := []struct {
		name     string
		backoff  time.Duration
		receives int
		want     time.Duration // ±20 %
	}{
		{"after 30 s at first", 0, 1, 30 * time.Second},
		{"after twice that the second time", 0, 2, time.Minute},
		{"after 16 minutes the sixth time", 0, 6, 16 * time.Minute},
		{"after 32 minutes the seventh time", 0, 7, 32 * time.Minute},
		{"after an hour the eighth time", 0, 8, time.Hour},
		{"after an hour from then on", 0, 36, time.Hour},
		{"after an hour for any number of receives", 0, 1 << 40, time.Hour},
		{"after 30 s if the number of receives is unknown", 0, 0, 30 * time.Second},
		{"after the configured backoff at first", time.Second, 1, time.Second},
		{"after 120 times the configured backoff in the end", time.Second, 36, 2 * time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.segment.answer = status(503)
			w.relay.Backoff = c.backoff
			least, most := time.Duration(1<<62), time.Duration(0)
			for range 50 {
				delay := attempt(t, w, c.receives)
				least, most = min(least, delay), max(most, delay)
			}
			if least < c.want*8/10 || most > c.want*12/10 {
				t.Errorf("the delays are %v to %v, want %v ±20 %%", least, most, c.want)
			}
			// Events that failed together must not come back together.
			if most-least < c.want/10 {
				t.Errorf("the delays are %v to %v: there is no jitter", least, most)
			}
		})
	}
}

// Segment rejects a request that comes earlier than its Retry-After again, and asks for a
// longer pause. So the jitter may only make the delay longer.
func TestAnEventIsNeverRetriedEarlierThanSegmentAsks(t *testing.T) {
	cases := []struct {
		name        string
		retryAfter  string
		receives    int
		least, most time.Duration
	}{
		{"more than the schedule", "120", 1, 120 * time.Second, 144 * time.Second},
		{"just less than the schedule", "29", 1, 29 * time.Second, 36 * time.Second},
		{"far less than the schedule", "1", 1, 24 * time.Second, 36 * time.Second},
		{"nothing", "", 1, 24 * time.Second, 36 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.segment.answer = func(answer http.ResponseWriter, _ []string) {
				answer.Header().Set("Retry-After", c.retryAfter)
				answer.WriteHeader(429)
			}
			for range 50 {
				if delay := attempt(t, w, c.receives); delay < c.least || delay > c.most {
					t.Fatalf("the delay is %v, want %v to %v", delay, c.least, c.most)
				}
			}
		})
	}
}

// The worst outcome decides over the event, and the longest Retry-After over its delay.
func TestTheLongestRetryAfterOfSeveralMessagesAppliesToTheEvent(t *testing.T) {
	w := newWorld(t)
	w.settings.config.Template = `[1..30].{"event": "E", "properties": {"order_id": $string($), "filler": $pad("", 31000, "x")}}`
	requests := 0
	w.segment.answer = func(answer http.ResponseWriter, _ []string) {
		if requests++; requests == 1 {
			answer.WriteHeader(500)
			return
		}
		answer.Header().Set("Retry-After", "200")
		answer.WriteHeader(429)
	}
	if delay := attempt(t, w, 1); delay < 200*time.Second || w.spool.notBefore[0] != 200*time.Second {
		t.Errorf("the delay is %v, want at least 200 s", delay)
	}
	equal(t, "requests", requests, 2)
}

// If settling fails, the item must stay on its queue, or the event would be lost. It comes
// back when its visibility timeout ends, or the redrive policy makes it a dead letter.
func TestAnItemThatCannotBeSettledStaysOnItsQueue(t *testing.T) {
	cases := []struct {
		name   string
		given  func(*world)
		status int
		line   string
	}{
		{"scheduling the retry fails", func(w *world) { w.spool.retryErr = errDown }, 503, "WARN retrying: the queue is down"},
		{"the dead-letter queue is down", func(w *world) { w.spool.failErr = errDown }, 422, "ERROR failed: the queue is down"},
		{"there is no queue", func(w *world) { w.relay.Spool = nil }, 503, "WARN retrying: there is no queue"},
		{"there is no dead-letter queue", func(w *world) { w.relay.Spool = nil }, 422,
			"ERROR failed: there is no dead-letter queue to move the event to: it stays on its queue"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.given(w)
			w.segment.answer = status(c.status)
			equal(t, "kept", w.relay.Deliver(t.Context(), items(webhook("1"))), []string{"h0"})
			got := w.log.last(t, "deliver")
			equal(t, "the log line", got.Level+" "+got.Outcome+": "+got.Unsettled, c.line)
			equal(t, "retry_in", got.RetryIn, "")
		})
	}
}

func TestADeadLetterHasItsReasonAndResource(t *testing.T) {
	w := newWorld(t)
	w.segment.answer = status(422)
	w.accept(t, secret, webhook("1"))
	w.deliver(t)
	equal(t, "the failure", w.spool.DeadLetters()[0].Failure, relay.Failure{
		Tracking: "order-completed", Reason: "segment_422", Resource: "1", Receives: 1,
	})
}
