package account_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/emulator/account"
	"commerce-segment/shared/commerce"
	segmentclient "commerce-segment/shared/segment"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

const (
	secret   = "secret_squirrel"
	writeKey = "abcdefghijklmnopqrstuvwxyz123456"
)

// size is how large an account and its store are.
type size struct {
	concurrency int           // of the account
	deliveries  int           // MaximumConcurrency of the mappings
	window      time.Duration // of the mappings
}

// store is a deployed store: the seven functions with their queues, as package stack
// provisions them.
type store struct {
	account   *account.Account
	segment   *segment
	functions map[string]*account.Function
	queues    map[string]*account.Queue // of all kinds, by their names
	bodies    map[string]sample
	random    *rand.Rand
	posted    int

	mu         sync.Mutex
	parameters map[string]string
	statuses   map[int]int // of the answers to webhooks
	posting    sync.WaitGroup
}

// run runs a test with a store in virtual time.
func run(t *testing.T, s size, test func(t *testing.T, s *store)) {
	t.Helper()
	samples := readSamples(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.December, 1, 8, 0, 0, 0, time.UTC)))
		ctx, end := context.WithCancel(t.Context())
		store := newStore(ctx, s, samples)
		test(t, store)
		store.posting.Wait()
		end()
		store.account.Close()
	})
}

func newStore(ctx context.Context, size size, samples map[string]sample) *store {
	cloud := account.New(size.concurrency)
	s := &store{
		account: cloud, segment: newSegment(cloud.Between), functions: map[string]*account.Function{},
		queues: map[string]*account.Queue{}, bodies: samples, random: rand.New(rand.NewPCG(3, 4)),
		parameters: map[string]string{settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret},
		statuses:   map[int]int{},
	}
	for _, tracked := range tracking.All() {
		if tracked.Optional { // the account of a usual store has no others
			continue
		}
		dead := cloud.Queue(spool.Visibility, nil, 0)
		queue := cloud.Queue(spool.Visibility, dead, spool.MaxReceives)
		waiting := cloud.Queue(spool.Visibility, dead, spool.MaxWaitingReceives)
		urls := urlsOf(tracked)
		s.queues[urls.Queue], s.queues[urls.Waiting], s.queues[urls.DeadLetters] = queue, waiting, dead
		function := cloud.Function(func(ctx context.Context) (account.Handler, func()) { return s.start(ctx, tracked) })
		s.functions[tracked.Name] = function
		cloud.Map(ctx, account.Mapping{Queue: queue, Function: function, MaximumConcurrency: size.deliveries, Window: size.window})
		function.EveryMinute(ctx)
	}
	return s
}

// urlsOf returns the keys of the queues of a tracking.
func urlsOf(t tracking.Tracking) spool.URLs {
	return spool.URLs{Queue: t.Name, Waiting: t.Name + "-waiting", DeadLetters: t.Name + "-dead-letters"}
}

// start starts an instance of a function, as serve.Lambda does.
func (s *store) start(ctx context.Context, tracked tracking.Tracking) (account.Handler, func()) {
	client := account.Client{Account: s.account, Queues: s.queues}
	log := slog.New(slog.NewJSONHandler(s.account.Log(), nil))
	cache := &settings.Cache{Tracking: tracked, Source: s, OnError: func(err error) { log.Error(err.Error()) }}
	f := serve.NewFunctionWithQueues(tracked, cache, spool.NewSQS(client, urlsOf(tracked)), log)
	f.Relay.Segment.Close()
	f.Relay.Segment = segmentclient.NewClient(&connection{segment: s.segment})
	f.Relay.MetricsPrefix = "/commerce-segment"
	_, _ = cache.Current(ctx)
	return f, f.Relay.Segment.Close
}

// Parameters implements settings.Source.
func (s *store) Parameters(ctx context.Context, names []string) (map[string]string, error) {
	if err := s.account.ReadParameters(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.parameters), nil
}

// set changes a parameter.
func (s *store) set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parameters[name] = value
}

// mix is how often the webhooks of a tracking come, of 100.
var mix = map[string]int{
	tracking.OrderUpdated.Name: 34, tracking.CheckoutStarted.Name: 20, tracking.OrderCompleted.Name: 16,
	tracking.CustomerUpdated.Name: 14, tracking.CustomerCreated.Name: 9, tracking.OrderCancelled.Name: 4, tracking.OrderRefunded.Name: 3,
}

// anyTracking returns the name of a tracking, as often as the mix says.
func (s *store) anyTracking() string {
	n := s.random.IntN(100)
	for _, t := range tracking.All() {
		if n -= mix[t.Name]; n < 0 {
			return t.Name
		}
	}
	panic("the mix is not 100")
}

// receives posts webhooks at a rate a second, in random intervals, for a time.
func (s *store) receives(rate float64, during time.Duration) {
	for end := time.Now().Add(during); ; {
		time.Sleep(time.Duration(s.random.ExpFloat64() / rate * float64(time.Second)))
		if !time.Now().Before(end) {
			return
		}
		name := s.anyTracking()
		s.post(name)
	}
}

// post posts the next webhook, about an order or a customer of its own.
func (s *store) post(name string) {
	number := s.posted
	s.posted++
	s.posting.Go(func() {
		posted := time.Now()
		s.segment.expect(number, posted)
		request := events.APIGatewayV2HTTPRequest{
			Version: "2.0", RawPath: serve.Route(name), Body: s.bodies[name].about(number),
			Headers: map[string]string{"content-type": "application/json", "x-moltin-secret-key": secret},
		}
		request.RequestContext.HTTP.Method = http.MethodPost
		status := s.functions[name].Request(context.Background(), request)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.statuses[status]++
		if status != http.StatusAccepted {
			s.segment.forget(number)
		}
	})
}

// drains waits until Segment has every event, and a little longer. It returns how long it took since the repair
// until Segment had those from before.
func (s *store) drains(t *testing.T, within time.Duration) time.Duration {
	t.Helper()
	s.posting.Wait()
	for end := time.Now().Add(within); s.segment.missing() > 0; time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Errorf("after %v Segment still has not %d events", within, s.segment.missing())
			break
		}
	}
	time.Sleep(2 * time.Minute) // an event that is still on a queue would be delivered again
	s.segment.mu.Lock()
	defer s.segment.mu.Unlock()
	return s.segment.complete.Sub(s.segment.repaired)
}

// peakInFlight returns the most messages in flight on a queue.
func (s *store) peakInFlight() (most int) {
	for _, q := range s.queues {
		most = max(most, q.Counts().PeakInFlight)
	}
	return most
}

// lostNothing checks that all webhooks but a number were answered 202, and every event that was
// accepted was delivered.
func (s *store) lostNothing(t *testing.T, refused int) {
	t.Helper()
	usage := s.account.Usage()
	if s.posted-s.statuses[http.StatusAccepted] > refused {
		t.Errorf("of %d webhooks %d were accepted: %v", s.posted, s.statuses[http.StatusAccepted], s.statuses)
	}
	if usage.TimedOut > 0 || usage.Recursions > 0 {
		t.Errorf("%d executions exceeded their time limit, and recursion detection stopped %d", usage.TimedOut, usage.Recursions)
	}
	for name, q := range s.queues {
		if counts := q.Counts(); counts.Visible+counts.InFlight+counts.Expired > 0 {
			t.Errorf("the queue %s is not empty, or has lost events: %+v", name, counts)
		}
	}
	if s.segment.missing() > 0 || s.segment.duplicates > 0 {
		t.Errorf("Segment never received %d events, and received %d twice", s.segment.missing(), s.segment.duplicates)
	}
}

// report logs what Segment received since the repair, and what everything cost.
func (s *store) report(t *testing.T) {
	t.Helper()
	second, requests := s.segment.busiestSecond()
	t.Logf("after the repair: at most %d requests at the same time, at most %d in a second (second %d), all from before delivered within %.0f s, those that came two minutes later within %.0f s",
		s.segment.peak, requests, second, s.segment.complete.Sub(s.segment.repaired).Seconds(), s.segment.slowest.Seconds())
	for _, at := range s.account.Usage().Refused {
		t.Logf("a webhook was refused %.1f s after Segment ceased to work", at.Sub(s.segment.broken).Seconds())
	}
	t.Logf("at most %d events in flight on a queue", s.peakInFlight())
	t.Logf("%v", s.account.Usage())
}

// sample is a webhook of the folder templates, with the id of its order or customer.
type sample struct {
	body []byte
	id   []byte
}

// about returns the webhook with another id.
func (s sample) about(number int) string {
	return string(bytes.ReplaceAll(s.body, s.id, fmt.Appendf(nil, "%s%012d", resourcePrefix, number)))
}

// readSamples reads the smallest sample of each tracking that its default template sends.
func readSamples(t *testing.T) map[string]sample {
	t.Helper()
	files := map[string]string{
		"checkout-started": "digital", "customer-created": "new-customer", "customer-updated": "custom-fields",
		"order-cancelled": "guest", "order-completed": "no-lines", "order-refunded": "tax-inclusive", "order-updated": "no-lines",
	}
	samples := map[string]sample{}
	for name, file := range files {
		body, err := os.ReadFile(filepath.Join("..", "..", "..", "templates", "testdata", name, file+".webhook.json"))
		if err != nil {
			t.Fatal(err)
		}
		id := resourceID(t, body)
		samples[name] = sample{body, []byte(id)}
	}
	return samples
}

// resourceID returns the id of the order or the customer of a webhook.
func resourceID(t *testing.T, body []byte) string {
	t.Helper()
	webhook, err := commerce.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return webhook.ResourceID
}
