package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/spool/spooltest"
	"commerce-segment/shared/tracking"
)

const (
	secret   = "secret_squirrel"
	writeKey = "write_key_1"
	personal = "ron.swanson@moltin.com" // in every webhook, and nowhere in a log

	// echo is the smallest template that is one: its message names the order.
	echo = `{"event": "Order Completed", "properties": {"order_id": payload.data.id}}`
)

// world is a relay with real parts: real templates, a real client to a stand-in
// for Segment, a queue in memory.
type world struct {
	relay    *relay.Relay
	settings *settings
	spool    *spySpool
	segment  *standIn
	log      *logBook
}

func newWorld(t testing.TB) *world { return newWorldAnswering(t, nil) }

// newWorldAnswering is a world with another Segment than the stand-in, unless it is nil.
func newWorldAnswering(t testing.TB, segment http.HandlerFunc) *world {
	w := newWorldOver(nil)
	var answers http.Handler = w.segment
	if segment != nil {
		answers = segment
	}
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	w.settings.config.Segment.Host = server.URL
	return w
}

// newWorldOver is a world with another transport than the network, for benchmarks
// and for tests in a bubble, in which waiting for the network stops the clock.
func newWorldOver(transport http.RoundTripper) *world {
	w := &world{
		settings: &settings{config: relay.Config{
			Enabled:  true,
			Events:   []string{"order.paid"},
			Template: echo,
			Secrets:  commerce.Secrets{secret},
			Segment:  segment.Endpoint{Host: "https://segment.test", Path: "/v1/batch", WriteKey: writeKey},
		}},
		spool:   &spySpool{Memory: spooltest.NewMemory()},
		segment: &standIn{},
		log:     &logBook{},
	}
	w.relay = &relay.Relay{
		Tracking:      tracking.OrderCompleted,
		Configuration: w.settings,
		Spool:         w.spool,
		Segment:       segment.NewClient(transport),
		Log:           slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	return w
}

// accept posts a webhook, as Commerce does.
func (w *world) accept(t testing.TB, key, body string) relay.Answer {
	t.Helper()
	return w.relay.Accept(t.Context(), key, []byte(body))
}

// deliver has the relay deliver what is visible, and ends what it does not keep.
func (w *world) deliver(t testing.TB) (kept []relay.Item) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	items := w.spool.Receive(ctx, spool.BatchSize)
	keep := w.relay.Deliver(t.Context(), items)
	for _, item := range items {
		if slices.Contains(keep, item.Handle) {
			kept = append(kept, item)
		} else {
			w.spool.Delete(item.Handle)
		}
	}
	return kept
}

// webhook is an order.paid of that order.
func webhook(order string) string { return webhookOf("order.paid", order) }

func webhookOf(event, order string) string {
	return fmt.Sprintf(`{"id":"w-%[2]s","triggered_by":%[1]q,"attempt":2,`+
		`"configuration":{"secret_key":%[3]q},`+
		`"payload":{"data":{"type":"order","id":%[2]q,"customer":{"email":%[4]q},`+
		`"meta":{"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:50:00Z"}}}}}`,
		event, order, secret, personal)
}

// settings is a relay.Configuration. Reload gives what rotated holds, once it is
// set, as Parameter Store would.
type settings struct {
	mu      sync.Mutex
	config  relay.Config
	err     error
	rotated commerce.Secrets
	reloads int
}

func (s *settings) Current(context.Context) (relay.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config, s.err
}

func (s *settings) Reload(context.Context) (relay.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reloads++
	if s.rotated != nil {
		s.config.Secrets = s.rotated
	}
	return s.config, s.err
}

func (s *settings) change(change func(*relay.Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.config)
}

// spySpool is the queue in memory, which fails where it is told to and writes
// down the delays.
type spySpool struct {
	*spooltest.Memory
	mu                        sync.Mutex
	putErr, retryErr, failErr error
	age                       time.Duration // of what is put: it came so long ago
	delays                    []time.Duration
}

func (s *spySpool) Put(ctx context.Context, e relay.Envelope) error {
	if s.putErr != nil {
		return s.putErr
	}
	e.Received = e.Received.Add(-s.age)
	return s.Memory.Put(ctx, e)
}

func (s *spySpool) Retry(ctx context.Context, item relay.Item, delay time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err() // as a client of SQS does
	}
	if s.retryErr != nil {
		return s.retryErr
	}
	s.mu.Lock()
	s.delays = append(s.delays, delay)
	s.mu.Unlock()
	return s.Memory.Retry(ctx, item, delay)
}

func (s *spySpool) Fail(ctx context.Context, e relay.Envelope, b relay.Failure) error {
	if s.failErr != nil {
		return s.failErr
	}
	return s.Memory.Fail(ctx, e, b)
}

// standIn is Segment: it answers as it is told, and writes down what it took.
type standIn struct {
	mu      sync.Mutex
	answer  func(w http.ResponseWriter, orders []string) // nil: 200
	batches [][]json.RawMessage                          // of every request
	taken   []string                                     // orders of the messages that got a 2xx
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var body struct {
		Batch []json.RawMessage `json:"batch"`
	}
	raw, _ := io.ReadAll(request.Body)
	if err := json.Unmarshal(raw, &body); err != nil {
		panic(err)
	}
	orders := make([]string, len(body.Batch))
	for i, message := range body.Batch {
		orders[i] = orderOf(message)
	}
	answer := httptest.NewRecorder()
	s.mu.Lock()
	s.batches = append(s.batches, body.Batch)
	script := s.answer
	s.mu.Unlock()
	if script != nil {
		script(answer, orders)
	}
	s.mu.Lock()
	if answer.Code < 300 {
		s.taken = append(s.taken, orders...)
	}
	s.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

func orderOf(message json.RawMessage) string {
	var m struct {
		Properties struct {
			Order string `json:"order_id"`
		}
	}
	_ = json.Unmarshal(message, &m) // what is no message has no order
	return m.Properties.Order
}

// status makes Segment answer that to everything.
func status(code int) func(http.ResponseWriter, []string) {
	return func(w http.ResponseWriter, _ []string) {
		w.WriteHeader(code)
		fmt.Fprint(w, "Segment's own words, of "+personal)
	}
}

// statusFor makes Segment answer that to any request with that order in it.
func statusFor(codes map[string]int) func(http.ResponseWriter, []string) {
	return func(w http.ResponseWriter, orders []string) {
		for _, order := range orders {
			if code, ok := codes[order]; ok {
				w.WriteHeader(code)
				return
			}
		}
	}
}

// logBook is where the relay logs to.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// line is what a test looks at of a log line.
type line struct {
	Msg, Level, Tracking, Event, Outcome, Reason, Detail, Resource, Unsettled, Stack string

	WebhookID  string   `json:"webhook_id"`
	MessageIDs []string `json:"message_ids"`
	RetryIn    string   `json:"retry_in"`
	Attempt    int
	Receives   int
	Received   time.Time
	Happened   time.Time
	Ms         *int64
}

// lines are the log lines of that kind: "accept" or "deliver".
func (l *logBook) lines(t testing.TB, kind string) []line {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []line
	for text := range strings.Lines(l.text.String()) {
		var one line
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Fatalf("a log line that is not JSON: %v: %s", err, text)
		}
		if one.Msg == kind {
			lines = append(lines, one)
		}
	}
	return lines
}

// last is the last log line of that kind.
func (l *logBook) last(t testing.TB, kind string) line {
	t.Helper()
	lines := l.lines(t, kind)
	if len(lines) == 0 {
		t.Fatalf("there is no log line %q", kind)
	}
	return lines[len(lines)-1]
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

var errDown = errors.New("the queue is down")
