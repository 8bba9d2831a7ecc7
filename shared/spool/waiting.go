package spool

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/relay"
)

// maxDelay is the longest time for which SQS keeps a new message invisible. It is longer than
// any pause that Segment or Commerce may ask for.
const maxDelay = 15 * time.Minute

// wait puts an event on the waiting queue, with the number of its attempts. Nothing receives
// it before a delay has passed. The text of an envelope that only another release can open is
// sent unchanged.
func (s SQS) wait(ctx context.Context, item relay.Item, delay time.Duration) error {
	text, err := string(item.Envelope.Body), error(nil)
	if item.Err == nil {
		text, err = Encode(item.Envelope)
	}
	if err != nil {
		return err
	}
	err = s.send(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(s.urls.Waiting), MessageBody: aws.String(text), DelaySeconds: seconds(min(delay, maxDelay)),
		MessageAttributes: attributesOf(relay.Failure{Receives: item.Receives}),
	})
	if err != nil {
		return fmt.Errorf("putting an event on the waiting queue: %w", loggable.AWSError(err))
	}
	return nil
}

// receiveWaits is how long a receive waits for the first message, in seconds. With 0, SQS
// would ask only some of its servers.
const receiveWaits = 1

// ReceiveWaiting returns the messages of at most BatchSize events that are retried and visible,
// for OpenWaiting. They are invisible for the Visibility from then on.
func (s SQS) ReceiveWaiting(ctx context.Context) ([]types.Message, error) {
	output, err := s.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(s.urls.Waiting), MaxNumberOfMessages: BatchSize, WaitTimeSeconds: receiveWaits,
		MessageAttributeNames: []string{attributeReceives},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("receiving events from the waiting queue: %w", loggable.AWSError(err))
	}
	return output.Messages, nil
}

// OpenWaiting returns the item of a message that ReceiveWaiting returned.
func OpenWaiting(m types.Message) relay.Item {
	before, _ := strconv.Atoi(text(m, attributeReceives)) // wait writes a number
	here, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	item := Open(aws.ToString(m.ReceiptHandle), before+max(here, 1), aws.ToString(m.Body))
	item.WaitingSince = sentAt(m)
	item.Last = IsLast(item.WaitingSince, here)
	return item
}

// DeleteWaiting deletes at most BatchSize events from the waiting queue, by the handles of
// their items. An event that cannot be deleted is attempted again.
func (s SQS) DeleteWaiting(ctx context.Context, handles []string) error {
	if len(handles) == 0 {
		return nil
	}
	entries := make([]types.DeleteMessageBatchRequestEntry, len(handles))
	for i, handle := range handles {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(handle)}
	}
	output, err := s.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(s.urls.Waiting), Entries: entries})
	if err != nil {
		return fmt.Errorf("deleting events from the waiting queue: %w", loggable.AWSError(err))
	}
	if n := len(output.Failed); n > 0 {
		return fmt.Errorf("deleting events from the waiting queue: %d of %d are not deleted (%s)", n, len(handles), aws.ToString(output.Failed[0].Code))
	}
	return nil
}

// CountFresh returns the approximate number of messages on the queue of accepted events that
// can be received now.
func (s SQS) CountFresh(ctx context.Context) (int, error) {
	return count(ctx, s.client, s.urls.Queue, types.QueueAttributeNameApproximateNumberOfMessages)
}

// CountWaiting returns the approximate number of events that are retried.
func (s SQS) CountWaiting(ctx context.Context) (int, error) {
	return countWaiting(ctx, s.client, s.urls)
}

// counter is the part of the SDK's client that counts messages.
type counter interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// countWaiting counts all messages of the waiting queue. A message whose delay has not passed is
// only in the number of those.
func countWaiting(ctx context.Context, client counter, urls URLs) (int, error) {
	return count(ctx, client, urls.Waiting, types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
}

// count returns the sum of attributes of a queue that are numbers of messages.
func count(ctx context.Context, client counter, url string, names ...types.QueueAttributeName) (sum int, err error) {
	output, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("counting the messages of a queue: %w", loggable.AWSError(err))
	}
	for _, name := range names {
		n, err := strconv.Atoi(output.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("counting the messages of a queue: the answer of SQS has no number for %s", name)
		}
		sum += n
	}
	return sum, nil
}
