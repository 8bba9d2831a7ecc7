package functions_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"commerce-segment/infra/emulator"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// cloud is the AWS of a store for one tracking: parameters and two queues, in the emulator
// or in its stand-in.
type cloud struct {
	t           testing.TB
	tracking    tracking.Tracking
	url         string // of AWS
	prefix      string
	queue, dead string            // URLs
	waiting     string            // URL of the queue of events that are retried
	stack       map[string]string // the outputs of the deployed stack
	sqs         *sqs.Client
	parameters  settings.EditableParameterStore
}

// newCloud returns an empty cloud. A message that is received from its queue is invisible
// for visibility seconds.
func newCloud(t testing.TB, url string, tracked tracking.Tracking, visibility int) *cloud {
	t.Helper()
	name := strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(t.Name())
	c := &cloud{t: t, tracking: tracked, url: url, prefix: "/" + name}
	config := aws.Config{
		Region: emulator.Region, BaseEndpoint: &url, HTTPClient: serve.BufferBodies(http.DefaultClient),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
	c.sqs = sqs.NewFromConfig(config)
	c.parameters = settings.NewEditableParameterStore(ssm.NewFromConfig(config), c.prefix)
	c.dead = c.newQueue("dead-"+strconv.Itoa(len(name))+name, map[string]string{})
	redrive := func(receives int) map[string]string {
		return map[string]string{
			"VisibilityTimeout": strconv.Itoa(visibility),
			"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn": %q, "maxReceiveCount": %d}`, c.attributes(c.dead)["QueueArn"], receives),
		}
	}
	c.queue = c.newQueue("queue-"+strconv.Itoa(len(name))+name, redrive(spool.MaxReceives))
	c.waiting = c.newQueue("waiting-"+strconv.Itoa(len(name))+name, redrive(spool.MaxWaitingReceives))
	return c
}

// queues returns the queues, as a function uses them.
func (c *cloud) queues() spool.SQS { return spool.NewSQS(c.sqs, c.urls()) }

func (c *cloud) urls() spool.URLs {
	return spool.URLs{Queue: c.queue, Waiting: c.waiting, DeadLetters: c.dead}
}

func (c *cloud) newQueue(name string, attributes map[string]string) (url string) {
	c.t.Helper()
	attributes["MaximumMessageSize"] = strconv.Itoa(spool.MaxMessage)
	output, err := c.sqs.CreateQueue(c.t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String(name[:min(len(name), 80)]), Attributes: attributes,
	})
	if err != nil {
		c.t.Fatalf("creating queue %s: %v", name, err)
	}
	return *output.QueueUrl
}

// environment returns the environment variables of a function in this cloud.
func (c *cloud) environment() []string {
	return append(emulator.Environment(c.url), serve.VariablePrefix+"="+c.prefix,
		serve.VariableQueue+"="+c.queue, serve.VariableWaiting+"="+c.waiting, serve.VariableDeadLetters+"="+c.dead)
}

// start starts the tracking's function in this cloud.
func (c *cloud) start() *process {
	c.t.Helper()
	return startIn(c.t, c.tracking.Name, c.environment()...)
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

// configure puts the parameters that a store needs, and more.
func (c *cloud) configure(segment *standIn, more map[string]string) {
	c.t.Helper()
	parameters := map[string]string{
		settings.SegmentHost: segment.url, settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret,
		settings.Enabled(c.tracking): "true",
	}
	maps.Copy(parameters, more)
	c.put(parameters)
}

// receive receives the visible messages of a queue, up to ten.
func (c *cloud) receive(queue string) []types.Message {
	c.t.Helper()
	messages, err := c.await(c.t.Context(), queue, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return messages
}

// await is receive with an error. It waits up to a number of seconds for a message.
func (c *cloud) await(ctx context.Context, queue string, seconds int32) ([]types.Message, error) {
	output, err := c.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: spool.BatchSize, WaitTimeSeconds: seconds,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	return output.Messages, nil
}

// deliver invokes a function with the visible messages, as Lambda's event source mapping
// does, and returns those that the function keeps.
func (c *cloud) deliver(function *process) (kept []types.Message) {
	c.t.Helper()
	kept, err := c.handOver(c.t.Context(), c.receive(c.queue), function)
	if err != nil {
		c.t.Fatal(err)
	}
	return kept
}

// handOver does what Lambda's event source mapping does with a batch: it invokes the
// function, and deletes the messages that the function does not keep. If the function
// fails, all of them stay.
func (c *cloud) handOver(ctx context.Context, messages []types.Message, function lambda) (kept []types.Message, err error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var event events.SQSEvent
	for _, m := range messages {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body,
			EventSource: "aws:sqs", AWSRegion: emulator.Region, Attributes: m.Attributes,
		})
	}
	var response events.SQSEventResponse
	if err := function.ask(event, &response); err != nil {
		return messages, err
	}
	failed := map[string]bool{}
	for _, failure := range response.BatchItemFailures {
		failed[failure.ItemIdentifier] = true
	}
	var done []types.DeleteMessageBatchRequestEntry
	for _, m := range messages {
		if failed[*m.MessageId] {
			kept = append(kept, m)
		} else {
			done = append(done, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
		}
	}
	if len(done) == 0 { // SQS rejects an empty batch
		return kept, nil
	}
	_, err = c.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &c.queue, Entries: done})
	return kept, err
}

// retry makes a function attempt the visible events of the waiting queue.
func (c *cloud) retry(function *process) {
	c.t.Helper()
	if err := c.queues().SendTick(c.t.Context(), spool.Tick{}, 0); err != nil {
		c.t.Fatal(err)
	}
	equal(c.t, "kept of a tick", len(c.deliver(function)), 0)
}

// count returns the numbers of visible and invisible messages of a queue.
func (c *cloud) count(queue string) (visible, invisible int) {
	c.t.Helper()
	attributes := c.attributes(queue)
	visible, _ = strconv.Atoi(attributes["ApproximateNumberOfMessages"])
	invisible, _ = strconv.Atoi(attributes["ApproximateNumberOfMessagesNotVisible"])
	return visible, invisible
}

// undelivered returns the number of events on both queues.
func (c *cloud) undelivered() int {
	c.t.Helper()
	count, err := spool.NewSQSDeadLetters(c.sqs, c.urls()).CountWaiting(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return count
}

func (c *cloud) attributes(queue string) map[string]string {
	c.t.Helper()
	output, err := c.sqs.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return output.Attributes
}
