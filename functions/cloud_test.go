package functions_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"commerce-segment/infra/emulator"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// cloud is what a store has of AWS for one tracking: parameters and two queues in
// the emulator. Between the function and the emulator stands a proxy, with which
// each service can fail.
type cloud struct {
	t           *testing.T
	tracking    tracking.Tracking
	prefix      string
	queue, dead string // URLs
	sqs         *sqs.Client
	parameters  settings.EditableParameterStore
	endpoint    string // the proxy's

	mu    sync.Mutex
	fault map[string]fault // by service: "AmazonSSM", "AmazonSQS"
	over  chan struct{}    // closed when the test ends
}

// fault is how a service fails; nil where it does not. It says whether the service
// gets the request nevertheless.
type fault func(c *cloud, w http.ResponseWriter, r *http.Request) (passes bool)

func newCloud(t *testing.T, tracked tracking.Tracking, visibility int) *cloud {
	t.Helper()
	emulated := emulator.Shared(t).URL
	name := strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(t.Name())
	c := &cloud{t: t, tracking: tracked, prefix: "/" + name, fault: map[string]fault{}, over: make(chan struct{})}

	config := aws.Config{
		Region: "us-east-1", BaseEndpoint: &emulated,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
	c.sqs = sqs.NewFromConfig(config)
	c.parameters = settings.NewEditableParameterStore(ssm.NewFromConfig(config), c.prefix)
	c.dead = c.newQueue("dead-"+strconv.Itoa(len(name))+name, 30)
	c.queue = c.newQueue("queue-"+strconv.Itoa(len(name))+name, visibility)

	target, err := url.Parse(emulated)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c.proxy(httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(c.over) }) // first
	c.endpoint = server.URL
	return c
}

func (c *cloud) newQueue(name string, visibility int) (url string) {
	c.t.Helper()
	if len(name) > 80 {
		name = name[:80]
	}
	output, err := c.sqs.CreateQueue(c.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{
		"MaximumMessageSize": "1048576", "VisibilityTimeout": strconv.Itoa(visibility),
	}})
	if err != nil {
		c.t.Fatalf("creating queue %s: %v", name, err)
	}
	return *output.QueueUrl
}

// proxy lets the services fail.
func (c *cloud) proxy(emulator http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		c.mu.Lock()
		fails := c.fault[service]
		c.mu.Unlock()
		if fails != nil && !fails(c, w, r) {
			return
		}
		emulator.ServeHTTP(w, r)
	}
}

// The faults. A service that hangs takes the connection and never answers.
var (
	hangs fault = func(c *cloud, _ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-c.over:
		case <-r.Context().Done():
		}
		return false
	}
	isDown    fault = func(*cloud, http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	throttles fault = func(_ *cloud, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Amzn-ErrorType", "ThrottlingException")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"__type":"ThrottlingException","message":"Rate exceeded"}`))
		return false
	}
	isSlow fault = func(*cloud, http.ResponseWriter, *http.Request) bool {
		time.Sleep(time.Second)
		return true
	}
)

const (
	parameterStore = "AmazonSSM"
	queues         = "AmazonSQS"
)

// fail makes a service fail from now on; nil makes it work again.
func (c *cloud) fail(service string, f fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault[service] = f
}

// start starts the tracking's function in this cloud.
func (c *cloud) start(more ...string) *process {
	c.t.Helper()
	return startIn(c.t, c.tracking.Name, append([]string{
		"AWS_ENDPOINT_URL=" + c.endpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=test",
		serve.VariablePrefix + "=" + c.prefix,
		serve.VariableQueue + "=" + c.queue, serve.VariableDeadLetters + "=" + c.dead,
	}, more...)...)
}

// put writes parameters as the operator's program does.
func (c *cloud) put(parameters map[string]string) {
	c.t.Helper()
	for name, value := range parameters {
		if err := c.parameters.Put(c.t.Context(), name, value); err != nil {
			c.t.Fatal(err)
		}
	}
}

// configure is put with all that a store needs.
func (c *cloud) configure(segment *standIn, more map[string]string) {
	c.t.Helper()
	parameters := map[string]string{
		settings.SegmentHost: segment.url, settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret,
	}
	maps.Copy(parameters, more)
	c.put(parameters)
}

// receive takes what is visible in a queue, up to ten messages.
func (c *cloud) receive(queue string) []types.Message {
	c.t.Helper()
	output, err := c.sqs.ReceiveMessage(c.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return output.Messages
}

// deliver does what Lambda's event source mapping does with a batch: it hands what
// is visible to the function, and deletes what is not to be kept.
func (c *cloud) deliver(function *process) (kept []types.Message) {
	c.t.Helper()
	messages := c.receive(c.queue)
	if len(messages) == 0 {
		return nil
	}
	var event events.SQSEvent
	for _, m := range messages {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body,
			EventSource: "aws:sqs", AWSRegion: "us-east-1", Attributes: m.Attributes,
		})
	}
	var response events.SQSEventResponse
	function.answer(c.t, event, &response)
	failed := map[string]bool{}
	for _, failure := range response.BatchItemFailures {
		failed[failure.ItemIdentifier] = true
	}
	for _, m := range messages {
		if failed[*m.MessageId] {
			kept = append(kept, m)
			continue
		}
		if _, err := c.sqs.DeleteMessage(c.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &c.queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
			c.t.Fatal(err)
		}
	}
	return kept
}

// bringBack makes messages visible at once, in place of the time that passes.
func (c *cloud) bringBack(messages []types.Message) {
	c.t.Helper()
	for _, m := range messages {
		if _, err := c.sqs.ChangeMessageVisibility(c.t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &c.queue, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
		}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// count is how many messages a queue holds, visible and not.
func (c *cloud) count(queue string) (visible, invisible int) {
	c.t.Helper()
	output, err := c.sqs.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{"All"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	visible, _ = strconv.Atoi(output.Attributes["ApproximateNumberOfMessages"])
	invisible, _ = strconv.Atoi(output.Attributes["ApproximateNumberOfMessagesNotVisible"])
	return visible, invisible
}
