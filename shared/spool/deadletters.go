package spool

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"commerce-segment/shared/relay"
)

// Redriver is the part of the SDK's client for SQS (*sqs.Client) with which the
// operator's program looks after dead letters.
type Redriver interface {
	Sender
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// DeadLetterQueue is a tracking's dead letters in AWS.
type DeadLetterQueue struct {
	client      Redriver
	deadLetters string // URL
	queue       string // URL of the queue they go back to
}

// NewDeadLetterQueue looks after the dead letters of a tracking's two queues, which
// it knows by their URLs.
func NewDeadLetterQueue(client Redriver, queue, deadLetters string) DeadLetterQueue {
	return DeadLetterQueue{client: client, deadLetters: deadLetters, queue: queue}
}

// List reads every dead letter, in no order, and leaves all of them where they are.
// While it reads, and for a minute where it is cut off, nobody else sees them.
func (q DeadLetterQueue) List(ctx context.Context) (letters []DeadLetter, err error) {
	err = q.each(ctx, func(m types.Message) (done bool, err error) {
		letters = append(letters, deadLetter(m))
		return false, nil
	})
	return letters, err
}

// Redrive puts the dead letters that match back on the tracking's queue, as they
// are: what is sent of one is the same facts, with the same messageId, so Segment
// drops what it has had within a day. After each one it tells progress how many
// have gone. It returns how many did, and its error says why it stopped: the rest
// is where it was.
func (q DeadLetterQueue) Redrive(ctx context.Context, matches func(DeadLetter) bool, progress func(moved int)) (moved int, err error) {
	err = q.each(ctx, func(m types.Message) (done bool, err error) {
		if !matches(deadLetter(m)) {
			return false, nil
		}
		// First to the queue: cut off between the two, it is there twice and sent
		// twice, which is better than never.
		if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(q.queue), MessageBody: m.Body}); err != nil {
			return false, fmt.Errorf("putting a dead letter back on its queue: %w", err)
		}
		moved++
		progress(moved)
		if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.deadLetters), ReceiptHandle: m.ReceiptHandle}); err != nil {
			return false, fmt.Errorf("deleting a dead letter that is back on its queue: %w", err)
		}
		return true, nil
	})
	return moved, err
}

// heldFor is how long a dead letter that was received is invisible. It is long
// enough to receive the others, or the first would come round again.
const heldFor = time.Minute

// each hands every dead letter over once, and makes those that are not done with
// visible again in the end.
func (q DeadLetterQueue) each(ctx context.Context, handle func(types.Message) (done bool, err error)) (err error) {
	var held []types.Message
	defer func() { err = errors.Join(err, q.release(context.WithoutCancel(ctx), held)) }()
	seen := map[string]bool{}
	for {
		output, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.deadLetters), MaxNumberOfMessages: BatchSize,
			WaitTimeSeconds:             1, // or SQS asks only some of its servers
			VisibilityTimeout:           int32(heldFor / time.Second),
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return fmt.Errorf("receiving dead letters: %w", err)
		}
		fresh := false
		for i, m := range output.Messages {
			if id := aws.ToString(m.MessageId); !seen[id] {
				seen[id], fresh = true, true
				done, err := handle(m)
				if err != nil {
					held = append(held, output.Messages[i:]...)
					return err
				}
				if done {
					continue
				}
			}
			held = append(held, m)
		}
		if !fresh { // the queue is empty, or they come round again
			return nil
		}
	}
}

// release makes messages visible at once. It goes on after an error: the rest would
// come back by itself, but only after a minute.
func (q DeadLetterQueue) release(ctx context.Context, messages []types.Message) error {
	ctx, cancel := context.WithTimeout(ctx, heldFor)
	defer cancel()
	var failed error
	for _, m := range messages {
		_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: aws.String(q.deadLetters), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
		})
		if err != nil {
			failed = fmt.Errorf("making a dead letter visible again (it is so within a minute): %w", err)
		}
	}
	return failed
}

// deadLetter reads a message. One without a reason was handed out too often: SQS
// put it there by itself.
func deadLetter(m types.Message) DeadLetter {
	item := Open("", 0, aws.ToString(m.Body))
	letter := DeadLetter{Envelope: item.Envelope, Err: item.Err, Burial: exhausted(MaxReceives), Buried: sentAt(m)}
	if reason := text(m, attributeReason); reason != "" {
		receives, _ := strconv.Atoi(text(m, attributeReceives)) // Bury writes a number
		letter.Burial = relay.Burial{
			Tracking: text(m, attributeTracking), Reason: reason, Detail: text(m, attributeDetail),
			Resource: text(m, attributeResource), Receives: receives,
		}
	}
	return letter
}

func text(m types.Message, attribute string) string {
	return aws.ToString(m.MessageAttributes[attribute].StringValue)
}

// sentAt is when a message was put where it is, or, where SQS moved it there by
// itself, when it first came: SQS keeps that time.
func sentAt(m types.Message) time.Time {
	millis, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
