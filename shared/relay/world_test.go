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

	// echo is a minimal template. Its message names the order.
	echo = `{"event": "Order Completed", "properties": {"order_id": payload.data.id}}`
)

// world is a relay with real parts: real templates, a real client with a test server for
// Segment, and a queue in memory.
type world struct {
	relay    *relay.Relay
	settings *settings
	spool    *spySpool
	segment  *standIn
	log      *logBook
}

func newWorld(t testing.TB) *world { return newWorldAnswering(t, nil) }

// newWorldAnswering returns a world with the given Segment. Nil means the test server.
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

// newWorldOver returns a world with another transport than the network, for benchmarks
// and for tests in a synctest bubble, whose clock stops while a test waits for the network.
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

// accept accepts a webhook.
func (w *world) accept(t testing.TB, key, body string) relay.Answer {
	t.Helper()
	return w.relay.Accept(t.Context(), key, []byte(body))
}

// deliver makes the relay deliver all visible items, and deletes those that it does not keep.
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

// webhook returns an order.paid webhook about an order.
func webhook(order string) string { return webhookOf("order.paid", order) }

func webhookOf(event, order string) string {
	return fmt.Sprintf(`{"id":"w-%[2]s","triggered_by":%[1]q,"attempt":2,`+
		`"configuration":{"secret_key":%[3]q},`+
		`"payload":{"data":{"type":"order","id":%[2]q,"customer":{"email":%[4]q},`+
		`"meta":{"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:50:00Z"}}}}}`,
		event, order, secret, personal)
}

// settings is a relay.Configuration. Reload replaces the secrets with rotated, if it is
// set.
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

// spySpool is the queue in memory. It fails with the given errors, and records the delays.
type spySpool struct {
	*spooltest.Memory
	mu                        sync.Mutex
	putErr, retryErr, failErr error
	age                       time.Duration // how old the events are that are put
	delays, notBefore         []time.Duration
}

func (s *spySpool) Put(ctx context.Context, e relay.Envelope) error {
	if s.putErr != nil {
		return s.putErr
	}
	e.Received = e.Received.Add(-s.age)
	return s.Memory.Put(ctx, e)
}

func (s *spySpool) Retry(ctx context.Context, item relay.Item, next relay.Next) error {
	if ctx.Err() != nil {
		return ctx.Err() // as a client of SQS does
	}
	if s.retryErr != nil {
		return s.retryErr
	}
	s.mu.Lock()
	s.delays = append(s.delays, next.In)
	s.notBefore = append(s.notBefore, next.NotBefore)
	s.mu.Unlock()
	return s.Memory.Retry(ctx, item, next)
}

func (s *spySpool) Fail(ctx context.Context, e relay.Envelope, b relay.Failure) error {
	if s.failErr != nil {
		return s.failErr
	}
	return s.Memory.Fail(ctx, e, b)
}

// standIn is a Segment for tests: it answers as configured, and records what it accepted.
type standIn struct {
	mu      sync.Mutex
	answer  func(w http.ResponseWriter, orders []string) // nil: 200
	batches [][]json.RawMessage                          // one for each request
	taken   []string                                     // the orders of the messages that were answered with 2xx
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
	_ = json.Unmarshal(message, &m) // other messages have no order
	return m.Properties.Order
}

// status makes Segment answer every request with a status code.
func status(code int) func(http.ResponseWriter, []string) {
	return func(w http.ResponseWriter, _ []string) {
		w.WriteHeader(code)
		fmt.Fprint(w, "a text of Segment about "+personal)
	}
}

// statusFor makes Segment answer a request with the status code of an order in it.
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

// logBook is the log of the relay.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// line has the members of a log line that tests read.
type line struct {
	Msg, Level, Tracking, Event, Outcome, Reason, Detail, Resource, Unsettled, Stack string

	WebhookID  string   `json:"webhook_id"`
	MessageIDs []string `json:"message_ids"`
	RetryIn    string   `json:"retry_in"`
	Messages   int
	Calls      []segment.Calls
	Revenue    json.Number
	Currency   string
	Number     string
	Total      string
	Attempt    int
	Receives   int
	Received   time.Time
	EventTime  time.Time `json:"event_time"`
	Ms         *int64
	// LeftOut is how many optional calls of $commerce had no answer.
	LeftOut       int    `json:"left_out"`
	LeftOutReason string `json:"left_out_reason"`
}

// lines returns the log lines of a kind: "accept" or "deliver".
func (l *logBook) lines(t testing.TB, kind string) []line {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []line
	for text := range strings.Lines(l.text.String()) {
		var one line
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Fatalf("a log line is not JSON: %v: %s", err, text)
		}
		if one.Msg == kind {
			lines = append(lines, one)
		}
	}
	return lines
}

// last returns the last log line of a kind.
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
