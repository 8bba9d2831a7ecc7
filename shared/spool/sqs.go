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

// Sender is the part of the SDK's client for SQS (*sqs.Client) that a function
// uses. Receiving and deleting is Lambda's own affair.
type Sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// SQS is a tracking's queue in AWS, with its dead-letter queue.
type SQS struct {
	client      Sender
	queue       string // URL
	deadLetters string // URL
}

var _ relay.Spool = SQS{}

// NewSQS is the spool in two queues, by their URLs.
func NewSQS(client Sender, queue, deadLetters string) SQS {
	return SQS{client: client, queue: queue, deadLetters: deadLetters}
}

// Put implements relay.Spool. Its error is a relay.ErrTooLarge where the queue
// takes no message of that size.
func (s SQS) Put(ctx context.Context, e relay.Envelope) error {
	text, err := Encode(e)
	if err != nil {
		return err
	}
	if err := s.send(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(s.queue), MessageBody: aws.String(text)}); err != nil {
		return fmt.Errorf("putting an event on the queue: %w", loggable.Refusal(err))
	}
	return nil
}

// maxInvisible is how long a message can be put off, counted from now. SQS counts
// from when it handed the message out, which is up to one visibility timeout ago.
const maxInvisible = 12*time.Hour - Visibility

// Postpone implements relay.Spool, in whole seconds: rounded up, so that nothing
// comes earlier than Segment asked for.
func (s SQS) Retry(ctx context.Context, item relay.Item, delay time.Duration) error {
	delay = min(max(delay, 0), maxInvisible)
	_, err := s.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(s.queue), ReceiptHandle: aws.String(item.Handle),
		VisibilityTimeout: int32((delay + time.Second - 1) / time.Second),
	})
	if err != nil {
		return fmt.Errorf("postponing an event on the queue: %w", loggable.Refusal(err))
	}
	return nil
}

// Bury implements relay.Spool. What the burial says becomes the message's
// attributes, named as its fields.
func (s SQS) Fail(ctx context.Context, e relay.Envelope, b relay.Failure) error {
	text, err := Encode(e)
	if err != nil {
		return err
	}
	err = s.send(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(s.deadLetters), MessageBody: aws.String(text), MessageAttributes: attributesOf(b),
	})
	if err != nil {
		return fmt.Errorf("putting an event on the dead-letter queue: %w", loggable.Refusal(err))
	}
	return nil
}

// send sends a message. Where SQS refuses it for its size, which it does under a
// code that it has for much else, the error is a relay.ErrTooLarge.
func (s SQS) send(ctx context.Context, message *sqs.SendMessageInput) error {
	_, err := s.client.SendMessage(ctx, message)
	var refusal smithy.APIError
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.ErrorCode(), "InvalidParameterValue") &&
		strings.Contains(refusal.ErrorMessage(), "must be shorter than") {
		return fmt.Errorf("%w: SQS refuses %d bytes: set the queue's MaximumMessageSize to %d",
			relay.ErrTooLarge, len(*message.MessageBody), MaxMessage)
	}
	return err
}

// The names of a dead letter's attributes.
const (
	attributeTracking = "Tracking"
	attributeReason   = "Reason"
	attributeDetail   = "Detail"
	attributeResource = "Resource"
	attributeReceives = "Receives"
)

func attributesOf(b relay.Failure) map[string]types.MessageAttributeValue {
	attributes := map[string]types.MessageAttributeValue{
		attributeReceives: {DataType: aws.String("Number"), StringValue: aws.String(strconv.Itoa(b.Receives))},
	}
	for name, value := range map[string]string{
		attributeTracking: b.Tracking, attributeReason: b.Reason, attributeDetail: b.Detail, attributeResource: b.Resource,
	} {
		if value = attributeText(value); value != "" { // SQS takes no empty one
			attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	return attributes
}

// maxAttribute bounds an attribute, in bytes, so that all of them together with
// their names and types fit into burialRoom.
const maxAttribute = 800

// attributeText is a text as SQS takes it in an attribute: of Unicode, what XML
// allows.
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
