package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

var when = time.Date(2026, 11, 24, 10, 50, 0, 123456789, time.UTC)

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newQueue(t testing.TB) *Queue {
	t.Helper()
	s := openStore(t, t.TempDir())
	t.Cleanup(func() { s.Close() })
	return s.Queue("order-completed")
}

func put(t testing.TB, q *Queue, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := q.Put(t.Context(), relay.Envelope{Received: when, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

// visible returns the events that can be received now.
func visible(t testing.TB, q *Queue, limit int) []relay.Item {
	t.Helper()
	file, next := q.store.due(q.name)
	if file == nil || next.After(time.Now()) {
		return nil
	}
	items, err := q.receive(file, limit)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func remove(t testing.TB, q *Queue, items ...relay.Item) {
	t.Helper()
	for _, item := range items {
		if err := q.Delete(item.Handle); err != nil {
			t.Fatal(err)
		}
	}
}

func bodies(items []relay.Item) []string {
	var bodies []string
	for _, item := range items {
		bodies = append(bodies, string(item.Envelope.Body))
	}
	return bodies
}

func letters(t testing.TB, q *Queue) (list []spool.DeadLetter) {
	t.Helper()
	for letter, err := range q.DeadLetters() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, letter)
	}
	return list
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestEventsAreReceivedInTheOrderOfPut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		put(t, q, "a", "b", "c")
		equal(t, "first", bodies(visible(t, q, 2)), []string{"a", "b"})
		equal(t, "then", bodies(visible(t, q, 2)), []string{"c"})
		equal(t, "then", bodies(visible(t, q, 2)), []string{})
		equal(t, "status", q.Status(), Status{Waiting: 3, Oldest: when})
	})
}

func TestReceiveWaitsForTheFirstEvent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		got := make(chan []relay.Item)
		for range 2 { // one of them takes the first event, and the other one must receive the next
			go func() { got <- q.Receive(t.Context(), spool.BatchSize) }()
		}
		time.Sleep(time.Second)
		put(t, q, "a")
		equal(t, "the first", bodies(<-got), []string{"a"})
		time.Sleep(time.Second)
		put(t, q, "b")
		equal(t, "the second", bodies(<-got), []string{"b"})
	})
}

func TestAnEventThatIsNotDeletedIsReceivedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		put(t, q, "a")
		first := q.Receive(t.Context(), spool.BatchSize)[0]
		started := time.Now()
		second := q.Receive(t.Context(), spool.BatchSize)[0]
		equal(t, "after", time.Since(started).Round(time.Millisecond), spool.Visibility)
		equal(t, "receives", []int{first.Receives, second.Receives}, []int{1, 2})
		remove(t, q, second)
		time.Sleep(24 * time.Hour)
		equal(t, "after it is deleted", len(visible(t, q, spool.BatchSize)), 0)
		equal(t, "status", q.Status(), Status{})
	})
}

func TestARetriedEventIsReceivedAfterTheDelay(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second, spool.Visibility + time.Second, time.Hour} {
		t.Run("after "+delay.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				q := newQueue(t)
				put(t, q, "a")
				item := q.Receive(t.Context(), spool.BatchSize)[0]
				waited := make(chan time.Duration)
				started := time.Now()
				go func() {
					q.Receive(t.Context(), spool.BatchSize)
					waited <- time.Since(started)
				}()
				if err := q.Retry(t.Context(), item, relay.Next{In: delay, Reason: "segment_500"}); err != nil {
					t.Fatal(err)
				}
				equal(t, "received after", (<-waited).Round(time.Millisecond), delay)
			})
		})
	}
}

// A delivery that took longer than the visibility timeout must not delete or retry an event
// that another delivery has received: if that one failed, the event would be lost.
func TestAnOldHandleHasNoEffect(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		put(t, q, "a")
		stale := q.Receive(t.Context(), spool.BatchSize)[0]
		fresh := q.Receive(t.Context(), spool.BatchSize)[0]
		remove(t, q, stale)
		if err := q.Retry(t.Context(), stale, relay.Next{In: time.Hour, Reason: "segment_500"}); !errors.Is(err, errStale) {
			t.Errorf("retrying with an old handle: got %v, want %v", err, errStale)
		}
		equal(t, "waiting", q.Status().Waiting, 1)
		if err := q.Retry(t.Context(), fresh, relay.Next{In: 0, Reason: "segment_500"}); err != nil {
			t.Error(err)
		}
		for _, handle := range []string{"", "1", "1-", "x-00", "1-zz", "99-" + strings.Repeat("0", 32)} {
			if err := q.Retry(t.Context(), relay.Item{Handle: handle}, relay.Next{In: 0, Reason: "segment_500"}); !errors.Is(err, errStale) {
				t.Errorf("retrying %q: got %v, want %v", handle, err, errStale)
			}
		}
	})
}

// Otherwise an event with which the program crashes is attempted forever.
func TestAnEventWhoseAttemptsHaveNoOutcomeBecomesADeadLetter(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		put(t, q, "a")
		fails(t, q, receiveAll(t, q, 1)[0], time.Hour)
		for receives := 1; receives <= spool.MaxReceives; receives++ {
			equal(t, "receives", q.Receive(t.Context(), 1)[0].Receives, receives+1)
		}
		time.Sleep(time.Hour)
		equal(t, "received again", len(visible(t, q, 1)), 0)
		dead := letters(t, q)
		equal(t, "dead letters", len(dead), 1)
		equal(t, "body", string(dead[0].Envelope.Body), "a")
		equal(t, "reason", dead[0].Failure, spool.Exhausted(spool.MaxReceives+1))
		equal(t, "status", q.Status(), Status{Failed: 1})
	})
}

// An event is retried for the same time whatever the delays are, early attempts included. The
// time begins with its first attempt, so that a hub that was stopped still attempts it often.
func TestTheLastAttemptIsTheFirstOneAfterTheTimeOfRetries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openStore(t, dir)
		q := s.Queue("order-completed")
		put(t, q, "a")
		time.Sleep(2 * spool.RetriedFor)
		first := time.Now()
		for attempts := 1; ; attempts++ {
			item := receiveAll(t, q, 1)[0]
			age := time.Since(first)
			equal(t, fmt.Sprint("the last attempt, after ", age), item.Last, age > spool.RetriedFor)
			if item.Last {
				equal(t, "many attempts", attempts > 2*spool.MaxReceives, true)
				break
			}
			fails(t, q, item, 10*time.Minute)
			if attempts%2 == 0 {
				retrySome(t, q, 1, 1)
			} else {
				time.Sleep(20 * time.Minute)
			}
			if attempts == 10 {
				s.Close()
				s = openStore(t, dir)
				q = s.Queue("order-completed")
			}
		}
		s.Close()
	})
}

// A redrive and an import begin the time of retries again.
func TestAnEventThatIsPutBackIsRetriedForTheWholeTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		put(t, q, "a")
		for range spool.LeastRetries {
			fails(t, q, receiveAll(t, q, 1)[0], spool.RetriedFor)
			time.Sleep(spool.RetriedFor)
		}
		item := receiveAll(t, q, 1)[0]
		equal(t, "the last attempt", item.Last, true)
		waiting, _ := copied(t, q)
		other := newQueue(t)
		if err := other.Restore(waiting...); err != nil {
			t.Fatal(err)
		}
		equal(t, "the last attempt after an import", receiveAll(t, other, 1)[0].Last, false)
		if err := q.Fail(t.Context(), item.Envelope, relay.Failure{Reason: "segment_500"}); err != nil {
			t.Fatal(err)
		}
		remove(t, q, item)
		time.Sleep(time.Second)
		if _, err := q.Redrive(func(spool.DeadLetter) bool { return true }); err != nil {
			t.Fatal(err)
		}
		equal(t, "the last attempt after a redrive", receiveAll(t, q, 1)[0].Last, false)
	})
}

func TestRedrivenDeadLettersStartWithTheFirstAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		for i := range 250 {
			why := relay.Failure{Tracking: "order-completed", Reason: "message_invalid", Detail: "a detail\nof two lines", Resource: fmt.Sprint("o-", i), Receives: 3}
			if i%2 == 1 {
				why.Reason = "segment_400"
			}
			if err := q.Fail(t.Context(), relay.Envelope{Received: when, Body: fmt.Append(nil, "body\n", i)}, why); err != nil {
				t.Fatal(err)
			}
		}
		dead := letters(t, q)
		equal(t, "dead letters", len(dead), 250)
		equal(t, "the third", dead[2].Failure, relay.Failure{Tracking: "order-completed", Reason: "message_invalid", Detail: "a detail\nof two lines", Resource: "o-2", Receives: 3})
		equal(t, "its body", string(dead[2].Envelope.Body), "body\n2")
		time.Sleep(time.Second)
		moved, err := q.Redrive(func(letter spool.DeadLetter) bool { return letter.Failure.Reason == "segment_400" })
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "moved", moved, 125)
		equal(t, "status", q.Status(), Status{Waiting: 125, Failed: 125, Oldest: when})
		back := visible(t, q, 1)
		equal(t, "the first", bodies(back), []string{"body\n1"})
		equal(t, "its receives", back[0].Receives, 1)
	})
}

// Otherwise a redrive of many dead letters in batches would read those that it leaves again and
// again.
func TestARedriveOfNamedDeadLettersReadsFromTheFirstToTheLast(t *testing.T) {
	q := newQueue(t)
	for i := range 3 * pageSize {
		if err := q.Fail(t.Context(), relay.Envelope{Received: when, Body: fmt.Append(nil, i)}, relay.Failure{}); err != nil {
			t.Fatal(err)
		}
	}
	var looked []string
	if _, err := q.redrive(pageSize+1, pageSize+2, func(l spool.DeadLetter) bool {
		looked = append(looked, l.ID)
		return false
	}); err != nil {
		t.Fatal(err)
	}
	equal(t, "looked at", len(looked), pageSize)
	equal(t, "the first", looked[0], "101")
	for _, c := range []struct {
		name string
		ids  []string
		want int
	}{
		{"none", nil, 0},
		{"no ids", []string{"x", "0", "-1", "9999"}, 0},
		{"of two pages, one twice", []string{"250", "3", "3", "99"}, 3},
		{"again", []string{"250", "3", "99"}, 0},
	} {
		moved, err := q.RedriveNamed(c.ids)
		if err != nil || moved != c.want {
			t.Errorf("%s: %d were put back, want %d: %v", c.name, moved, c.want, err)
		}
	}
	equal(t, "status", q.Status(), Status{Waiting: 3, Failed: 3*pageSize - 3, Oldest: when})
}

// putStored adds dead letters as they are stored.
func putStored(t *testing.T, q *Queue, values ...string) {
	t.Helper()
	err := q.store.failed.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(q.name))
		for i, value := range values {
			err = errors.Join(err, bucket.Put([]byte{0, 0, 0, 0, 0, 0, 1, byte(i)}, []byte(value)))
		}
		return errors.Join(err, q.store.failed.change(tx, q.name, len(values)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOldDeadLettersAreRemovedWithinAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		var stored []string
		for i := range 230 {
			age := deadLetterAge
			if i >= 120 {
				age -= time.Hour
			}
			stored = append(stored, fmt.Sprintf(`{"FailedAt": %q}`, time.Now().Add(-age).Format(time.RFC3339)))
		}
		putStored(t, q, stored...)
		time.Sleep(time.Minute + time.Second)
		equal(t, "left", q.Status().Failed, 110)
		equal(t, "read", len(letters(t, q)), 110)
		time.Sleep(time.Hour)
		equal(t, "left after an hour", q.Status().Failed, 0)
	})
}

// Its FailedAt is the zero time, which must not look like an old dead letter.
func TestADeadLetterWithAnUnreadableHeaderIsNotRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		putStored(t, q, "no header")
		time.Sleep(time.Hour)
		dead := letters(t, q)
		equal(t, "left", len(dead), 1)
		if dead[0].Err == nil {
			t.Error("it has no error")
		}
	})
}

func TestAPageOfLargeDeadLettersIsShort(t *testing.T) {
	q := newQueue(t)
	for range 3 {
		if err := q.Fail(t.Context(), relay.Envelope{Body: make([]byte, relay.MaxBody)}, relay.Failure{}); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for page, err := range q.pages(0) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page))
	}
	equal(t, "dead letters in each page", sizes, []int{2, 1})
}

func TestAListOfDeadLettersHasTheBodiesOfTheNewestOnly(t *testing.T) {
	q := newQueue(t)
	const dead, size, bodies = 2*pageSize + 30, 1000, 10_500
	for i := range dead {
		envelope := relay.Envelope{Received: when.Add(time.Duration(i)), Body: bytes.Repeat([]byte("x"), size)}
		if err := q.Fail(t.Context(), envelope, relay.Failure{Reason: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := q.ListDeadLetters(bodies)
	if err != nil {
		t.Fatal(err)
	}
	all := letters(t, q)
	equal(t, "dead letters", len(list), dead)
	with := 0
	for i, l := range list {
		equal(t, "reason", l.Failure.Reason, i)
		equal(t, "received", l.Envelope.Received, when.Add(time.Duration(i)))
		equal(t, "id", l.ID, all[i].ID)
		if l.Envelope.Body != nil {
			with++
		} else if with > 0 {
			t.Errorf("dead letter %d has no body, and an older one has", i)
		}
		one, found, err := q.DeadLetter(l.ID)
		if err != nil || !found || one.Failure != l.Failure || len(one.Envelope.Body) != size {
			t.Fatalf("dead letter %s: %v, %v, %v", l.ID, found, err, one.Failure)
		}
	}
	if with == 0 || with*size > bodies {
		t.Errorf("%d have their bodies", with)
	}
	for _, id := range []string{"", "0", "x", "-1", fmt.Sprint(dead + 1), "18446744073709551615", "01"} {
		if _, found, err := q.DeadLetter(id); found || err != nil {
			t.Errorf("there is a dead letter %q, %v", id, err)
		}
	}
}

// Two operators may redrive the same dead letters, on the page and with the command.
func TestRedrivesAtTheSameTimePutEachDeadLetterBackOnce(t *testing.T) {
	q := newQueue(t)
	const dead = 250
	for i := range dead {
		if err := q.Fail(t.Context(), relay.Envelope{Body: fmt.Append(nil, i)}, relay.Failure{}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var redriving sync.WaitGroup
	moved := 0
	for range 4 {
		redriving.Go(func() {
			n, err := q.Redrive(func(spool.DeadLetter) bool { return true })
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			moved += n
		})
	}
	redriving.Wait()
	equal(t, "moved", moved, dead)
	equal(t, "status", q.Status(), Status{Waiting: dead, Oldest: q.Status().Oldest})
}

// Timers stand still while a machine is suspended: otherwise an event would be late by the
// time for which it was suspended.
func TestReceiveLooksAtTheClockEachMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		changed := newQueue(t).notice()
		time.Sleep(time.Minute + time.Second)
		select {
		case <-changed:
		default:
			t.Error("the wait was not ended")
		}
	})
}

func TestQueuesAreSeparate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		other := q.store.Queue("order-updated")
		put(t, q, "a")
		equal(t, "in the other queue", len(visible(t, other, 1)), 0)
		put(t, other, "b")
		item := visible(t, other, 1)[0]
		remove(t, q, item)
		equal(t, "waiting in both", []int{q.Status().Waiting, other.Status().Waiting}, []int{1, 1})
	})
}

func TestAReceivedEnvelopeEqualsTheOneThatWasPut(t *testing.T) {
	q := newQueue(t)
	digest := commerce.Digest{1, 2, 3, 31: 9}
	for _, want := range []relay.Envelope{
		{Received: when, Body: []byte{}},
		{Received: when, Body: []byte("\x00\xff\n{}")},
		{Received: when, Body: []byte("{}"), Presented: &digest},
		{Received: when, Body: []byte(strings.Repeat("x", relay.MaxBody))},
	} {
		if err := q.Put(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		item := visible(t, q, 1)[0]
		got := item.Envelope
		if item.Err != nil || !got.Received.Equal(want.Received) || string(got.Body) != string(want.Body) ||
			(got.Presented == nil) != (want.Presented == nil) || got.Presented != nil && *got.Presented != *want.Presented {
			t.Errorf("an envelope with a body of %d bytes was received as a different one: %v", len(want.Body), item.Err)
		}
		remove(t, q, item)
	}
	if err := q.Put(t.Context(), relay.Envelope{Body: make([]byte, relay.MaxBody+1)}); !errors.Is(err, relay.ErrTooLarge) {
		t.Errorf("a body that is too large: got %v, want %v", err, relay.ErrTooLarge)
	}
}

func TestEventsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	q := s.Queue("order-completed")
	put(t, q, "delivered", "in delivery", "retrying", "fails", "waiting")
	items := visible(t, q, 4)
	remove(t, q, items[0])
	if err := q.Retry(t.Context(), items[2], relay.Next{In: time.Hour, Reason: "segment_500"}); err != nil {
		t.Fatal(err)
	}
	if err := q.Fail(t.Context(), items[3].Envelope, relay.Failure{Reason: "segment_400"}); err != nil {
		t.Fatal(err)
	}
	remove(t, q, items[3])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, dir)
	defer s.Close()
	q = s.Queue("order-completed")
	equal(t, "status", q.Status(), Status{Waiting: 3, Failed: 1, Oldest: when})
	again := visible(t, q, 10)
	slices.SortFunc(again, func(a, b relay.Item) int { return a.Receives - b.Receives })
	equal(t, "visible", bodies(again), []string{"waiting", "in delivery"})
	equal(t, "receives", []int{again[0].Receives, again[1].Receives}, []int{1, 2})
	equal(t, "dead letter", letters(t, q)[0].Failure.Reason, "segment_400")
}

// If the clock was set back while the hub was stopped, the files have changed in the future.
func TestEventsAreVisibleAfterTheClockWasSetBack(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	q := s.Queue("order-completed")
	put(t, q, "a", "b")
	for _, item := range visible(t, q, 2) {
		if err := q.Retry(t.Context(), item, relay.Next{In: 24 * time.Hour, Reason: "segment_500"}); err != nil {
			t.Fatal(err)
		}
	}
	q.store.release(true)
	items := visible(t, q, 2)
	equal(t, "while it runs", len(items), 2)
	for _, item := range items {
		if err := q.Retry(t.Context(), item, relay.Next{In: 24 * time.Hour, Reason: "segment_500"}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, fileName(1)), future, future); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	defer s.Close()
	equal(t, "after a restart", len(visible(t, s.Queue("order-completed"), 2)), 2)
}

func TestFilesWithoutEventsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer s.Close()
	q := s.Queue("order-completed")
	body := strings.Repeat("x", relay.MaxBody)
	for range 3 * fileBytes / relay.MaxBody {
		put(t, q, body)
	}
	files := func() []string { names, _ := filepath.Glob(filepath.Join(dir, filePrefix+"*")); return names }
	if n := len(files()); n < 3 {
		t.Fatalf("%d files, want at least 3", n)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				items := visible(t, q, spool.BatchSize)
				if len(items) == 0 {
					return
				}
				remove(t, q, items...)
			}
		})
	}
	wg.Wait()
	equal(t, "status", q.Status(), Status{})
	equal(t, "files", len(files()), 1)
}

// An event may be put between the look whether a file is empty and its removal.
func TestAFileInWhichAnEventWaitsIsNotRemoved(t *testing.T) {
	q := newQueue(t)
	put(t, q, "a")
	if gone, err := q.store.files[0].removeIfEmpty(); gone || err != nil {
		t.Fatalf("it was removed: %v, %v", gone, err)
	}
	put(t, q, "b")
	equal(t, "events", bodies(visible(t, q, spool.BatchSize)), []string{"a", "b"})
}

func TestNoEventIsLostWithConcurrentPutsAndReceives(t *testing.T) {
	q := newQueue(t)
	const each, writers = 200, 8
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	got := map[string]int{}
	served := make(chan struct{})
	go func() {
		defer close(served)
		spool.Serve(ctx, q, func(_ context.Context, items []relay.Item) (keep []string) {
			mu.Lock()
			defer mu.Unlock()
			for _, item := range items {
				got[string(item.Envelope.Body)]++
				if item.Receives == 1 && len(got)%7 == 0 {
					keep = append(keep, item.Handle)
					if err := q.Retry(ctx, item, relay.Next{In: time.Millisecond, Reason: "segment_500"}); err != nil {
						t.Error(err)
					}
				}
			}
			return keep
		})
	}()
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				put(t, q, fmt.Sprint(w, "-", i))
			}
		})
	}
	writing.Wait()
	for q.Status().Waiting > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-served
	equal(t, "delivered", len(got), each*writers)
}
