package spooltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

var received = time.Date(2026, 11, 24, 10, 50, 0, 123456789, time.UTC)

func put(t testing.TB, m *Memory, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := m.Put(t.Context(), relay.Envelope{Received: received, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

// visible returns the items that can be received now.
func visible(t testing.TB, m *Memory, limit int) []relay.Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	return m.Receive(ctx, limit)
}

func bodies(items []relay.Item) []string {
	var bodies []string
	for _, item := range items {
		bodies = append(bodies, string(item.Envelope.Body))
	}
	return bodies
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestMessagesAreReceivedInTheOrderOfPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		put(t, m, "a", "b", "c")
		equal(t, "first", bodies(visible(t, m, 2)), []string{"a", "b"})
		equal(t, "then", bodies(visible(t, m, 2)), []string{"c"})
		equal(t, "then", bodies(visible(t, m, 2)), []string{})
		equal(t, "counts", m.Counts(), Counts{Invisible: 3})
	})
}

func TestReceiveWaitsForTheFirstMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		got := make(chan []relay.Item)
		// Two wait. After one has received the first message, the other must still receive
		// the next.
		for range 2 {
			go func() { got <- m.Receive(t.Context(), spool.BatchSize) }()
		}
		synctest.Wait()
		put(t, m, "a")
		equal(t, "the first to wait", bodies(<-got), []string{"a"})
		synctest.Wait()
		put(t, m, "b")
		equal(t, "the second", bodies(<-got), []string{"b"})
	})
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		started := time.Now()
		equal(t, "items", m.Receive(ctx, spool.BatchSize), []relay.Item{})
		equal(t, "waited", time.Since(started), time.Minute)
	})
}

func TestAMessageThatIsNotDeletedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		put(t, m, "a")
		first := m.Receive(t.Context(), spool.BatchSize)[0]
		started := time.Now()
		second := m.Receive(t.Context(), spool.BatchSize)[0]
		equal(t, "after", time.Since(started), spool.Visibility)
		equal(t, "receives", []int{first.Receives, second.Receives}, []int{1, 2})
		m.Delete(second.Handle)
		time.Sleep(24 * time.Hour)
		equal(t, "after it is deleted", visible(t, m, spool.BatchSize), []relay.Item{})
		equal(t, "counts", m.Counts(), Counts{})
		equal(t, "bytes", m.bytes, 0)
	})
}

func TestAMessageComesBackWhenItsNextAttemptIsDue(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second, spool.Visibility + time.Second, time.Hour} {
		t.Run("after "+delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMemory()
				put(t, m, "a")
				item := m.Receive(t.Context(), spool.BatchSize)[0]
				// Another Receive already waits for the end of the visibility timeout.
				waited := make(chan time.Duration)
				started := time.Now()
				go func() {
					m.Receive(t.Context(), spool.BatchSize)
					waited <- time.Since(started)
				}()
				synctest.Wait()
				if err := m.Retry(t.Context(), item, relay.Next{In: delay, Reason: "segment_500"}); err != nil {
					t.Fatal(err)
				}
				equal(t, "came back after", <-waited, delay)
			})
		})
	}
}

// After the visibility timeout another reader may have received the item. A stale handle
// must not delete or reschedule it: if the other delivery fails, the event would be lost.
func TestAStaleHandleDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		put(t, m, "a")
		stale := m.Receive(t.Context(), spool.BatchSize)[0]
		fresh := m.Receive(t.Context(), spool.BatchSize)[0]

		m.Delete(stale.Handle)
		if err := m.Retry(t.Context(), stale, relay.Next{In: time.Hour, Reason: "segment_500"}); !errors.Is(err, errStale) {
			t.Errorf("a retry with a stale handle: got %v, want %v", err, errStale)
		}
		equal(t, "counts", m.Counts(), Counts{Invisible: 1})
		if err := m.Retry(t.Context(), fresh, relay.Next{In: 0, Reason: "segment_500"}); err != nil {
			t.Error(err)
		}
		equal(t, "received again", bodies(visible(t, m, spool.BatchSize)), []string{"a"})
	})
}

func TestAMessageWithoutAnOutcomeBecomesADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		put(t, m, "a")
		for receives := 1; receives <= spool.MaxReceives; receives++ {
			equal(t, "receives", m.Receive(t.Context(), spool.BatchSize)[0].Receives, receives)
		}
		time.Sleep(spool.RetriedFor)
		equal(t, "received after the last time", visible(t, m, spool.BatchSize), []relay.Item{})
		equal(t, "counts", m.Counts(), Counts{Dead: 1})
		letter := m.DeadLetters()[0]
		equal(t, "body", string(letter.Envelope.Body), "a")
		equal(t, "reason", letter.Failure.Reason, "receives_exhausted")
		equal(t, "receives", letter.Failure.Receives, spool.MaxReceives)
	})
}

func TestADeadLetterHasItsFailure(t *testing.T) {
	m := NewMemory()
	failure := relay.Failure{Tracking: "order-completed", Reason: "segment_400", Detail: "no", Resource: "1", Receives: 2}
	if err := m.Fail(t.Context(), relay.Envelope{Received: received, Body: []byte("a")}, failure); err != nil {
		t.Fatal(err)
	}
	letter := m.DeadLetters()[0]
	equal(t, "failure", letter.Failure, failure)
	equal(t, "body", string(letter.Envelope.Body), "a")
	equal(t, "received", letter.Envelope.Received, received)
}

// A full queue must neither grow nor drop an event that it has accepted.
func TestAFullMemoryRejectsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		m.budget = 1000
		put(t, m, "a", "b")
		e := relay.Envelope{Received: received, Body: []byte("c")}
		if err := m.Put(t.Context(), e); !errors.Is(err, ErrFull) {
			t.Errorf("Put: got %v, want %v", err, ErrFull)
		}
		if err := m.Fail(t.Context(), e, relay.Failure{}); !errors.Is(err, ErrFull) {
			t.Errorf("Fail: got %v, want %v", err, ErrFull)
		}
		m.Delete(m.Receive(t.Context(), 1)[0].Handle)
		put(t, m, "c")
		equal(t, "holds", bodies(visible(t, m, spool.BatchSize)), []string{"b", "c"})
	})
}

func TestServeDeliversUpToFiveBatchesOfTenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		for i := range 200 {
			put(t, m, fmt.Sprint(i))
		}
		var mu sync.Mutex
		var running, most, total int
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() {
			spool.Serve(ctx, m, func(_ context.Context, items []relay.Item) []string {
				mu.Lock()
				running++
				most = max(most, running)
				total += len(items)
				mu.Unlock()
				if len(items) != spool.BatchSize {
					t.Errorf("a batch of %d", len(items))
				}
				time.Sleep(time.Second)
				mu.Lock()
				running--
				mu.Unlock()
				return nil
			})
			close(served)
		}()
		time.Sleep(time.Minute)
		stop()
		<-served
		equal(t, "delivered", total, 200)
		equal(t, "at the same time", most, spool.Concurrency)
		equal(t, "counts", m.Counts(), Counts{})
	})
}

func TestServeKeepsTheItemsThatDeliverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		put(t, m, "good", "bad", "good")
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		spool.Serve(ctx, m, func(_ context.Context, items []relay.Item) (keep []string) {
			for _, item := range items {
				if string(item.Envelope.Body) == "bad" {
					keep = append(keep, item.Handle)
				}
			}
			return keep
		})
		equal(t, "counts", m.Counts(), Counts{Invisible: 1})
		time.Sleep(spool.Visibility)
		equal(t, "kept", bodies(visible(t, m, spool.BatchSize)), []string{"bad"})
	})
}

// Stopping the hub must not interrupt a delivery. Otherwise Segment would receive a
// message whose event is still on the queue.
func TestServeFinishesRunningBatchesWhenItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		put(t, m, "a")
		ctx, stop := context.WithCancel(t.Context())
		var deliveryErr error
		var within time.Duration
		spool.Serve(ctx, m, func(ctx context.Context, _ []relay.Item) []string {
			deadline, _ := ctx.Deadline()
			within = time.Until(deadline)
			stop()
			time.Sleep(time.Second)
			deliveryErr = ctx.Err()
			return nil
		})
		equal(t, "the delivery's context", deliveryErr, nil)
		equal(t, "the delivery's time", within, 9*time.Second)
		equal(t, "counts", m.Counts(), Counts{})
	})
}

// Many concurrent calls, for the race detector: no message is lost, and none is delivered
// twice while its handle is valid.
func TestConcurrentCallsLoseNothing(t *testing.T) {
	m := NewMemory()
	const puts, producers = 500, 4
	var mu sync.Mutex
	seen := make(map[string]int)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()

	var work sync.WaitGroup
	for p := range producers {
		work.Go(func() {
			for i := range puts {
				put(t, m, fmt.Sprint(p, "/", i))
				if i%100 == 0 {
					m.Counts()
					m.DeadLetters()
				}
			}
		})
	}
	work.Go(func() {
		spool.Serve(ctx, m, func(ctx context.Context, items []relay.Item) (keep []string) {
			mu.Lock()
			defer mu.Unlock()
			for _, item := range items {
				// Some messages are retried once.
				if item.Receives == 1 && len(item.Envelope.Body)%3 == 0 {
					if err := m.Retry(ctx, item, relay.Next{In: time.Millisecond, Reason: "segment_500"}); err != nil {
						t.Error(err)
					}
					keep = append(keep, item.Handle)
					continue
				}
				seen[string(item.Envelope.Body)]++
			}
			if len(seen) == puts*producers {
				stop()
			}
			return keep
		})
	})
	work.Wait()
	equal(t, "different messages", len(seen), puts*producers)
	for body, times := range seen {
		if times != 1 {
			t.Errorf("%s was delivered %d times", body, times)
		}
	}
	equal(t, "counts", m.Counts(), Counts{})
}

func BenchmarkMemory(b *testing.B) {
	for _, waiting := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			m := NewMemory()
			for range waiting {
				put(b, m, "a")
			}
			for range waiting {
				item := m.Receive(b.Context(), 1)[0]
				if err := m.Retry(b.Context(), item, relay.Next{In: time.Hour, Reason: "segment_500"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				put(b, m, "b")
				m.Delete(m.Receive(b.Context(), 1)[0].Handle)
			}
		})
	}
}

// Each dead letter that matches is moved once, and the others stay.
func TestMemoryRedrivesThoseThatMatch(t *testing.T) {
	m := NewMemory()
	for i := range 1000 {
		reason := []string{"segment_400", "message_invalid"}[i%2]
		if err := m.Fail(t.Context(), relay.Envelope{Body: fmt.Appendf(nil, `{"n":%d}`, i)}, relay.Failure{Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	moved := m.Redrive(func(l spool.DeadLetter) bool { return l.Failure.Reason == "segment_400" })
	if counts := m.Counts(); moved != 500 || counts.Visible != 500 || counts.Dead != 500 {
		t.Errorf("moved %d, then there are %+v", moved, counts)
	}
	came := map[string]bool{}
	for len(came) < 500 {
		for _, item := range m.Receive(t.Context(), spool.BatchSize) {
			if text := string(item.Envelope.Body); came[text] || item.Receives != 1 {
				t.Fatalf("%s was received twice, or at attempt %d", text, item.Receives)
			} else {
				came[text] = true
			}
			m.Delete(item.Handle)
		}
	}
	one := m.DeadLetters()[7].ID
	if moved := m.Redrive(func(l spool.DeadLetter) bool { return l.ID == one }); moved != 1 || len(m.DeadLetters()) != 499 {
		t.Errorf("for one id it moved %d", moved)
	}
}

// A batch of ten large bodies would use too much memory.
func TestLargeBodiesAreHandedOutOneByOne(t *testing.T) {
	m := NewMemory()
	large := strings.Repeat("a", spool.BatchBytes)
	put(t, m, large, "small", "small", large, large, "small")
	for _, want := range []int{1, 3, 1, 1} {
		equal(t, "bodies in a batch", len(m.Receive(t.Context(), spool.BatchSize)), want)
	}
}
