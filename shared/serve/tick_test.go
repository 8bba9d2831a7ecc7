package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// fakeSQS has three queues in memory. A call for which there is an error fails.
type fakeSQS struct {
	mu      sync.Mutex
	queues  map[string][]*fakeMessage
	errs    map[string]error // by operation
	panics  bool             // when events are received
	takes   time.Duration    // how long receiving takes
	handles int
}

type fakeMessage struct {
	types.Message
	visible  time.Time
	receives int
}

func (s *fakeSQS) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.errs["SendMessage"]; err != nil {
		return nil, err
	}
	s.queues[*in.QueueUrl] = append(s.queues[*in.QueueUrl], &fakeMessage{
		Message: types.Message{
			Body: in.MessageBody, MessageAttributes: in.MessageAttributes,
			Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(time.Now().UnixMilli(), 10)},
		},
		visible: time.Now().Add(time.Duration(in.DelaySeconds) * time.Second),
	})
	return &sqs.SendMessageOutput{}, nil
}

func (s *fakeSQS) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("ron.swanson@moltin.com")
	}
	out := &sqs.ReceiveMessageOutput{}
	for _, m := range s.queues[*in.QueueUrl] {
		if m.visible.After(time.Now()) || len(out.Messages) == int(in.MaxNumberOfMessages) {
			continue
		}
		s.handles++
		m.receives++
		m.visible = time.Now().Add(spool.Visibility)
		m.ReceiptHandle = aws.String(fmt.Sprint("handle ", s.handles))
		m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(m.receives)
		out.Messages = append(out.Messages, m.Message)
	}
	return out, s.errs["ReceiveMessage"]
}

func (s *fakeSQS) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.errs["DeleteMessageBatch"]; err != nil {
		return nil, err
	}
	for _, entry := range in.Entries {
		s.queues[*in.QueueUrl] = slices.DeleteFunc(s.queues[*in.QueueUrl], func(m *fakeMessage) bool {
			return aws.ToString(m.ReceiptHandle) == *entry.ReceiptHandle
		})
	}
	return &sqs.DeleteMessageBatchOutput{}, nil
}

func (s *fakeSQS) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[*in.QueueUrl] {
		if aws.ToString(m.ReceiptHandle) == *in.ReceiptHandle {
			m.visible = time.Now().Add(time.Duration(in.VisibilityTimeout) * time.Second)
		}
	}
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

func (s *fakeSQS) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	visible, invisible := s.count(*in.QueueUrl)
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages": strconv.Itoa(visible), "ApproximateNumberOfMessagesNotVisible": strconv.Itoa(invisible),
		"ApproximateNumberOfMessagesDelayed": "0",
	}}, s.errs["GetQueueAttributes"]
}

func (s *fakeSQS) count(queue string) (visible, invisible int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[queue] {
		if m.visible.After(time.Now()) {
			invisible++
		} else {
			visible++
		}
	}
	return visible, invisible
}

// texts returns the messages of a queue.
func (s *fakeSQS) texts(queue string) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[queue] {
		all = append(all, *m.Body)
	}
	return all
}

// store is a function with its queues, its Segment and its log.
type store struct {
	*testing.T
	*Function
	sqs     *fakeSQS
	segment *standIn
	log     *bytes.Buffer
}

// inStore runs a test in virtual time.
func inStore(t *testing.T, test func(*store)) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{T: t, sqs: &fakeSQS{queues: map[string][]*fakeMessage{}, errs: map[string]error{}}, segment: &standIn{}, log: &bytes.Buffer{}}
		s.Function = NewFunctionWithQueues(tracking.OrderCompleted, configured, spool.NewSQS(s.sqs, spool.URLs{Queue: "queue", Waiting: "waiting", DeadLetters: "dead"}),
			slog.New(slog.NewJSONHandler(s.log, nil)))
		s.Relay.Segment = segment.NewClient(s.segment)
		defer s.Relay.Segment.Close()
		test(s)
	})
}

// waits puts events on the waiting queue.
func (s *store) waits(bodies ...string) {
	s.Helper()
	for _, body := range bodies {
		item := relay.Item{Receives: 1, Fresh: true, Envelope: relay.Envelope{Received: time.Now(), Body: []byte(body)}}
		if err := s.queues.Retry(s.Context(), item, relay.Next{}); err != nil {
			s.Fatal(err)
		}
	}
}

// orders returns the webhooks of a number of orders.
func orders(many int) (bodies []string) {
	for i := range many {
		bodies = append(bodies, order(fmt.Sprint("o-", i)))
	}
	return bodies
}

// tick returns the record of a tick.
func tick(due time.Time) events.SQSMessage {
	return events.SQSMessage{
		MessageId: "tick", ReceiptHandle: "tick", EventSource: "aws:sqs",
		Body: fmt.Sprintf(`{"tick":{"due":%q}}`, due.UTC().Format(time.RFC3339Nano)),
	}
}

// invoke gives the function records, with the time limit of Lambda, and checks that it keeps
// none.
func (s *store) invoke(records ...events.SQSMessage) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), spool.DeliverWithin)
	defer cancel()
	response, err := s.SQS(ctx, events.SQSEvent{Records: records})
	if err != nil {
		s.Fatal(err)
	}
	equal(s.T, "kept", kept(response), []string{})
}

// is checks how many events are visible and invisible on the waiting queue, and how many
// requests Segment received.
func (s *store) is(visible, invisible, requests int) {
	s.Helper()
	v, i := s.sqs.count("waiting")
	equal(s.T, "visible, invisible, requests", []int{v, i, len(s.segment.bodies)}, []int{visible, invisible, requests})
}

// If events were not attempted again, the alarms would be the first to show it.
func TestATickDeliversWhatWaits(t *testing.T) {
	inStore(t, func(s *store) {
		s.waits(orders(65)...)
		s.invoke(tick(time.Now()))
		s.is(0, 0, 7)
		equal(s.T, "ticks", s.sqs.texts("queue"), []string{})
	})
}

// While Segment is down, a tick makes one request. Its events are invisible for less than the
// time between two ticks, so that the next tick after the repair finds them.
func TestATickStopsIfNothingIsDelivered(t *testing.T) {
	inStore(t, func(s *store) {
		s.segment.reject = "batch"
		s.waits(orders(25)...)
		s.invoke(tick(time.Now()))
		s.is(15, 10, 1)
		time.Sleep(betweenTicks)
		s.is(25, 0, 1)
		s.segment.reject = ""
		s.invoke(tick(time.Now()))
		s.is(0, 0, 4)
	})
}

// An event that always fails must not keep the others from being delivered, and must not be
// attempted all the time.
func TestAnEventThatAlwaysFailsDoesNotStopTheOthers(t *testing.T) {
	inStore(t, func(s *store) {
		s.waits(slices.Concat([]string{order("o-x")}, orders(29))...)
		bad := configured
		bad.Template = `payload.data.id = "o-x" ? $error("no") : ` + bad.Template
		s.Relay.Configuration = bad
		s.invoke(tick(time.Now()))
		s.is(0, 1, 3)
	})
}

// Thousands of events may fail because of a template, for a day. Others must not wait until all
// of those are attempted. But their attempts must not occupy the function, nor fill the log.
func TestEventsThatFailBecauseOfThemselvesDoNotHideOthers(t *testing.T) {
	inStore(t, func(s *store) {
		bad := configured
		bad.Template = `payload.data.id = "o-x" ? $error("no") : ` + bad.Template
		s.Relay.Configuration = bad
		s.waits(slices.Concat(slices.Repeat([]string{order("o-x")}, 50), orders(10))...)
		s.invoke(tick(time.Now()))
		s.is(0, 50, 1)
		s.waits(slices.Repeat([]string{order("o-x")}, 500)...)
		s.invoke(tick(time.Now()))
		s.is(400, 150, 1)
	})
}

// unreadable are settings that cannot be read.
type unreadable struct{}

func (unreadable) Current(context.Context) (relay.Config, error) {
	return relay.Config{}, errors.New("throttled")
}
func (unreadable) Reload(context.Context) (relay.Config, error) {
	return relay.Config{}, errors.New("throttled")
}

func TestATickStopsIfNoEventCanSucceed(t *testing.T) {
	inStore(t, func(s *store) {
		s.Relay.Configuration = unreadable{}
		s.waits(orders(25)...)
		s.invoke(tick(time.Now()))
		s.is(15, 10, 0)
	})
}

// A function that Lambda stops gets its whole batch again, with the events that it delivered.
func TestATickEndsInTimeWhileSQSIsSlow(t *testing.T) {
	inStore(t, func(s *store) {
		s.sqs.takes = 1300 * time.Millisecond
		s.waits(orders(200)...)
		started := time.Now()
		s.invoke(tick(time.Now()))
		s.is(150, 0, 5) // rounds of one, two and, without time for more, two batches
		if took := time.Since(started); took > spool.DeliverWithin-receivedWithin {
			t.Errorf("it took %v", took)
		}
	})
}

// slow is a Segment that takes a time for each request.
type slow struct {
	*standIn
	takes time.Duration
}

func (s slow) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case <-time.After(s.takes):
		return s.standIn.RoundTrip(request)
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// If ticks followed each other at once, they would occupy a small account after an outage.
func TestATickThatRunsOutOfTimeLeavesTheRestToTheNext(t *testing.T) {
	inStore(t, func(s *store) {
		client := segment.NewClient(slow{s.segment, 3500 * time.Millisecond})
		defer client.Close()
		s.Relay.Segment = client
		s.waits(orders(100)...)
		s.invoke(tick(time.Now()))
		s.is(70, 0, 3) // one batch, and then two
		equal(s.T, "messages on the queue", len(s.sqs.texts("queue")), 0)
	})
}

// While Segment hangs, ticks occupy the executions of a small account. A brief one does so for a
// quarter of the time.
func TestABriefTickWaitsTwoSecondsForSegment(t *testing.T) {
	for takes, left := range map[time.Duration]int{time.Second: 0, 3 * time.Second: 1} {
		t.Run(takes.String(), func(t *testing.T) {
			inStore(t, func(s *store) {
				client := segment.NewClient(slow{s.segment, takes})
				defer client.Close()
				s.Relay.Segment = client
				s.waits(orders(1)...)
				brief := tick(time.Now())
				brief.Body = strings.Replace(brief.Body, "}}", `,"brief":true}}`, 1)
				started := time.Now()
				s.invoke(brief)
				s.is(0, left, 1-left)
				if took := time.Since(started); took > 3*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A Segment that takes longer than the limit of fresh events must still work.
func TestASlowSegmentReceivesEventsByTicks(t *testing.T) {
	inStore(t, func(s *store) {
		client := segment.NewClient(slow{s.segment, 6 * time.Second})
		defer client.Close()
		s.Relay.Segment = client
		s.invoke(record(s.T, "1", webhook, "1"))
		s.is(1, 0, 0)
		s.invoke(tick(time.Now()))
		synctest.Wait()
		s.is(0, 0, 1)
	})
}

func TestTicksWithoutAnEffect(t *testing.T) {
	for _, c := range []struct {
		name     string
		records  func(now time.Time) []events.SQSMessage
		requests int
	}{
		{"one that is too old", func(now time.Time) []events.SQSMessage {
			return []events.SQSMessage{tick(now.Add(-61 * time.Second))}
		}, 0},
		{"two at once have the effect of one", func(now time.Time) []events.SQSMessage {
			return []events.SQSMessage{tick(now), tick(now)}
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(s *store) {
				s.segment.reject = "batch"
				s.waits(orders(30)...)
				s.invoke(c.records(time.Now())...)
				equal(t, "requests", len(s.segment.bodies), c.requests)
			})
		})
	}
}

// An event that must be retried leaves its queue, so that it is not in flight. If it cannot be
// moved, it stays there.
func TestFreshEventsThatMustBeRetriedMove(t *testing.T) {
	inStore(t, func(s *store) {
		s.segment.reject = "batch"
		s.invoke(record(s.T, "1", order("a"), "1"), record(s.T, "2", order("b"), "1"), tick(time.Now()))
		s.is(0, 2, 2)
		s.sqs.errs["SendMessage"] = errors.New("throttled")
		response, _ := s.SQS(s.Context(), events.SQSEvent{Records: []events.SQSMessage{record(s.T, "3", order("c"), "1")}})
		equal(s.T, "kept", kept(response), []string{"3"})
	})
}

// A tick must not bring back the events that were delivered in the same batch.
func TestAPanicOfATickIsItsOwn(t *testing.T) {
	inStore(t, func(s *store) {
		s.sqs.panics = true
		s.invoke(record(s.T, "1", webhook, "1"), tick(time.Now()))
		equal(s.T, "requests", len(s.segment.bodies), 1)
		if log := s.log.String(); !strings.Contains(log, `"msg":"panic"`) || strings.Contains(log, "swanson") {
			t.Errorf("the log is %s", log)
		}
	})
}

func TestErrorsOfATickAreLogged(t *testing.T) {
	for _, operation := range []string{"ReceiveMessage", "DeleteMessageBatch"} {
		t.Run(operation, func(t *testing.T) {
			inStore(t, func(s *store) {
				s.waits(webhook)
				s.sqs.errs[operation] = errors.New("it is throttled")
				s.invoke(tick(time.Now()))
				if log := s.log.String(); !strings.Contains(log, "it is throttled") || !strings.Contains(log, `"level":"WARN"`) {
					t.Errorf("the log is %s", log)
				}
			})
		})
	}
}

// Ten bodies of a megabyte are enough for one round.
func TestLargeBodiesAreReceivedInOneBatch(t *testing.T) {
	inStore(t, func(s *store) {
		random := func(id int) string { // gzip does not make it much smaller
			var text strings.Builder
			for n := uint64(id + 1); text.Len() < 300<<10; n = n*6364136223846793005 + 1442695040888963407 {
				text.WriteString(strconv.FormatUint(n, 36))
			}
			return strings.Replace(order(fmt.Sprint("o-", id)), `"payload":{`, `"payload":{"more":"`+text.String()+`",`, 1)
		}
		for i := range 30 {
			s.waits(random(i))
		}
		equal(s.T, "batches", len(s.receiveWaiting(s.Context(), maxBatches)), 1)
	})
}

func TestTheScheduleSendsTicks(t *testing.T) {
	for _, c := range []struct {
		name           string
		waiting, fresh int
		late           time.Duration
		ticks          int
	}{
		{"none if no event waits", 0, 0, 0, 0},
		{"three if events wait", 1, freshFirst, 0, 3},
		{"none while there are many accepted events", 1, freshFirst + 1, 0, 0},
		{"none if the call is late", 1, 0, 61 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(s *store) {
				s.waits(orders(c.waiting)...)
				for range c.fresh {
					if err := s.queues.Put(s.Context(), relay.Envelope{Body: []byte(webhook)}); err != nil {
						t.Fatal(err)
					}
				}
				payload := fmt.Sprintf(`{"version":"0","detail-type":"Scheduled Event","source":"aws.events","time":%q,"detail":{}}`, time.Now().Add(-c.late).UTC().Format(time.RFC3339))
				if answer, err := s.Invoke(s.Context(), []byte(payload)); err != nil || string(answer) != "null" {
					t.Errorf("the answer is %s, %v", answer, err)
				}
				var after []time.Duration
				for _, text := range s.sqs.texts("queue") {
					if tick, ok := spool.ParseTick(text); ok {
						after = append(after, tick.Due.Sub(ticksAfter(time.Now().Truncate(time.Second), s.place())[0]).Truncate(time.Second))
					}
				}
				equal(t, "when the ticks come", after, []time.Duration{0, betweenTicks, 2 * betweenTicks}[:c.ticks])
			})
		})
	}
}

// An error is an error of the function, so that its alarm is raised.
func TestAScheduleThatCannotCountFails(t *testing.T) {
	inStore(t, func(s *store) {
		s.sqs.errs["GetQueueAttributes"] = errors.New("access denied")
		if err := s.schedule(s.Context(), time.Now()); err == nil {
			t.Error("there is no error")
		}
	})
}

// While Segment hangs, a tick occupies one of the executions of the account for some seconds:
// those of the seven trackings must not come together, whenever their rules fire.
func TestTheTicksOfTrackingsComeAtDifferentTimes(t *testing.T) {
	seconds := map[int]bool{}
	for place := range tracking.All() {
		minute := time.Date(2026, time.November, 24, 10, 0, 7*place, 0, time.UTC)
		due := ticksAfter(minute, place)
		if due[0].Before(minute) || !due[0].Before(minute.Add(betweenTicks)) || due[2].Sub(due[0]) != 2*betweenTicks {
			t.Errorf("tracking %d has ticks at %v", place, due)
		}
		seconds[due[0].Second()%int(betweenTicks.Seconds())] = true
	}
	equal(t, "different seconds of the ticks", len(seconds), len(tracking.All()))
}
