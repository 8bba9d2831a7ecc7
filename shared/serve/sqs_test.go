package serve

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/spool"
	"commerce-segment/shared/spool/spooltest"
)

// kept returns the ids of the messages that a response leaves on the queue.
func kept(response events.SQSEventResponse) []string {
	var ids []string
	for _, failure := range response.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return ids
}

func order(id string) string { return strings.Replace(webhook, "o-1", id, 1) }

// The response must name exactly the records that must stay: one too many is delivered
// again, one too few is deleted and lost. It names them by message id, while the queue uses
// receipt handles.
func TestTheResponseNamesTheRecordsThatMustStay(t *testing.T) {
	cases := []struct {
		name    string
		reject  string // Segment answers 503 to a body that contains it
		records []events.SQSMessage
		kept    []string
	}{
		{"none of an empty batch", "", nil, nil},
		{"none if all are delivered", "", []events.SQSMessage{record(t, "1", order("a"), "1"), record(t, "2", order("b"), "1")}, nil},
		{"all if Segment is down", "batch", []events.SQSMessage{record(t, "1", order("a"), "1"), record(t, "2", order("b"), "1")}, []string{"1", "2"}},
		{"not a skipped event", "", []events.SQSMessage{record(t, "1", strings.Replace(webhook, "order.paid", "order.updated", 1), "1")}, nil},
		// There is no dead-letter queue here: the redrive policy of the queue moves the event.
		{"an event that cannot become a dead letter", "", []events.SQSMessage{
			record(t, "1", order("a"), "1"), {MessageId: "2", ReceiptHandle: "2", Body: "hello", EventSource: "aws:sqs"}, record(t, "3", order("c"), "1"),
		}, []string{"2"}},
		{"records without a receipt handle, if one of them must stay", "", []events.SQSMessage{
			{MessageId: "1", Body: "hello"}, {MessageId: "2", Body: "hello"},
		}, []string{"1", "2"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, segmentSide, _ := newFunction(nil)
			segmentSide.reject = c.reject
			response, err := f.SQS(t.Context(), events.SQSEvent{Records: c.records})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "kept", kept(response), c.kept)
			// null is not a valid list of failures.
			if response.BatchItemFailures == nil {
				t.Error("batchItemFailures is nil")
			}
		})
	}
}

// A batch of ten large bodies would use too much memory.
func TestLargeBodiesAreDeliveredOneByOne(t *testing.T) {
	large := func(id string) string {
		return strings.Replace(order(id), `"payload":{`, `"payload":{"more":"`+strings.Repeat("a", spool.BatchBytes)+`",`, 1)
	}
	f, segmentSide, _ := newFunction(nil)
	response, err := f.SQS(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		record(t, "1", large("a"), "1"), record(t, "2", order("b"), "1"), record(t, "3", order("c"), "1"), record(t, "4", large("d"), "1"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "kept", kept(response), []string{})
	equal(t, "requests to Segment", len(segmentSide.bodies), 2)
}

func TestAnEventThatCannotBeOpenedBecomesADeadLetter(t *testing.T) {
	queue := spooltest.NewMemory()
	f, _, _ := newFunction(queue)
	response, _ := f.SQS(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", ReceiptHandle: "1", Body: "hello"}}})
	equal(t, "kept", kept(response), []string{})
	letter := queue.DeadLetters()[0]
	equal(t, "reason", letter.Failure.Reason, "envelope_unreadable")
	equal(t, "body", string(letter.Envelope.Body), "hello")
}

func TestReceivesAreCountedBySQS(t *testing.T) {
	cases := []struct {
		name, attribute string
		want            int
	}{
		{"the first time", "1", 1},
		{"the last time", "36", 36},
		{"an attribute that is missing", "", 1},
		{"an attribute that is not a number", "many", 1},
		{"an impossible number", "0", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, _, log := newFunction(nil)
			f.SQS(t.Context(), events.SQSEvent{Records: []events.SQSMessage{record(t, "1", webhook, c.attribute)}})
			if want := `"receives":` + strconv.Itoa(c.want) + `,`; !strings.Contains(log.String(), want) {
				t.Errorf("the log does not contain %s: %s", want, log)
			}
		})
	}
}

// If the outcome of a batch is unknown, the whole batch must stay on the queue. Segment
// drops the messages that it already has by their messageId.
func TestAPanicKeepsTheWholeBatch(t *testing.T) {
	f, _, log := newFunction(nil)
	f.Relay.Configuration = broken{}
	response, err := f.SQS(t.Context(), events.SQSEvent{Records: []events.SQSMessage{record(t, "1", webhook, "1"), record(t, "2", webhook, "1")}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "kept", kept(response), []string{"1", "2"})
	if !strings.Contains(log.String(), `"msg":"panic"`) || strings.Contains(log.String(), "swanson") {
		t.Errorf("got the log %s", log)
	}
}

func FuzzSQS(f *testing.F) {
	f.Add("1", "handle", record(f, "1", webhook, "1").Body, "1")
	f.Add("2", "", record(f, "2", `{}`, "1").Body, "36")
	f.Add("", "", "hello", "many")
	f.Fuzz(func(t *testing.T, id, handle, body, receives string) {
		queue := spooltest.NewMemory()
		function, segmentSide, _ := newFunction(queue)
		response, err := function.SQS(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{
			MessageId: id, ReceiptHandle: handle, Body: body, EventSource: "aws:sqs",
			Attributes: map[string]string{"ApproximateReceiveCount": receives},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		// Every record is kept, failed, delivered or skipped. A record that cannot be
		// opened is kept or failed.
		_, unreadable := spool.Decode(body)
		held := len(response.BatchItemFailures) + queue.Counts().Dead
		if unreadable != nil && held != 1 || held > 1 || held == 1 && len(segmentSide.bodies) > 0 {
			t.Fatalf("kept %v, failed %d, sent %d", kept(response), queue.Counts().Dead, len(segmentSide.bodies))
		}
	})
}
