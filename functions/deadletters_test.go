package functions_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/emulator"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// An operator lists the dead letters, fixes the cause of some of them, and redrives those.
func TestOnAWSDeadLettersAreListedAndRedriven(t *testing.T) {
	t.Parallel()
	cloud := newCloud(t, emulator.Shared(t).URL, tracking.OrderCompleted, 30)
	queue := cloud.queues()
	for i := range 24 {
		reason := []string{"segment_400", "message_invalid"}[i%2]
		err := queue.Fail(t.Context(), relay.Envelope{Received: received, Body: fmt.Appendf(nil, `{"n":%d}`, i)},
			relay.Failure{Tracking: "order-completed", Reason: reason, Resource: fmt.Sprint("o-", i), Receives: 2})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, body := range []string{envelope(t, relay.Envelope{Received: received, Body: []byte(`{"n":24}`)}), "garbage"} { // as SQS's own redrive does
		if _, err := cloud.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &cloud.dead, MessageBody: aws.String(body)}); err != nil {
			t.Fatal(err)
		}
	}
	dead := spool.NewSQSDeadLetters(cloud.sqs, cloud.urls())

	count, err := dead.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counted", count, 26)
	letters, err := dead.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int{}
	for _, l := range letters {
		reasons[l.Failure.Reason]++
		if l.FailedAt.IsZero() || l.Failure.Receives == 0 && l.Failure.Reason != "receives_exhausted" {
			t.Errorf("a dead letter does not have its time or its receives: %+v", l)
		}
	}
	equal(t, "listed", reasons, map[string]int{"segment_400": 12, "message_invalid": 12, "receives_exhausted": 2})
	visible, invisible := cloud.count(cloud.dead)
	equal(t, "visible and invisible after the list", []int{visible, invisible}, []int{26, 0})

	var progress []int
	moved, err := dead.Redrive(t.Context(),
		func(l spool.DeadLetter) bool { return l.Failure.Reason == "segment_400" },
		func(examined int) { progress = append(progress, examined) })
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "moved", moved, 12)
	equal(t, "examined", len(progress), 26)
	equal(t, "examined in the end", slices.Max(progress), 26)
	visible, invisible = cloud.count(cloud.dead)
	equal(t, "visible and invisible after the redrive", []int{visible, invisible}, []int{14, 0})
	var bodies []string
	for messages := cloud.receive(cloud.queue); len(messages) > 0; messages = cloud.receive(cloud.queue) {
		for _, m := range messages {
			e, err := spool.Decode(*m.Body)
			if err != nil || !e.Received.Equal(received) {
				t.Errorf("the event on the queue is not the one that failed: %+v, %v", e, err)
			}
			bodies = append(bodies, string(e.Body))
		}
	}
	slices.Sort(bodies)
	equal(t, "back on the queue", len(slices.Compact(bodies)), 12)
}
