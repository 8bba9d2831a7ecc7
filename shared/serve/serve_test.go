package serve

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool/spooltest"
)

var _ lambda.Handler = (*Function)(nil)

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnEventIsRecognizedByItsFields(t *testing.T) {
	batch := events.SQSEvent{Records: []events.SQSMessage{record(t, "1", webhook, "1"), {MessageId: "2", ReceiptHandle: "2", Body: "hello", EventSource: "aws:sqs"}}}
	cases := []struct {
		name, payload string
		want          string // the answer, or a part of the error
		fails         bool
	}{
		{"an HTTP request", marshal(t, post()), `"statusCode":202`, false},
		{"a batch", marshal(t, batch), `{"batchItemFailures":[{"itemIdentifier":"2"}]}`, false},
		{"an empty batch", `{"Records":[]}`, `{"batchItemFailures":[]}`, false},
		{"a batch of another service", `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"ron.swanson"}}]}`, "a batch of SQS messages or a scheduled event was expected", true},
		{"a batch with another service's record in it", `{"Records":[{"eventSource":"aws:sqs"},{"eventSource":"aws:kinesis"}]}`, "a batch of SQS messages or a scheduled event was expected", true},
		{"a request in payload format 1.0", `{"version":"1.0","httpMethod":"POST","path":"/webhooks/order-completed"}`, "payload format 2.0", true},
		{"a test event of the console", `{"key1":"value1"}`, "a request of an HTTP API in payload format 2.0", true},
		{"nothing", ``, "not JSON", true},
		{"null", `null`, "was expected", true},
		{"a list instead of an object", `["ron.swanson"]`, "not JSON of a known shape", true},
		{"a field of another type", `{"headers":"ron.swanson"}`, "not JSON of a known shape", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, segmentSide, _ := newFunction(nil)
			answer, err := f.Invoke(t.Context(), []byte(c.payload))
			if c.fails {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %s, error %v, want an error with %q", answer, err, c.want)
				}
				// aws-lambda-go logs the error.
				if strings.Contains(err.Error(), "swanson") {
					t.Errorf("the error quotes the event: %v", err)
				}
				equal(t, "requests to Segment", len(segmentSide.bodies), 0)
				return
			}
			if err != nil || !strings.Contains(string(answer), c.want) {
				t.Fatalf("got %s, error %v, want %s", answer, err, c.want)
			}
		})
	}
}

// absent is a Configuration that cannot be read.
type absent struct{ reads int }

func (a *absent) Current(ctx context.Context) (relay.Config, error) {
	a.reads++
	<-ctx.Done()
	return relay.Config{}, errors.New("no answer")
}
func (a *absent) Reload(ctx context.Context) (relay.Config, error) { return a.Current(ctx) }

// If a function did not start without settings, it would answer 502 to Commerce while
// Parameter Store is down, and lose every event.
func TestAFunctionStartsWithoutSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := spooltest.NewMemory()
		f, _, _ := newFunction(queue)
		settings := &absent{}
		f.Relay.Configuration = settings
		started := time.Now()
		f.warm()
		equal(t, "reads", settings.reads, 1)
		equal(t, "started after", time.Since(started), initWithin)
		response, _ := f.HTTP(t.Context(), post())
		equal(t, "status", response.StatusCode, 202)
		equal(t, "kept", queue.Counts().Visible, 1)
	})
}

func FuzzInvoke(f *testing.F) {
	f.Add([]byte(marshal(f, post())))
	f.Add([]byte(marshal(f, events.SQSEvent{Records: []events.SQSMessage{record(f, "1", webhook, "1")}})))
	f.Add([]byte(`{"Records":[{"eventSource":"aws:sqs"}]}`))
	f.Add([]byte(`{"key1":"value1"}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, payload []byte) {
		function, _, log := newFunction(spooltest.NewMemory())
		answer, err := function.Invoke(t.Context(), payload)
		if err == nil && !json.Valid(answer) {
			t.Fatalf("got %s, which is not JSON", answer)
		}
		if strings.Contains(log.String(), `"msg":"panic"`) {
			t.Fatalf("it panicked: %s", log)
		}
	})
}
