package account

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Client is what a function uses of *sqs.Client. The URL of a queue is its key in Queues.
type Client struct {
	Account *Account
	Queues  map[string]*Queue
}

// SendMessage sends a message.
func (c Client) SendMessage(ctx context.Context, input *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	q, err := c.call(ctx, input.QueueUrl)
	if err != nil {
		return nil, err
	}
	m := message{text: *input.MessageBody, attributes: input.MessageAttributes, sent: time.Now(), chain: chain(ctx)}
	q.charge([]message{m})
	return &sqs.SendMessageOutput{MessageId: aws.String(q.add(m, time.Duration(input.DelaySeconds)*time.Second))}, nil
}

// ChangeMessageVisibility changes when a received message is visible again.
func (c Client) ChangeMessageVisibility(ctx context.Context, input *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	q, err := c.call(ctx, input.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.charge(nil)
	if !q.postpone(*input.ReceiptHandle, time.Duration(input.VisibilityTimeout)*time.Second) {
		return nil, fmt.Errorf("MessageNotInflight: %s", *input.ReceiptHandle)
	}
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

// ReceiveMessage receives messages. It waits for the first one for as long as it is asked to.
func (c Client) ReceiveMessage(ctx context.Context, input *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	q, err := c.call(ctx, input.QueueUrl)
	if err != nil {
		return nil, err
	}
	messages := q.receive(ctx, int(input.MaxNumberOfMessages), time.Duration(input.WaitTimeSeconds)*time.Second)
	q.charge(messages)
	output := &sqs.ReceiveMessageOutput{}
	for _, m := range messages {
		output.Messages = append(output.Messages, types.Message{
			MessageId: aws.String(strconv.Itoa(m.number)), ReceiptHandle: aws.String(m.handle()), Body: aws.String(m.text),
			Attributes: m.system(), MessageAttributes: m.attributes,
		})
	}
	return output, ctx.Err()
}

// DeleteMessageBatch deletes received messages.
func (c Client) DeleteMessageBatch(ctx context.Context, input *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	q, err := c.call(ctx, input.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.charge(nil)
	for _, entry := range input.Entries {
		q.remove(*entry.ReceiptHandle)
	}
	return &sqs.DeleteMessageBatchOutput{}, nil
}

// GetQueueAttributes returns the numbers of messages.
func (c Client) GetQueueAttributes(ctx context.Context, input *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	q, err := c.call(ctx, input.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.charge(nil)
	counts := q.Counts()
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		string(types.QueueAttributeNameApproximateNumberOfMessages):           strconv.Itoa(counts.Visible),
		string(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible): strconv.Itoa(counts.InFlight),
		string(types.QueueAttributeNameApproximateNumberOfMessagesDelayed):    strconv.Itoa(counts.Delayed),
	}}, nil
}

// call takes as long as a call to SQS, and returns the queue with the URL.
func (c Client) call(ctx context.Context, url *string) (*Queue, error) {
	if err := Sleep(ctx, c.Account.Between(6*time.Millisecond, 18*time.Millisecond)); err != nil {
		return nil, err
	}
	q, ok := c.Queues[*url]
	if !ok {
		return nil, fmt.Errorf("QueueDoesNotExist: %s", *url)
	}
	return q, nil
}

// charge counts one request with these messages.
func (q *Queue) charge(messages []message) {
	size := 0
	for _, m := range messages {
		size += len(m.text)
	}
	q.account.count(func(u *Usage) { u.SQSRequests += max(1, (size+unit-1)/unit) })
}
