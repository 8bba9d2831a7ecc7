package spool

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/relay"
)

// Sender is the part of the SDK's client for SQS (*sqs.Client) that adds messages.
type Sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Client is the part of the SDK's client for SQS that a function uses. Lambda itself receives
// and deletes the messages of the queue of accepted events.
type Client interface {
	Sender
	counter
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// URLs are the addresses of the queues of a tracking.
type URLs struct {
	Queue       string // of accepted events, before their first attempt
	Waiting     string // of events that are retried
	DeadLetters string
}

// SQS has the queues of a tracking in AWS. An event that must be retried is moved from the
// queue of accepted events to the waiting queue, which no event source mapping reads: a message
// there is not in flight, of which SQS allows 120,000, and a function can attempt it at any
// time.
type SQS struct {
	client Client
	urls   URLs
}

var _ relay.Spool = SQS{}

// NewSQS returns the queues at these URLs.
func NewSQS(client Client, urls URLs) SQS { return SQS{client: client, urls: urls} }

// Put implements relay.Spool. Its error is a relay.ErrTooLarge if the message is too large
// for the queue.
func (s SQS) Put(ctx context.Context, e relay.Envelope) error {
	text, err := Encode(e)
	if err != nil {
		return err
	}
	if err := s.send(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(s.urls.Queue), MessageBody: aws.String(text)}); err != nil {
		return fmt.Errorf("putting an event on the queue: %w", loggable.AWSError(err))
	}
	return nil
}

// Retry implements relay.Spool. It rounds a delay up to whole seconds, so that no event is
// retried earlier than Segment asked for. SQS has no place for the reason; the log has it.
func (s SQS) Retry(ctx context.Context, item relay.Item, next relay.Next) error {
	if item.Fresh {
		return s.wait(ctx, item, next.NotBefore)
	}
	_, err := s.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(s.urls.Waiting), ReceiptHandle: aws.String(item.Handle), VisibilityTimeout: seconds(next.In),
	})
	if err != nil {
		return fmt.Errorf("scheduling the next attempt of an event on the waiting queue: %w", loggable.AWSError(err))
	}
	return nil
}

// seconds returns a delay in whole seconds, rounded up.
func seconds(delay time.Duration) int32 {
	return int32((max(delay, 0) + time.Second - 1) / time.Second)
}

// Fail implements relay.Spool. The fields of the failure become attributes of the message,
// with the same names.
func (s SQS) Fail(ctx context.Context, e relay.Envelope, f relay.Failure) error {
	text, err := Encode(e)
	if err != nil {
		return err
	}
	return s.FailText(ctx, text, f)
}

// FailText puts the text of an envelope on the dead-letter queue. It does not open the text,
// which can be that of another release.
func (s SQS) FailText(ctx context.Context, text string, f relay.Failure) error {
	err := s.send(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(s.urls.DeadLetters), MessageBody: aws.String(text), MessageAttributes: attributesOf(f),
	})
	if err != nil {
		return fmt.Errorf("putting an event on the dead-letter queue: %w", loggable.AWSError(err))
	}
	return nil
}

// send sends a message. If SQS rejects it because of its size, the error is a
// relay.ErrTooLarge. SQS has no code of its own for that, so send also reads the message
// of the error.
func (s SQS) send(ctx context.Context, message *sqs.SendMessageInput) error {
	_, err := s.client.SendMessage(ctx, message)
	var apiErr smithy.APIError
	if errors.As(err, &apiErr) && strings.HasPrefix(apiErr.ErrorCode(), "InvalidParameterValue") &&
		strings.Contains(apiErr.ErrorMessage(), "must be shorter than") {
		return fmt.Errorf("%w: SQS rejects %d bytes: set the queue's MaximumMessageSize to %d",
			relay.ErrTooLarge, len(*message.MessageBody), MaxMessage)
	}
	return err
}

// The names of the attributes of a dead letter.
const (
	attributeTracking = "Tracking"
	attributeReason   = "Reason"
	attributeDetail   = "Detail"
	attributeResource = "Resource"
	attributeReceives = "Receives"
)

func attributesOf(f relay.Failure) map[string]types.MessageAttributeValue {
	attributes := map[string]types.MessageAttributeValue{
		attributeReceives: {DataType: aws.String("Number"), StringValue: aws.String(strconv.Itoa(f.Receives))},
	}
	for name, value := range map[string]string{
		attributeTracking: f.Tracking, attributeReason: f.Reason, attributeDetail: f.Detail, attributeResource: f.Resource,
	} {
		if value = attributeText(value); value != "" { // SQS rejects an empty one
			attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	return attributes
}

// maxAttribute limits an attribute, in bytes. All attributes with their names and types
// must fit into failureRoom.
const maxAttribute = 800

// attributeText returns a text as SQS accepts it in an attribute: only characters that XML
// allows, and at most maxAttribute bytes.
func attributeText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r < 0xFFFE, r >= 0x10000:
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "�"))
	if len(text) <= maxAttribute {
		return text
	}
	cut := maxAttribute
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}
