package spool

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
)

// queueService is a server with the protocol of SQS. It accepts every message, unless
// answer is set.
type queueService struct {
	mu     sync.Mutex
	calls  []call
	answer func(http.ResponseWriter)
	url    string
}

// call is a request to SQS.
type call struct {
	Operation         string
	QueueURL          string `json:"QueueUrl"`
	MessageBody       string
	ReceiptHandle     string
	VisibilityTimeout *int
	DelaySeconds      int
	MessageAttributes map[string]struct{ DataType, StringValue string }
}

func newQueueService(t *testing.T) *queueService {
	s := &queueService{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *queueService) spool() SQS {
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.url), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	return NewSQS(client, URLs{s.url + "/1/queue", s.url + "/1/waiting", s.url + "/1/dead"})
}

func (s *queueService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := call{Operation: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")}
	if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
		panic(err)
	}
	s.calls = append(s.calls, one)
	if s.answer != nil {
		s.answer(w)
		return
	}
	w.Write([]byte(`{"MessageId":"1"}`))
}

// apiError answers with an error of SQS's JSON protocol, and with the code of its older protocol.
func apiError(status int, code, message string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Amzn-Query-Error", code+";Sender")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": message})
	}
}

func TestPutSendsTheEnvelopeToTheQueue(t *testing.T) {
	digest := commerce.DigestOf("secret_squirrel")
	for name, e := range map[string]relay.Envelope{
		"a genuine event":   {Received: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Body: []byte(`{"id":"é\u0000"}`)},
		"an unverified one": {Body: []byte(`{}`), Presented: &digest},
	} {
		t.Run(name, func(t *testing.T) {
			service := newQueueService(t)
			if err := service.spool().Put(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			got := service.calls[0]
			if got.Operation != "SendMessage" || got.QueueURL != service.url+"/1/queue" || got.MessageAttributes != nil {
				t.Errorf("the request is %+v", got)
			}
			if opened, err := Decode(got.MessageBody); err != nil || !reflect.DeepEqual(opened, e) {
				t.Errorf("the message contains %+v, error %v", opened, err)
			}
		})
	}
}

// The relay answers 413 only for an ErrTooLarge. After any other error, even one with the
// same code, it must deliver the event to Segment in the same call.
func TestOnlyAMessageThatIsTooLargeIsAnErrTooLarge(t *testing.T) {
	cases := []struct {
		name     string
		answer   func(http.ResponseWriter)
		tooLarge bool
		want     string
	}{
		{"a message that is too large for this queue",
			apiError(400, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes."),
			true, "SQS rejects 91 bytes: set the queue's MaximumMessageSize to 1048576"},
		{"the same, with the code of the JSON protocol",
			apiError(400, "InvalidParameterValueException", "One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes."), true, ""},
		{"another parameter is invalid", apiError(400, "InvalidParameterValue", "Value 7 for parameter DelaySeconds is invalid."), false, "AWS answered 400 InvalidParameterValue"},
		{"there is no such queue", apiError(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."), false, "AWS answered 400 AWS.SimpleQueueService.NonExistentQueue"},
		{"access is denied", apiError(403, "AccessDenied", "not authorized to perform: sqs:sendmessage"), false, "AWS answered 403 AccessDenied"},
		{"it throttles", apiError(400, "RequestThrottled", "slow down"), false, "AWS answered 400 RequestThrottled"},
		{"it is down", func(w http.ResponseWriter) { w.WriteHeader(500) }, false, "AWS answered 500"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			service := newQueueService(t)
			service.answer = c.answer
			err := service.spool().Put(t.Context(), relay.Envelope{Body: []byte(`{}`)})
			if err == nil || errors.Is(err, relay.ErrTooLarge) != c.tooLarge || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Put: %v, want %q", err, c.want)
			}
			if err := service.spool().Fail(t.Context(), relay.Envelope{Body: []byte(`{}`)}, relay.Failure{}); err == nil {
				t.Error("Fail: no error")
			}
			if err := service.spool().Retry(t.Context(), relay.Item{}, relay.Next{In: time.Second, Reason: "segment_500"}); err == nil {
				t.Error("Retry: no error")
			}
		})
	}
	t.Run("a message that is too large for any queue is not sent", func(t *testing.T) {
		service := newQueueService(t)
		huge := relay.Envelope{Body: random(MaxMessage)}
		if err := service.spool().Put(t.Context(), huge); !errors.Is(err, relay.ErrTooLarge) {
			t.Errorf("Put: %v", err)
		}
		if err := service.spool().Fail(t.Context(), huge, relay.Failure{}); !errors.Is(err, relay.ErrTooLarge) {
			t.Errorf("Fail: %v", err)
		}
		if len(service.calls) != 0 {
			t.Errorf("there were %d requests", len(service.calls))
		}
	})
}

// A retry that is earlier than Segment asked for is rejected again.
func TestSQSRetriesInWholeSeconds(t *testing.T) {
	cases := []struct {
		name  string
		delay time.Duration
		want  int
	}{
		{"whole seconds", 30 * time.Second, 30},
		{"rounded up", 30*time.Second + time.Millisecond, 31},
		{"nothing", 0, 0},
		{"less than nothing", -time.Second, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			service := newQueueService(t)
			if err := service.spool().Retry(t.Context(), relay.Item{Handle: "h"}, relay.Next{In: c.delay, Reason: "segment_500"}); err != nil {
				t.Fatal(err)
			}
			got := service.calls[0]
			if got.Operation != "ChangeMessageVisibility" || got.QueueURL != service.url+"/1/waiting" || got.ReceiptHandle != "h" ||
				got.VisibilityTimeout == nil || *got.VisibilityTimeout != c.want {
				t.Errorf("the request is %+v, want %d s", got, c.want)
			}
		})
	}
}

func TestADeadLetterOnSQSHasItsReason(t *testing.T) {
	service := newQueueService(t)
	e := relay.Envelope{Received: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Body: []byte(`{}`)}
	failure := relay.Failure{Tracking: "order-completed", Reason: "segment_400", Detail: "a\x00b\uFFFE\xffc\n…", Receives: 3}
	if err := service.spool().Fail(t.Context(), e, failure); err != nil {
		t.Fatal(err)
	}
	got := service.calls[0]
	if got.Operation != "SendMessage" || got.QueueURL != service.url+"/1/dead" {
		t.Errorf("the request is %+v", got)
	}
	if opened, err := Decode(got.MessageBody); err != nil || !reflect.DeepEqual(opened, e) {
		t.Errorf("the message contains %+v, error %v", opened, err)
	}
	// SQS would reject the message with an empty attribute, so there is no Resource.
	want := map[string]struct{ DataType, StringValue string }{
		"Tracking": {"String", "order-completed"}, "Reason": {"String", "segment_400"},
		"Detail": {"String", "ab\uFFFDc\n…"}, "Receives": {"Number", "3"},
	}
	if !reflect.DeepEqual(got.MessageAttributes, want) {
		t.Errorf("its attributes are %q, want %q", got.MessageAttributes, want)
	}
}

// The text can be that of another release, which only that release can open.
func TestSQSFailsATextUnchanged(t *testing.T) {
	service := newQueueService(t)
	const later = `{"v":99,"new":"field"}`
	if err := service.spool().FailText(t.Context(), later, relay.Failure{Reason: "envelope_version"}); err != nil {
		t.Fatal(err)
	}
	if got := service.calls[0]; got.QueueURL != service.url+"/1/dead" || got.MessageBody != later || got.MessageAttributes["Reason"].StringValue != "envelope_version" {
		t.Errorf("the request is %+v", got)
	}
}

// An event that fits the queue but not the dead-letter queue would be retried for 30
// hours, and then lose its reason.
func TestAnEventThatFitsTheQueueFitsItsDeadLetterQueue(t *testing.T) {
	service := newQueueService(t)
	long := strings.Repeat("é", 5000)
	body := random(MaxMessage)
	fits := sort.Search(len(body), func(size int) bool {
		_, err := Encode(relay.Envelope{Received: received, Body: body[:size+1]})
		return err != nil
	})
	largest := relay.Envelope{Received: received, Body: body[:fits]}
	if err := service.spool().Fail(t.Context(), largest, relay.Failure{Tracking: long, Reason: long, Detail: long, Resource: long, Receives: 36}); err != nil {
		t.Fatal(err)
	}
	got := service.calls[0]
	size := len(got.MessageBody)
	for name, attribute := range got.MessageAttributes {
		size += len(name) + len(attribute.DataType) + len(attribute.StringValue)
	}
	if size > MaxMessage || size < MaxMessage-2<<10 {
		t.Errorf("the message has %d bytes, want just under %d", size, MaxMessage)
	}
}
