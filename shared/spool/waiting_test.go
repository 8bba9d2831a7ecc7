package spool

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
)

// A fresh event that must be retried is moved to the waiting queue, with its attempts. Only
// the receiver's pause delays it there.
func TestAFreshEventMovesToTheWaitingQueue(t *testing.T) {
	digest := commerce.DigestOf("secret_squirrel")
	e := relay.Envelope{Received: received, Body: []byte(`{"id":"é"}`), Presented: &digest}
	for _, c := range []struct {
		name      string
		notBefore time.Duration
		delay     int
	}{
		{"without a pause", 0, 0},
		{"a pause in whole seconds, rounded up", 2*time.Second + time.Millisecond, 3},
		{"a pause that is longer than SQS allows", time.Hour, 15 * 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := newQueueService(t)
			item := relay.Item{Handle: "h", Receives: 2, Fresh: true, Envelope: e}
			if err := service.spool().Retry(t.Context(), item, relay.Next{In: time.Minute, NotBefore: c.notBefore, Reason: "segment_429"}); err != nil {
				t.Fatal(err)
			}
			got := service.calls[0]
			if len(service.calls) != 1 || got.Operation != "SendMessage" || got.QueueURL != service.url+"/1/waiting" || got.DelaySeconds != c.delay {
				t.Errorf("the requests are %+v, want a delay of %d s", service.calls, c.delay)
			}
			if opened, err := Decode(got.MessageBody); err != nil || !reflect.DeepEqual(opened, e) {
				t.Errorf("the message contains %+v, error %v", opened, err)
			}
			if want := map[string]struct{ DataType, StringValue string }{"Receives": {"Number", "2"}}; !reflect.DeepEqual(got.MessageAttributes, want) {
				t.Errorf("its attributes are %q, want %q", got.MessageAttributes, want)
			}
		})
	}
}

// Only the release that wrote an envelope can open it, so its text must not change.
func TestAnEnvelopeOfAnotherReleaseMovesUnchanged(t *testing.T) {
	service := newQueueService(t)
	const later = `{"v":99,"new":"field"}`
	item := Open("h", 1, later)
	item.Fresh = true
	if err := service.spool().Retry(t.Context(), item, relay.Next{In: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if got := service.calls[0].MessageBody; got != later {
		t.Errorf("the message is %s", got)
	}
}

// The age of an event counts from its first failed attempt, not from the webhook: a dead letter
// that is redriven, and an event that was kept during a pause, have all their time. An event that
// waited through a pause has some attempts after it.
func TestAWaitingEventHasItsAttemptsAndItsAge(t *testing.T) {
	text, err := Encode(relay.Envelope{Received: received, Body: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	message := func(age time.Duration, receives string) types.Message {
		return types.Message{
			ReceiptHandle: aws.String("h"), Body: &text,
			MessageAttributes: map[string]types.MessageAttributeValue{attributeReceives: {StringValue: aws.String("1")}},
			Attributes: map[string]string{
				"ApproximateReceiveCount": receives, "SentTimestamp": strconv.FormatInt(time.Now().Add(-age).UnixMilli(), 10),
			},
		}
	}
	for _, c := range []struct {
		age      time.Duration
		receives string
		attempt  int
		last     bool
	}{
		{time.Minute, "5", 6, false}, {30*time.Hour - time.Minute, "500", 501, false}, {30*time.Hour + time.Minute, "500", 501, true},
		{72 * time.Hour, "1", 2, false}, {72 * time.Hour, "9", 10, false}, {72 * time.Hour, "10", 11, true},
	} {
		t.Run(c.age.String()+", "+c.receives, func(t *testing.T) {
			item := OpenWaiting(message(c.age, c.receives))
			if age := time.Since(item.WaitingSince); age < c.age || age > c.age+time.Minute {
				t.Errorf("its age is %v", age)
			}
			if item.Handle != "h" || item.Receives != c.attempt || item.Fresh || item.Last != c.last || item.Err != nil || string(item.Envelope.Body) != "{}" {
				t.Errorf("the item is %+v", item)
			}
		})
	}
}

// answering makes the service answer with a text.
func answering(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { io.WriteString(w, text) }
}

func TestEventsOfTheWaitingQueueAreReceivedDeletedAndCounted(t *testing.T) {
	service := newQueueService(t)
	service.answer = answering(`{"Messages":[{"MessageId":"1","ReceiptHandle":"h","Body":"x","MD5OfBody":"9dd4e461268c8034f5c8564e155c67a6"}]}`)
	messages, err := service.spool().ReceiveWaiting(t.Context())
	if err != nil || len(messages) != 1 || service.calls[0].QueueURL != service.url+"/1/waiting" {
		t.Errorf("%d are received, %v: %+v", len(messages), err, service.calls)
	}
	service.answer = answering(`{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"20","ApproximateNumberOfMessagesDelayed":"100"}}`)
	waiting, err := service.spool().CountWaiting(t.Context())
	fresh, freshErr := service.spool().CountFresh(t.Context())
	if err := errors.Join(err, freshErr); err != nil || waiting != 123 || fresh != 3 {
		t.Errorf("%d are retried and %d accepted, %v", waiting, fresh, err)
	}
	service.answer = answering(`{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","Code":"InternalError","SenderFault":false}]}`)
	if err := service.spool().DeleteWaiting(t.Context(), []string{"a", "b"}); err == nil || !strings.Contains(err.Error(), "1 of 2 are not deleted (InternalError)") {
		t.Errorf("deleting: %v", err)
	}
	before := len(service.calls)
	if err := service.spool().DeleteWaiting(t.Context(), nil); err != nil || len(service.calls) != before { // SQS rejects an empty batch
		t.Errorf("deleting nothing: %v", err)
	}
}

func TestErrorsOfTheWaitingQueue(t *testing.T) {
	service := newQueueService(t)
	service.answer = apiError(400, "RequestThrottled", "slow down")
	queues := service.spool()
	_, receiving := queues.ReceiveWaiting(t.Context())
	_, counting := queues.CountWaiting(t.Context())
	for name, err := range map[string]error{
		"moving":    queues.Retry(t.Context(), relay.Item{Fresh: true}, relay.Next{}),
		"receiving": receiving, "counting": counting,
		"deleting": queues.DeleteWaiting(t.Context(), []string{"a"}), "a tick": queues.SendTick(t.Context(), Tick{}, 0),
	} {
		if err == nil || !strings.Contains(err.Error(), "RequestThrottled") {
			t.Errorf("%s: %v", name, err)
		}
	}
	service.answer = answering(`{"Attributes":{"ApproximateNumberOfMessages":"many"}}`)
	if _, err := queues.CountFresh(t.Context()); err == nil {
		t.Error("there is no error if the number is not a number")
	}
}

// sender notes what is sent.
type sender struct {
	Client // nil: other methods are not called
	sent   []*sqs.SendMessageInput
}

func (s *sender) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	s.sent = append(s.sent, in)
	return &sqs.SendMessageOutput{}, nil
}

func TestATickHasAnEffectForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &sender{}
		if err := NewSQS(client, URLs{Queue: "queue"}).SendTick(t.Context(), Tick{Brief: true}, 20*time.Second); err != nil {
			t.Fatal(err)
		}
		sent := client.sent[0]
		if *sent.QueueUrl != "queue" || sent.DelaySeconds != 20 {
			t.Errorf("it is sent to %s with a delay of %d s", *sent.QueueUrl, sent.DelaySeconds)
		}
		tick, ok := ParseTick(*sent.MessageBody)
		if !ok || !tick.Brief {
			t.Fatalf("it is read as %+v", tick)
		}
		for _, c := range []struct {
			after time.Duration
			over  bool
		}{{20 * time.Second, false}, {80 * time.Second, false}, {81 * time.Second, true}} {
			if over := tick.IsOver(time.Now().Add(c.after)); over != c.over {
				t.Errorf("after %v it is over: %v", c.after, over)
			}
		}
	})
}

// An envelope that is read as a tick would be lost.
func TestNoEnvelopeIsATick(t *testing.T) {
	text, err := Encode(relay.Envelope{Received: received, Body: []byte(`{"tick":{"due":"2026-11-24T10:00:00Z"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{text, "", "hello", `{"tick":`, `{"tick":7}`, `{"v":99,"tick":{}}`, ` {"tick":{}}`} {
		if tick, ok := ParseTick(text); ok {
			t.Errorf("%s is the tick %+v", text, tick)
		}
	}
}

// A release from before the ticks must not deliver one, nor keep it for ever.
func TestATickIsNoEnvelope(t *testing.T) {
	if _, err := Decode(`{"tick":{"due":"2026-11-24T10:00:00Z"}}`); err == nil || errors.Is(err, relay.ErrVersion) {
		t.Errorf("it is opened with %v", err)
	}
}
