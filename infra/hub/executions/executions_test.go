package executions_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/spool/spooltest"
	"commerce-segment/shared/tracking"
)

const secret = "secret_squirrel"

// world is a function with real parts, whose log is kept as on AWS.
type world struct {
	relay.Config
	relay    *relay.Relay
	queue    *spooltest.Memory
	lines    *lines
	answers  []int // of Segment, one after the other; 200 in the end
	putFails bool
	last     bool // no attempt follows
}

// lines are log lines.
type lines struct {
	mu   sync.Mutex
	list []executions.Line
}

func (l *lines) add(line executions.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, line)
}

func newWorld(t *testing.T) *world {
	w := &world{queue: spooltest.NewMemory(), lines: &lines{}}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		if len(w.answers) > 0 {
			answer.WriteHeader(w.answers[0])
			w.answers = w.answers[1:]
		}
	}))
	t.Cleanup(server.Close)
	w.Config = relay.Config{
		Enabled: true, Events: []string{"order.paid"}, Template: `{"event": "Order Completed"}`,
		Secrets: commerce.Secrets{secret}, Segment: segment.Endpoint{Host: server.URL, Path: "/v1/batch", WriteKey: "key"},
	}
	w.relay = &relay.Relay{
		Tracking: tracking.OrderCompleted, Configuration: w, Spool: w, Segment: segment.NewClient(nil),
		Log: slog.New(executions.Handler(w.lines.add)), MetricsPrefix: "/store", Backoff: time.Millisecond,
	}
	return w
}

func (w *world) Current(context.Context) (relay.Config, error) { return w.Config, nil }
func (w *world) Reload(context.Context) (relay.Config, error)  { return w.Config, nil }

func (w *world) Put(ctx context.Context, e relay.Envelope) error {
	if w.putFails {
		return errors.New("the queue is away")
	}
	return w.queue.Put(ctx, e)
}

func (w *world) Retry(ctx context.Context, item relay.Item, next relay.Next) error {
	return w.queue.Retry(ctx, item, next)
}

func (w *world) Fail(ctx context.Context, e relay.Envelope, b relay.Failure) error {
	return w.queue.Fail(ctx, e, b)
}

// calls has Commerce post a webhook about an order.
func (w *world) calls(t *testing.T, event, order string) {
	w.relay.Accept(t.Context(), secret, fmt.Appendf(nil, `{"id":"w-%[2]s","triggered_by":%[1]q,"attempt":1,`+
		`"payload":{"data":{"type":"order","id":%[2]q,"meta":{"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:50:00Z"}}}}}`, event, order))
}

// attempt has one attempt made to deliver what is on the queue.
func (w *world) attempt(t *testing.T) {
	items := w.queue.Receive(t.Context(), spool.BatchSize)
	for i := range items {
		items[i].Last = w.last
	}
	keep := w.relay.Deliver(t.Context(), items)
	for _, item := range items {
		if !slices.Contains(keep, item.Handle) {
			w.queue.Delete(item.Handle)
		}
	}
}

// found is what became of the webhooks that are asked for.
func (w *world) found(t *testing.T, q executions.Query, now time.Time) []executions.Execution {
	t.Helper()
	w.lines.mu.Lock()
	defer w.lines.mu.Unlock()
	return executions.Of(w.lines.list).Select(q, now)
}

func TestWhatBecameOfAWebhook(t *testing.T) {
	for _, c := range []struct {
		name     string
		given    func(t *testing.T, w *world)
		outcome  executions.Outcome
		reason   string
		attempts int
		resource string
		says     []string // the story has this in it
	}{
		{"delivered", func(t *testing.T, w *world) {
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Delivered, "", 1, "o-1", []string{
			"Received 1 webhook about o-1 in the last 24 hours. Segment received Order Completed.", "Order Completed was sent to Segment at ", " after the event, as messageId order-completed:o-1:0-track:",
			"Webhook received: order.paid, webhook w-o-1, attempt 1 of Commerce. Answered with 202",
			"No webhook was received for Checkout Started (order.created or order.authorized), Order Updated (",
		}},
		{"delivered in more messages than a line lists", func(t *testing.T, w *world) {
			w.Template = `[1..150].{"event": "E", "userId": "u"}`
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Delivered, "", 1, "o-1", []string{"as messageId order-completed:o-1:0-track:", ", order-completed:o-1:99-track:", " and 50 more."}},
		{"delivered without optional fields", func(t *testing.T, w *world) {
			w.Template = `{"event": "E", "userId": "u", "properties": {"x": $commerce("/v2/currencies", 800).data}}`
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Delivered, "", 1, "o-1", []string{
			"Segment accepted it. Fields were left out of it: 1 optional call of $commerce had no answer (commerce_not_connected).",
			"Set the credentials of the Commerce API with hub configure --prefix /shop.",
		}},
		{"retrying, then delivered", func(t *testing.T, w *world) {
			w.answers = []int{503, 429}
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
			w.attempt(t)
			w.attempt(t)
		}, executions.Delivered, "", 3, "o-1", []string{
			"at attempt 3, as messageId ", "Attempt 1 failed: segment_503. Next attempt in ", "Attempt 2 failed: segment_429.", "Attempt 3: Segment accepted it",
		}},
		{"on the queue", func(t *testing.T, w *world) {
			w.calls(t, "order.paid", "o-1")
		}, executions.Accepted, "", 0, "o-1", []string{"Nothing was sent to Segment", "It is on the queue, and no attempt is complete"}},
		{"waiting for Segment", func(t *testing.T, w *world) {
			w.answers = []int{503}
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Retrying, "segment_503", 1, "o-1", []string{"Attempt 1 failed: segment_503. Next attempt at "}},
		{"waiting for the operator", func(t *testing.T, w *world) {
			w.Template = "("
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Retrying, "template", 1, "o-1", []string{"failed: template (", "Fix the template. The events are then delivered automatically."}},
		{"waiting for Commerce's credentials", func(t *testing.T, w *world) {
			w.Template = `$commerce("/v2/orders")`
			w.Commerce = commerce.Credentials{URL: "https://commerce.test", ClientID: commercetest.ClientID, ClientSecret: "another"}
			w.relay.CommerceTransport = commercetest.New()
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Retrying, "commerce_401", 1, "o-1", []string{"check the client id and the client secret", "with hub configure --prefix /shop"}},
		{"failed", func(t *testing.T, w *world) {
			w.Template = `{"event": ""}`
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Failed, "message_invalid", 1, "o-1", []string{
			"It is a dead letter: message_invalid (message 1: event is an empty string", "hub deadletters redrive --tracking order-completed --reason message_invalid --prefix /shop.",
		}},
		{"failed after the last attempt", func(t *testing.T, w *world) {
			w.relay.Backoff, w.answers = time.Nanosecond, []int{500, 500}
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
			w.last = true
			w.attempt(t)
		}, executions.Failed, "segment_500", 2, "o-1", []string{"It is a dead letter: segment_500 (no attempt succeeded, and this was the last)"}},
		{"skipped, as it is not observed", func(t *testing.T, w *world) {
			w.calls(t, "order.fulfilled", "o-1")
			w.attempt(t)
		}, executions.Skipped, "not_observed", 1, "o-1", []string{"was not sent, as intended: the tracking does not observe order.fulfilled."}},
		{"skipped by the template", func(t *testing.T, w *world) {
			w.Template = "[]"
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
		}, executions.Skipped, "filtered", 1, "o-1", []string{"the template makes no message of it"}},
		{"refused, as its secret is wrong", func(t *testing.T, w *world) {
			w.relay.Accept(t.Context(), "guess", []byte(`{"triggered_by":"order.paid","payload":{"data":{"id":"o-1"}}}`))
		}, executions.Rejected, "forged", 0, "", []string{"The webhook was rejected: forged ("}},
		{"refused, as it is no webhook", func(t *testing.T, w *world) {
			w.relay.Accept(t.Context(), secret, []byte(`hello`))
		}, executions.Rejected, "not_json", 0, "", nil},
		{"refused, as nothing could take it", func(t *testing.T, w *world) {
			w.putFails, w.answers = true, []int{500}
			w.calls(t, "order.paid", "o-1")
		}, executions.Rejected, "unavailable", 1, "o-1", []string{"lost unless Commerce sends it again"}},
		{"delivered at once, as there was no queue", func(t *testing.T, w *world) {
			w.putFails = true
			w.calls(t, "order.paid", "o-1")
		}, executions.Delivered, "", 1, "o-1", nil},
		{"failed, put back and delivered", func(t *testing.T, w *world) {
			w.Template = `{"event": ""}`
			w.calls(t, "order.paid", "o-1")
			w.attempt(t)
			w.Template = `{"event": "Order Completed"}`
			if err := w.queue.Put(t.Context(), w.queue.DeadLetters()[0].Envelope); err != nil {
				t.Fatal(err)
			}
			w.attempt(t)
		}, executions.Delivered, "", 1, "o-1", []string{"it became a dead letter", "Segment accepted it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.given(t, w)
			now := time.Now().Add(time.Minute) // past the last attempt's visibility
			all := w.found(t, executions.Query{}, now)
			if len(all) != 1 {
				t.Fatalf("there are %d executions, want 1: %+v", len(all), all)
			}
			e := all[0]
			if e.Outcome != c.outcome || e.Reason != c.reason || e.Attempts != c.attempts || e.Resource != c.resource || e.Tracking != "order-completed" {
				t.Errorf("it is %s, %q, %d attempts, %q of %s", e.Outcome, e.Reason, e.Attempts, e.Resource, e.Tracking)
			}
			if (e.Delay != nil) != (c.outcome == executions.Delivered) {
				t.Errorf("the delay is %v", e.Delay)
			}
			search := executions.Search{Resource: "o-1", Since: 24 * time.Hour, Now: now, Store: executions.Store{Flag: " --prefix /shop", Deployed: true}}
			story := tell(search.Tell(all))
			for _, says := range c.says {
				if !strings.Contains(story, says) {
					t.Errorf("the story does not say %q:\n%s", says, story)
				}
			}
		})
	}
}

// On this machine too a dead letter can be put back.
func TestTheStoryOfADeadLetterSaysHowToHaveItBack(t *testing.T) {
	w := newWorld(t)
	w.Template = `{"event": ""}`
	w.calls(t, "order.paid", "o-1")
	w.attempt(t)
	all := w.found(t, executions.Query{}, time.Now())
	story := tell(executions.Search{Resource: "o-1", Since: time.Hour, Now: time.Now()}.Tell(all))
	if want := "Fix this reason, then run hub deadletters redrive --tracking order-completed --reason message_invalid.\n"; !strings.Contains(story, want) {
		t.Errorf("the story does not say %q:\n%s", want, story)
	}
}

func TestTheStoryOfADeletionNamesItsRequest(t *testing.T) {
	now := time.Now()
	for event, missing := range map[string]string{"customer.deleted": "No webhook was received for Customer Created", "order.updated": "No webhook was received for Checkout Started"} {
		lines := []executions.Line{
			{Time: now, Kind: "accept", Tracking: "customer-deleted", Event: event, Received: now, Resource: "c-1", Outcome: "accepted"},
			{Time: now, Kind: "deliver", Tracking: "customer-deleted", Event: event, Received: now, Resource: "c-1", Outcome: "delivered", Receives: 1, MessageIDs: []string{"m-1"}, Regulations: []string{"reg_1"}},
		}
		story := tell(executions.Search{Resource: "c-1", Since: time.Hour, Now: now, Store: executions.Store{Flag: " --prefix /shop"}}.Tell(executions.Of(lines)))
		for _, says := range []string{"Segment accepted the request to delete the user at ", ", as regulation reg_1.\nRun hub deletions --prefix /shop to see", missing} {
			if !strings.Contains(story, says) {
				t.Errorf("%s: it does not say %q:\n%s", event, says, story)
			}
		}
		if strings.Contains(story, "m-1") {
			t.Errorf("%s: it names a message:\n%s", event, story)
		}
	}
}

// The hub on this machine continues with the events of a hub that was stopped, without its log.
func TestTheStoryOfAnEventFromBeforeAStartSaysThatStepsAreMissing(t *testing.T) {
	const missing = "The earlier steps are not known"
	w := newWorld(t)
	w.calls(t, "order.paid", "o-1")
	search := executions.Search{Resource: "o-1", Since: time.Hour, Now: time.Now()}
	if story := tell(search.Tell(w.found(t, executions.Query{}, time.Now()))); strings.Contains(story, missing) {
		t.Errorf("before the start the story says %q:\n%s", missing, story)
	}
	w.lines = &lines{}
	w.relay.Log = slog.New(executions.Handler(w.lines.add))
	w.attempt(t)
	if story := tell(search.Tell(w.found(t, executions.Query{}, time.Now()))); !strings.Contains(story, missing) {
		t.Errorf("after the start the story does not say %q:\n%s", missing, story)
	}
}

// tell is all of a story's text.
func tell(story executions.Story) string {
	parts := []string{story.Says}
	for _, c := range story.Chapters {
		parts = append(parts, c.Says, c.Do)
		for _, step := range c.Steps {
			parts = append(parts, step.Says)
		}
	}
	return strings.Join(append(parts, story.Rest...), "\n")
}

func TestTheStoryOfWhatWasNeverSeenSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.calls(t, "order.paid", "o-1")
	for _, c := range []struct {
		name  string
		store executions.Store
		says  []string
	}{
		{"deployed", executions.Store{Flag: " --prefix /shop", Deployed: true}, []string{"hub executions --outcome rejected --prefix /shop lists", "hub reconcile --since 7d --prefix /shop finds", "--since 30d"}},
		{"here", executions.Store{}, []string{"hub executions --outcome rejected lists", "hub reconcile --since 7d finds", "hub run --keep"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now()
			found := w.found(t, executions.Query{ID: "o-2"}, now)
			story := tell(executions.Search{Resource: "o-2", Since: 7 * 24 * time.Hour, Now: now, Store: c.store}.Tell(found))
			for _, says := range append(c.says, "No webhooks about o-2 were received in the last 7 days.", "delivery logs of the integration in Commerce Manager") {
				if !strings.Contains(story, says) {
					t.Errorf("it does not say %q:\n%s", says, story)
				}
			}
		})
	}
}

// An event that stays on the queue for minutes has no receiver.
func TestAnEventWithoutAnAttemptNeedsTheOperator(t *testing.T) {
	w := newWorld(t)
	w.calls(t, "order.paid", "o-1")
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{time.Minute, false}, {5 * time.Minute, true}} {
		now := time.Now().Add(c.after)
		story := tell(executions.Search{Resource: "o-1", Since: time.Hour, Now: now}.Tell(w.found(t, executions.Query{}, now)))
		if got := strings.Contains(story, "takes too long"); got != c.want {
			t.Errorf("after %v it says\n%s", c.after, story)
		}
	}
}

func TestAQueryPicksLines(t *testing.T) {
	w := newWorld(t)
	w.calls(t, "order.paid", "o-1")
	w.calls(t, "order.paid", "o-2")
	w.calls(t, "order.fulfilled", "o-2")
	w.relay.Log.Warn("something else", "tracking", "order-completed")
	for _, c := range []struct {
		name string
		q    executions.Query
		want int
	}{
		{"all", executions.Query{}, 3},
		{"of an order", executions.Query{ID: "o-2"}, 2},
		{"of a webhook", executions.Query{ID: "w-o-1"}, 1},
		{"of its tracking", executions.Query{Trackings: []tracking.Tracking{tracking.OrderCompleted}}, 3},
		{"of another tracking", executions.Query{Trackings: []tracking.Tracking{tracking.OrderUpdated}}, 0},
		{"since a moment from now", executions.Query{From: time.Now().Add(time.Hour)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := len(w.found(t, c.q, time.Now())); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestAFilterKeepsWhatIsMeant(t *testing.T) {
	all := []executions.Execution{
		{Tracking: "order-completed", Resource: "A-1", Outcome: executions.Delivered, MessageIDs: []string{"order-completed:A-1:0-track:ff"}},
		{Tracking: "order-updated", Event: "order.updated", Outcome: executions.Retrying, Reason: "segment_429"},
		{Tracking: "order-updated", Outcome: executions.Failed, Reason: "message_invalid", Detail: "no user"},
	}
	for i := range all {
		all[i].Received = time.Now().Add(-time.Minute)
	}
	for _, c := range []struct {
		name   string
		filter executions.Query
		want   []int
	}{
		{"nothing asked for", executions.Query{}, []int{0, 1, 2}},
		{"two outcomes", executions.Query{Outcomes: []executions.Outcome{executions.Retrying, executions.Failed}}, []int{1, 2}},
		{"an id in another case", executions.Query{Text: "a-1"}, []int{0}},
		{"a messageId", executions.Query{Text: "0-track"}, []int{0}},
		{"a reason", executions.Query{Text: "SEGMENT_"}, []int{1}},
		{"a detail", executions.Query{Text: "no user"}, []int{2}},
		{"both", executions.Query{Outcomes: []executions.Outcome{executions.Retrying}, Text: "no user"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := executions.List(all).Select(c.filter, time.Now())
			if len(got) != len(c.want) {
				t.Fatalf("%d, want %d", len(got), len(c.want))
			}
			for i, at := range c.want {
				if got[i].Outcome != all[at].Outcome {
					t.Errorf("at %d is %+v", i, got[i])
				}
			}
		})
	}
}

func TestLookingBack(t *testing.T) {
	for text, want := range map[string]time.Duration{"24h": 24 * time.Hour, "7d": 168 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute} {
		if got, err := executions.ParseSince(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "7", "-1h", "0d", "week", "1.5d"} {
		if _, err := executions.ParseSince(text); err == nil || !strings.Contains(err.Error(), "for example") {
			t.Errorf("%q: the error is %v", text, err)
		}
	}
}

func TestASummaryCountsByTheHourInWhichTheyCame(t *testing.T) {
	now := time.Date(2026, 11, 24, 14, 30, 0, 0, time.Local)
	execution := func(ago time.Duration, outcome executions.Outcome, delay executions.Milliseconds) executions.Execution {
		e := executions.Execution{Received: now.Add(-ago), Outcome: outcome}
		if delay > 0 {
			e.Delay = &delay
		}
		return e
	}
	all := []executions.Execution{
		execution(time.Minute, executions.Retrying, 0),
		execution(2*time.Minute, executions.Rejected, 0),
		execution(time.Hour, executions.Failed, 0),
		execution(30*time.Hour, executions.Delivered, 7), // before the time, and tried within it
	}
	for i := range 20 {
		all = append(all, execution(time.Hour, executions.Delivered, executions.Milliseconds(i+1)*100))
	}
	s := executions.Summarize(all, now.Add(-24*time.Hour), now)
	if len(s.Parts) != 25 {
		t.Fatalf("%d parts, want 25: a day, and the hour that began before it", len(s.Parts))
	}
	last, before := s.Parts[24], s.Parts[23]
	if !last.Start.Equal(time.Date(2026, 11, 24, 14, 0, 0, 0, time.Local)) || last.Came() != 2 || last.Taken() != 1 || last.Measured() {
		t.Errorf("the last hour is %+v", last)
	}
	if before.Came() != 21 || before.Count(executions.Delivered) != 20 || before.P50 < 1000 || before.P50 > 1032 || before.P95 < 1900 || before.P95 > 1960 {
		t.Errorf("the hour before is %+v", before)
	}
	const says = "24 webhooks in the last 24 hours: 21 delivered, 1 retrying, 1 failed, 1 rejected. Event-to-Segment time: median 1.0 s, 95 % within 1.9 s."
	if got := s.Says(executions.Lookback(24 * time.Hour)); got != says {
		t.Errorf("it says %s", got)
	}
	if days := executions.Summarize(all, now.Add(-7*24*time.Hour), now); len(days.Parts) != 8 || days.Parts[7].Came() != 23 || days.Parts[6].Came() != 1 {
		t.Errorf("by the day: %+v", days.Parts)
	}
}

func TestDelaysInWords(t *testing.T) {
	for delay, want := range map[executions.Milliseconds]string{0: "0 ms", 999: "999 ms", 1234: "1.2 s", 99_000: "99.0 s", 180_000: "3 min", 7_200_000: "2 h", 259_200_000: "3 days"} {
		if got := delay.String(); got != want {
			t.Errorf("%d: %s, want %s", int64(delay), got, want)
		}
	}
}
