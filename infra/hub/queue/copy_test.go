package queue

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// copied returns what Copy returns.
func copied(t *testing.T, q *Queue) (waiting []Event, dead []Dead) {
	t.Helper()
	err := q.Copy(
		func(w Event) error { waiting = append(waiting, w); return nil },
		func(l Dead) error { dead = append(dead, l); return nil },
	)
	if err != nil {
		t.Fatal(err)
	}
	return waiting, dead
}

// TestACopyIsRestored copies a queue with an event that was retried, one in delivery, one that
// is new and a dead letter, and restores them in another directory.
func TestACopyIsRestored(t *testing.T) {
	q := newQueue(t)
	put(t, q, "retried", "in delivery")
	items := visible(t, q, 2)
	if err := q.Retry(t.Context(), items[0], relay.Next{In: time.Hour, Reason: "segment_500"}); err != nil {
		t.Fatal(err)
	}
	digest := commerce.DigestOf("key")
	if err := q.Put(t.Context(), relay.Envelope{Received: when, Body: []byte("new"), Presented: &digest}); err != nil {
		t.Fatal(err)
	}
	failure := relay.Failure{Tracking: "order-completed", Reason: "message_invalid", Detail: "no user", Resource: "o-1", Receives: 3}
	if err := q.Fail(t.Context(), relay.Envelope{Received: when, Body: []byte("dead")}, failure); err != nil {
		t.Fatal(err)
	}

	waiting, dead := copied(t, q)
	if before := q.Status(); before.Waiting != 3 || before.Failed != 1 {
		t.Errorf("after the copy the queue has %+v", before)
	}
	other := newQueue(t)
	if err := other.Restore(waiting...); err != nil {
		t.Fatal(err)
	}
	if err := other.RestoreDead(dead...); err != nil {
		t.Fatal(err)
	}
	if status := other.Status(); status.Waiting != 3 || status.Failed != 1 || !status.Oldest.Equal(when) {
		t.Errorf("the restored queue has %+v", status)
	}
	now := visible(t, other, 10)
	if got := bodies(now); !slices.Equal(got, []string{"new", "in delivery"}) || now[0].Receives != 1 || now[1].Receives != 2 {
		t.Errorf("visible are %q: %+v", got, now)
	}
	if p := now[0].Envelope.Presented; p == nil || *p != digest || !now[0].Envelope.Received.Equal(when) {
		t.Errorf("the new event is %+v", now[0].Envelope)
	}
	if _, next := other.store.due(other.name); time.Until(next) > spool.Visibility {
		t.Errorf("the next event is due in %v", time.Until(next))
	}
	remove(t, other, now...)
	if _, next := other.store.due(other.name); time.Until(next) < 59*time.Minute {
		t.Errorf("the retried event is due in %v, want an hour", time.Until(next))
	}
	for letter, err := range other.DeadLetters() {
		if err != nil || letter.Failure != failure || string(letter.Envelope.Body) != "dead" || !letter.FailedAt.Equal(dead[0].FailedAt) {
			t.Errorf("the dead letter is %+v, %v", letter, err)
		}
	}
}

// TestACopyMissesNoEvent copies a queue of several files while its events are delivered, retried,
// failed and redriven. An event that is not delivered must be in the copy.
func TestACopyMissesNoEvent(t *testing.T) {
	q := newQueue(t)
	const events = 500
	all := make([]event, events)
	for i := range all {
		all[i] = event{record: encode(relay.Envelope{Received: when, Body: fmt.Appendf(nil, "%d %0200000d", i, 0)})}
	}
	for some := range slices.Chunk(all, 20) {
		if err := q.put(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	if files := len(q.store.list()); files < 2 {
		t.Fatalf("there are only %d files", files)
	}
	name := func(body []byte) (i int) { fmt.Sscan(string(body[:min(len(body), 8)]), &i); return i }

	delivered := map[int]bool{}
	var redriving sync.WaitGroup
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for round := 0; ; round++ {
			select {
			case <-stop:
				return
			default:
			}
			for _, item := range visible(t, q, 10) {
				i := name(item.Envelope.Body)
				switch i % 3 {
				case 0:
					delivered[i] = true
				case 1:
					q.Fail(t.Context(), item.Envelope, relay.Failure{Reason: "segment_400"})
				case 2:
					q.Retry(t.Context(), item, relay.Next{In: 0, Reason: "segment_500"})
					continue
				}
				q.Delete(item.Handle)
			}
			if round%5 == 0 {
				redriving.Go(func() { q.Redrive(func(spool.DeadLetter) bool { return true }) })
			}
		}
	}()
	found := map[int]bool{}
	err := q.Copy(
		func(w Event) error { found[name(w.Envelope.Body)] = true; return nil },
		func(l Dead) error { found[name(l.Envelope.Body)] = true; return nil },
	)
	close(stop)
	<-ended
	redriving.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if !found[i] && !delivered[i] {
			t.Errorf("event %d was neither delivered nor copied", i)
		}
	}
	if len(delivered) == 0 {
		t.Error("nothing was delivered during the copy")
	}
}
