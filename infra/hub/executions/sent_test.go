package executions_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/spool"
)

func TestTheStoryOfAnOrderHasWhatWasSentWithoutAWebhook(t *testing.T) {
	w := newWorld(t)
	w.calls(t, "order.paid", "shop-order-10")
	w.attempt(t)
	now := time.Now()
	sent := executions.Line{
		Time: now.Add(-30 * 24 * time.Hour), Kind: executions.KindBackfill, By: "user ada", Tracking: "checkout-started", Event: "order.created", Resource: "shop-order-10",
		EventTime: now.Add(-300 * 24 * time.Hour), Outcome: "delivered", MessageIDs: []string{"checkout-started:shop-order-10"}, Messages: 1,
	}
	rejected := executions.Line{
		Time: now.Add(time.Second), Kind: executions.KindReconcile, Tracking: "order-refunded", Event: "order.refunded", Resource: "shop-order-10", Outcome: "rejected", Reason: "the event is empty",
	}
	other := executions.Line{Time: now, Kind: executions.KindBackfill, Tracking: "checkout-started", Resource: "shop-order-20", Outcome: "delivered"}
	for _, c := range []struct {
		name, id string
		sent     executions.Sent
		says     []string
		not      []string
	}{
		{"with a webhook", "shop-order-10", executions.Sent{Lines: []executions.Line{rejected, sent}}, []string{
			"Received 1 webhook about shop-order-10 in the last 7 days. Without a webhook, hub backfill sent 1 event. Segment received Checkout Started, Order Completed.\nCheckout Started was sent",
			" by hub backfill (user ada), without a webhook, as messageId checkout-started:shop-order-10.", "whose event time is " + words.Clock(sent.EventTime),
			"Order Refunded was not sent by hub reconcile: Segment rejects its message, or would drop it: the event is empty.",
		}, []string{"The earlier steps are not known", "after the event, at", "No webhook was received for Checkout Started"}},
		{"by the beginning of its id", "shop-order-20", executions.Sent{Lines: []executions.Line{other}}, []string{"No webhooks about shop-order-20 were received in the last 7 days. Without a webhook, hub backfill sent 1 event."}, nil},
		{"several ids", "shop-ord", executions.Sent{Lines: []executions.Line{other, sent}}, []string{"2 ids begin with shop-ord. Choose one of them:"}, nil},
		{"not known", "shop-order-10", executions.Sent{Err: errors.New("there are no settings")}, []string{"What hub backfill and hub reconcile sent is not known: there are no settings"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			search := executions.Search{Resource: c.id, Since: 7 * 24 * time.Hour, Now: now, Sent: c.sent}
			found, err := search.Trace(t.Context(), inMemory{w, t})
			if err != nil {
				t.Fatal(err)
			}
			story := tell(found)
			for _, text := range c.says {
				if !strings.Contains(story, text) {
					t.Errorf("the story does not say %q:\n%s", text, story)
				}
			}
			for _, text := range c.not {
				if strings.Contains(story, text) {
					t.Errorf("the story says %q:\n%s", text, story)
				}
			}
		})
	}
}

func TestTheStoryOfADeadLetterHasItsReplay(t *testing.T) {
	for _, logged := range []bool{true, false} { // on this machine, on AWS
		w := newWorld(t)
		w.Template = `{"event": ""}`
		w.calls(t, "order.paid", "o-1")
		w.attempt(t)
		want := "The dead letter was replayed before the next attempt.\nAttempt 1: Segment accepted it."
		if logged {
			want = "The dead letter was replayed: it is on the queue again.\nAttempt 1: Segment accepted it."
			w.relay.Log.Info("replay", "tracking", "order-completed", "received", w.lines.list[0].Received, "resource", "o-1")
			search := executions.Search{Resource: "o-1", Since: time.Hour, Now: time.Now()}
			if story := tell(search.Tell(w.found(t, executions.Query{}, time.Now()))); !strings.Contains(story, "Its dead letter was replayed, and no attempt is complete since then.") {
				t.Errorf("before the attempt the story is:\n%s", story)
			}
		}
		w.Template = `{"event": "Order Completed"}`
		if moved := w.queue.Redrive(func(spool.DeadLetter) bool { return true }); moved != 1 {
			t.Fatalf("%d dead letters were replayed", moved)
		}
		w.attempt(t)
		search := executions.Search{Resource: "o-1", Since: time.Hour, Now: time.Now()}
		story := tell(search.Tell(w.found(t, executions.Query{}, time.Now())))
		if !strings.Contains(story, want) || strings.Count(story, "replayed") != 1 || !strings.Contains(story, "Segment received Order Completed") {
			t.Errorf("the story does not say %q:\n%s", want, story)
		}
	}
}

// inMemory is the log of a world.
type inMemory struct {
	*world
	t *testing.T
}

func (m inMemory) Find(_ context.Context, q executions.Query, page executions.Page) (executions.Found, error) {
	return executions.List(m.found(m.t, executions.Query{}, time.Now())).Find(q, page, time.Now())
}

func (m inMemory) All(ctx context.Context, q executions.Query) iter.Seq2[executions.Execution, error] {
	return executions.List(m.found(m.t, q, time.Now())).Seq()
}
