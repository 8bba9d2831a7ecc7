package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/hub/measure"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// outage is a delivery that fails until it is repaired. Events with the body "odd" always fail,
// and those with the body "skipped" or "failed" have that outcome.
type outage struct {
	mu       sync.Mutex
	down     bool
	attempts map[string]int
	queue    *queue.Queue
	recovery *recovery
}

func (o *outage) repair() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = false
}

// deliver retries an event that fails after an hour.
func (o *outage) deliver(ctx context.Context, items []relay.Item) (keep []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, item := range items {
		body := string(item.Envelope.Body)
		o.attempts[body]++
		outcome := "delivered"
		switch {
		case body == "skipped" || body == "failed":
			outcome = body
		case o.down || body == "odd":
			outcome = "retrying"
			_ = o.queue.Retry(ctx, item, relay.Next{In: time.Hour, Reason: "segment_500"})
			keep = append(keep, item.Handle)
		}
		o.recovery.measured(relay.Measurement{Outcome: outcome})
	}
	return keep
}

// afterAnOutage runs a test in virtual time. Delivery is down, and the first attempts of 25
// events and of an odd one have failed.
func afterAnOutage(t *testing.T, test func(t *testing.T, o *outage, r *recovery)) {
	synctest.Test(t, func(t *testing.T) {
		store, err := queue.Open(t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		q := store.Queue(tracking.OrderCompleted.Name)
		o := &outage{down: true, attempts: map[string]int{}, queue: q}
		r := newRecovery(tracking.OrderCompleted, q, slog.New(slog.DiscardHandler))
		o.recovery = r
		for i := range 25 {
			put(t, q, fmt.Sprint(i))
		}
		put(t, q, "odd")
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() {
			spool.Serve(ctx, q, r.watch(o.deliver))
			close(served)
		}()
		defer func() { stop(); <-served }()
		time.Sleep(time.Minute)
		test(t, o, r)
	})
}

func put(t *testing.T, q *queue.Queue, body string) {
	t.Helper()
	if err := q.Put(t.Context(), relay.Envelope{Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

// leaves fails unless that many events are still on the queue 30 seconds later.
func (o *outage) leaves(t *testing.T, want int) {
	t.Helper()
	time.Sleep(30 * time.Second)
	if got := o.queue.Status().Waiting; got != want {
		t.Errorf("%d events are on the queue after 30 s, want %d", got, want)
	}
}

func TestASuccessAttemptsTheRetryingEvents(t *testing.T) {
	afterAnOutage(t, func(t *testing.T, o *outage, _ *recovery) {
		o.leaves(t, 26)
		o.repair()
		o.leaves(t, 26)
		put(t, o.queue, "new")
		o.leaves(t, 1)
		// Each later success must not attempt the odd event again.
		for i := range 10 {
			put(t, o.queue, fmt.Sprint("later ", i))
		}
		o.leaves(t, 1)
		if got := o.attempts["odd"]; got != 2 {
			t.Errorf("the odd event was attempted %d times, want 2: once before, and once early", got)
		}
	})
}

// An event that is skipped, or that becomes a dead letter, does not show that Segment works again.
func TestOnlyADeliveryAttemptsTheRetryingEvents(t *testing.T) {
	afterAnOutage(t, func(t *testing.T, o *outage, _ *recovery) {
		before := total(o)
		put(t, o.queue, "skipped")
		o.leaves(t, 26)
		put(t, o.queue, "failed")
		o.leaves(t, 26)
		if got := total(o) - before; got != 2 {
			t.Errorf("%d events were attempted, want the 2 new ones", got)
		}
	})
}

func TestTheDeliveriesOfATrackingAreMeasuredForItsRecovery(t *testing.T) {
	store, err := queue.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := newWebhooks("", func(tracking.Tracking) relay.Configuration { return nil }, nil, store, nil, measure.NewMeter(store), 0, slog.New(slog.DiscardHandler))
	h.functions[tracking.OrderUpdated.Name].Relay.Measured(relay.Measurement{Outcome: "delivered"})
	for name, r := range h.recoveries {
		if got := r.afterBatch() > 0; got != (name == tracking.OrderUpdated.Name) {
			t.Errorf("a delivery of order-updated attempts events of %s: %t", name, got)
		}
	}
}

func TestAChangeOfTheSettingsAttemptsAFewEventsFirst(t *testing.T) {
	afterAnOutage(t, func(t *testing.T, o *outage, r *recovery) {
		before := total(o)
		r.settingsChanged() // which does not help
		o.leaves(t, 26)
		if got := total(o) - before; got != firstRetried {
			t.Errorf("%d events were attempted, want %d", got, firstRetried)
		}
		o.repair()
		r.settingsChanged()
		o.leaves(t, 1)
	})
}

func total(o *outage) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, attempts := range o.attempts {
		n += attempts
	}
	return n
}

func TestOnlyTheTrackingsWhoseSettingsChangeAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stable := settings.NewStableDir(settings.Dir(dir), append(settings.Names(tracking.OrderCompleted), settings.Names(tracking.OrderUpdated)...))
		stable.Take()
		ctx, stop := context.WithCancel(t.Context())
		store, err := queue.Open(t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		recoveries := map[string]*recovery{}
		for _, tr := range []tracking.Tracking{tracking.OrderCompleted, tracking.OrderUpdated} {
			q := store.Queue(tr.Name)
			put(t, q, "a")
			item := q.Receive(t.Context(), 1)[0]
			if err := q.Retry(t.Context(), item, relay.Next{In: time.Hour, Reason: "template"}); err != nil {
				t.Fatal(err)
			}
			recoveries[tr.Name] = newRecovery(tr, q, slog.New(slog.DiscardHandler))
		}
		done := make(chan struct{})
		go func() { followSettings(ctx, stable, recoveries); close(done) }()
		defer func() { stop(); <-done }()
		synctest.Wait()
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "templates"), 0o700), os.WriteFile(filepath.Join(dir, "templates", "order-completed"), []byte("{}"), 0o600)); err != nil {
			t.Fatal(err)
		}
		stable.Take()
		synctest.Wait()
		for name, want := range map[string]int{"order-completed": 0, "order-updated": 1} {
			if _, waiting, err := recoveries[name].queue.Waiting(0, func(queue.Waiting) bool { return true }); err != nil || waiting != want {
				t.Errorf("%s has %d retrying events, %v, want %d", name, waiting, err, want)
			}
		}
	})
}
