package queue

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"commerce-segment/shared/relay"
)

// retrying puts events on a new queue whose first attempts fail. The next attempts are an hour
// later, one second apart.
func retrying(t *testing.T, count int) *Queue {
	t.Helper()
	q := newQueue(t)
	for i := range count {
		put(t, q, fmt.Sprintf(`{"triggered_by":"order.paid","payload":{"data":{"id":"o-%d"}}}`, i))
	}
	for i, item := range receiveAll(t, q, count) {
		fails(t, q, item, time.Hour+time.Duration(i)*time.Second)
	}
	return q
}

// receiveAll receives that many events.
func receiveAll(t *testing.T, q *Queue, count int) (items []relay.Item) {
	t.Helper()
	for len(items) < count {
		more := visible(t, q, count-len(items))
		if len(more) == 0 {
			t.Fatalf("%d events are visible, want %d", len(items), count)
		}
		items = append(items, more...)
	}
	return items
}

func fails(t *testing.T, q *Queue, item relay.Item, delay time.Duration) {
	t.Helper()
	if err := q.Retry(t.Context(), item, relay.Next{In: delay, Reason: "segment_500"}); err != nil {
		t.Fatal(err)
	}
}

func waitingOf(t *testing.T, q *Queue) []Waiting {
	t.Helper()
	all, _, err := q.Waiting(math.MaxInt, func(Waiting) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func retrySome(t *testing.T, q *Queue, limit, want int) {
	t.Helper()
	got, err := q.RetrySome(limit)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "retried early", got, want)
}

func TestWaitingListsTheEventsThatAreRetried(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := retrying(t, 2)
		now := time.Now()
		put(t, q, "being delivered", "before its first attempt")
		receiveAll(t, q, 1)
		all := waitingOf(t, q)
		equal(t, "count", len(all), 2)
		equal(t, "reason", all[0].Reason, "segment_500")
		equal(t, "attempts", all[0].Attempts, 1)
		equal(t, "next attempt", all[1].Next.Sub(now), time.Hour+time.Second)
		equal(t, "about", q.Describe(all[1].ID), About{Event: "order.paid", Resource: "o-1", Received: when})
		for _, id := range []string{"", "1", "x-1", "1-x", "9-1", "1-99"} {
			equal(t, "about "+id, q.Describe(id), About{})
		}
	})
}

// A page of a long list needs little memory.
func TestTheFirstRetryingEventsAreListedAndAllAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		now := time.Now()
		for i := range 20 { // a later event has an earlier attempt, in another file
			if i == 10 {
				q.store.files[0].bytes = fileBytes
			}
			if err := q.Restore(Event{Envelope: relay.Envelope{Received: when}, Due: now.Add(time.Duration(20-i) * time.Hour), Reason: []string{"segment_500", "template"}[i%2]}); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "files", len(q.store.list()), 2)
		for _, limit := range []int{0, 1, 3, 10} {
			first, count, err := q.Waiting(limit, func(w Waiting) bool { return w.Reason == "template" })
			if err != nil || count != 10 || len(first) != min(limit, 10) || cap(first) > 2*limit+4 {
				t.Errorf("limit %d: %d of %d are listed, with room for %d: %v", limit, len(first), count, cap(first), err)
			}
			for i, w := range first {
				equal(t, "next attempt", w.Next.Sub(now), time.Duration(2*i+1)*time.Hour)
			}
		}
	})
}

func TestRetryNowAttemptsAFewEventsAtOnceAndTheOthersSoon(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := retrying(t, 30)
		chosen := waitingOf(t, q)[29].ID
		n, err := q.RetryNow(func(w Waiting) bool { return w.ID != chosen })
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "retried", n, 29)
		equal(t, "visible at once", len(visible(t, q, 50)), firstRetries)
		time.Sleep(5 * time.Second)
		equal(t, "visible soon", len(visible(t, q, 50)), 24)
		equal(t, "left", waitingOf(t, q)[0].ID, chosen)
	})
}

// RetryNow is not only for events of a selection: it wakes Receive.
func TestRetryNowEndsTheWaitOfReceive(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := retrying(t, 1)
		waited := make(chan time.Duration)
		started := time.Now()
		go func() {
			q.Receive(t.Context(), 1)
			waited <- time.Since(started)
		}()
		time.Sleep(time.Second)
		if _, err := q.RetryNow(func(Waiting) bool { return true }); err != nil {
			t.Fatal(err)
		}
		equal(t, "received after", <-waited, time.Second)
	})
}

// An event that fails because of its content must not use up its attempts whenever another
// event succeeds.
func TestRetrySomeRetriesEachEventOnceUntilItsOwnTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := retrying(t, 3)
		retrySome(t, q, 2, 2)
		early := receiveAll(t, q, 2)
		for _, item := range early {
			fails(t, q, item, 2*time.Hour)
		}
		retrySome(t, q, 10, 1)
		remove(t, q, receiveAll(t, q, 1)...)
		retrySome(t, q, 10, 0)

		time.Sleep(2 * time.Hour) // their own time
		for _, item := range receiveAll(t, q, 2) {
			fails(t, q, item, 4*time.Hour)
		}
		retrySome(t, q, 10, 2)
		for _, item := range receiveAll(t, q, 2) {
			fails(t, q, item, 4*time.Hour)
		}
		retrySome(t, q, 10, 0)
		if err := q.ResetEarly(); err != nil {
			t.Fatal(err)
		}
		retrySome(t, q, 10, 2)
		receives := receiveAll(t, q, 2)[0].Receives
		equal(t, "receives", receives, 2)
	})
}

// While other events are delivered, an event that fails is attempted early after each attempt at
// its own time. Its delays must not become longer because of that.
func TestEarlyAttemptsAreNotAmongTheReceives(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := retrying(t, 1)
		for own := 1; own < 5; own++ {
			retrySome(t, q, 1, 1)
			early := receiveAll(t, q, 1)[0]
			equal(t, "receives of the early attempt", early.Receives, own)
			fails(t, q, early, time.Hour)
			equal(t, "attempts", waitingOf(t, q)[0].Attempts, own)
			time.Sleep(time.Hour)
			item := receiveAll(t, q, 1)[0]
			equal(t, "receives of its own attempt", item.Receives, own+1)
			fails(t, q, item, time.Hour)
		}
	})
}

func TestRetrySomeLeavesAnEventUntilTheTimeThatWasAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		put(t, q, "a")
		next := relay.Next{In: time.Hour, NotBefore: 5 * time.Minute, Reason: "segment_429"}
		if err := q.Retry(t.Context(), receiveAll(t, q, 1)[0], next); err != nil {
			t.Fatal(err)
		}
		equal(t, "reason", waitingOf(t, q)[0].Reason, "segment_429")
		time.Sleep(5*time.Minute - time.Second)
		retrySome(t, q, 10, 0)
		time.Sleep(time.Second)
		retrySome(t, q, 10, 1)
		fails(t, q, receiveAll(t, q, 1)[0], time.Hour) // and asks for no time
		time.Sleep(time.Hour)
		fails(t, q, receiveAll(t, q, 1)[0], time.Hour)
		retrySome(t, q, 10, 1)
	})
}

// Otherwise the log of a full disk says after each delivery that it is written again.
func TestRescheduleSaysNothingOfTheDiskIfItWritesNothing(t *testing.T) {
	q := newQueue(t)
	q.store.noteWrite(errors.New("the disk is full"))
	retrySome(t, q, 1, 0)
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	equal(t, "failing", q.store.failing, true)
}

func TestTheReasonsOfRetryingEventsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	q := s.Queue("order-completed")
	put(t, q, "a", "b")
	for _, item := range receiveAll(t, q, 2) {
		fails(t, q, item, time.Hour)
	}
	before := waitingOf(t, q)
	s.Close()
	s = openStore(t, dir)
	defer s.Close()
	if after := waitingOf(t, s.Queue("order-completed")); !slices.EqualFunc(after, before, func(a, b Waiting) bool {
		return a.ID == b.ID && a.Reason == b.Reason && a.Next.Equal(b.Next)
	}) {
		t.Errorf("after the restart: %v\nbefore: %v", after, before)
	}
}

// An earlier release wrote entries without a reason and the time of the first attempt. Such an
// event is retried for the whole time after its next attempt.
func TestAnEntryOfAnEarlierReleaseIsRead(t *testing.T) {
	at := time.Unix(0, 1764500000000000000)
	now := at.Add(100 * time.Hour)
	equal(t, "entry", entryOf(joinKey(at, 7), []byte{0, 3, 1}), entry{visible: at, number: 7, receives: 3, inDelivery: true})
	equal(t, "its next attempt", entryOf(joinKey(at, 7), []byte{0, 3, 1}).taken(now, now.Add(time.Minute)).first, now)
}

func TestAnEventIsFoundByTheTimeWhenItWasReceived(t *testing.T) {
	q := newQueue(t)
	at := time.Now()
	for i := range 4 {
		envelope := relay.Envelope{Received: at.Add(time.Duration(i)), Body: fmt.Appendf(nil, `{"n":%d}`, i)}
		if err := q.Put(t.Context(), envelope); err != nil {
			t.Fatal(err)
		}
	}
	items := receiveAll(t, q, 4)
	fails(t, q, items[0], time.Hour)
	if err := q.Fail(t.Context(), items[1].Envelope, relay.Failure{Reason: "template"}); err != nil {
		t.Fatal(err)
	}
	if err := q.Delete(items[1].Handle, items[2].Handle); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ found, waiting, letter bool }{{true, true, false}, {true, false, true}, {false, false, false}, {true, false, false}} {
		kept, err := q.Find(at.Add(time.Duration(i)))
		if err != nil || (kept != nil) != want.found {
			t.Errorf("event %d: %v, %v", i, kept, err)
			continue
		}
		if kept == nil {
			continue
		}
		if string(kept.Envelope.Body) != fmt.Sprintf(`{"n":%d}`, i) || (kept.Waiting != nil) != want.waiting || (kept.Letter != nil) != want.letter {
			t.Errorf("event %d is %+v", i, kept)
		}
		if want.waiting && time.Until(kept.Waiting.Next) < 59*time.Minute {
			t.Errorf("its next attempt is at %v", kept.Waiting.Next)
		}
	}
}
