package spool

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"commerce-segment/shared/relay"
)

// Redriver is the part of the SDK's client for SQS (*sqs.Client) with which the
// operator's program looks after dead letters.
type Redriver interface {
	Sender
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// SQSDeadLetters is a tracking's dead letters in AWS.
type SQSDeadLetters struct {
	client      Redriver
	deadLetters string // URL
	queue       string // URL of the queue they go back to
}

// NewSQSDeadLetters looks after the dead letters of a tracking's two queues, which
// it knows by their URLs.
func NewSQSDeadLetters(client Redriver, queue, deadLetters string) SQSDeadLetters {
	return SQSDeadLetters{client: client, deadLetters: deadLetters, queue: queue}
}

// Count is about how many dead letters there are, with those that somebody else
// has received. SQS may be a minute behind.
func (q SQSDeadLetters) Count(ctx context.Context) (int, error) {
	count, err := q.count(ctx, q.deadLetters)
	if err != nil {
		return 0, fmt.Errorf("counting dead letters: %w", err)
	}
	return count, nil
}

// CountWaiting is about how many events the queue holds to which dead letters go
// back: those that wait for their first attempt, or for another. SQS may be a minute
// behind.
func (q SQSDeadLetters) CountWaiting(ctx context.Context) (int, error) {
	count, err := q.count(ctx, q.queue)
	if err != nil {
		return 0, fmt.Errorf("counting waiting events: %w", err)
	}
	return count, nil
}

func (q SQSDeadLetters) count(ctx context.Context, url string) (count int, err error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	output, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: names})
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := strconv.Atoi(output.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("SQS gives no number as %s", name)
		}
		count += n
	}
	return count, nil
}

// List reads every dead letter, in no order, and leaves all of them where they are.
// While it reads, and for ten minutes where it is cut off, nobody else sees them.
func (q SQSDeadLetters) List(ctx context.Context) (letters []DeadLetter, err error) {
	err = q.each(ctx, listHolds, func(m types.Message) (done bool, err error) {
		letters = append(letters, deadLetter(m))
		return false, nil
	})
	return letters, err
}

// Redrive puts the dead letters that match back on the tracking's queue, as they
// are: what is sent of one is the same facts, with the same messageId, so Segment
// drops what it has had within a day. Those that do not match are invisible
// meanwhile, and for an hour where it is cut off. After each dead letter, of either
// kind, it tells progress how many it has looked at. It returns how many it put
// back, and its error says why it stopped: the rest is where it was.
func (q SQSDeadLetters) Redrive(ctx context.Context, matches func(DeadLetter) bool, progress func(looked int)) (moved int, err error) {
	looked, began := 0, time.Now()
	// What is delivered in vain meanwhile is buried again, as a new message with the
	// same text: without these sums it would go round for good. A twin that was there
	// before stays for the next time, and counts as looked at.
	gone := map[[sha256.Size]byte]bool{}
	err = q.each(ctx, redriveHolds, func(m types.Message) (done bool, err error) {
		sum := sha256.Sum256([]byte(aws.ToString(m.Body)))
		letter := deadLetter(m)
		if gone[sum] && letter.FailedAt.After(began) {
			return false, nil
		}
		if !gone[sum] && matches(letter) {
			// First to the queue: cut off between the two, it is there twice and sent
			// twice, which is better than never.
			if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(q.queue), MessageBody: m.Body}); err != nil {
				return false, fmt.Errorf("putting a dead letter back on its queue: %w", err)
			}
			moved++
			gone[sum] = true
			if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.deadLetters), ReceiptHandle: m.ReceiptHandle}); err != nil {
				return false, fmt.Errorf("deleting a dead letter that is back on its queue: %w", err)
			}
			done = true
		}
		looked++
		progress(looked)
		return done, nil
	})
	return moved, err
}

// How long a dead letter that was received is invisible: long enough to go through
// all the others, or the first would come round again. SQS lets 120,000 be
// invisible at a time, which are received within ten minutes.
const (
	listHolds    = 10 * time.Minute
	redriveHolds = time.Hour
)

// each hands every dead letter over once, and makes those that are not done with
// visible again in the end.
func (q SQSDeadLetters) each(ctx context.Context, hold time.Duration, handle func(types.Message) (done bool, err error)) error {
	var held []types.Message
	defer func() { q.release(context.WithoutCancel(ctx), held) }()
	began := time.Now()
	seen := map[string]bool{}
	for {
		output, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.deadLetters), MaxNumberOfMessages: BatchSize,
			WaitTimeSeconds:             1, // or SQS asks only some of its servers
			VisibilityTimeout:           int32(hold / time.Second),
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
			held = append(held, types.Message{ReceiptHandle: m.ReceiptHandle}) // and not what is in it
		}
		// SQS may hand a message out twice: only after the hold is that the first ones
		// coming round.
		if len(output.Messages) == 0 || !fresh && time.Since(began) > hold {
			return nil
		}
	}
}

const (
	releaseWithin  = time.Minute
	releasesAtOnce = 8
	releaseSize    = 10 // SQS's limit for a batch
)

// release makes messages visible at once, as far as that succeeds: in the end SQS
// makes them so by itself, so a failure is none of the caller's.
func (q SQSDeadLetters) release(ctx context.Context, messages []types.Message) {
	ctx, cancel := context.WithTimeout(ctx, releaseWithin)
	defer cancel()
	var releasing errgroup.Group
	releasing.SetLimit(releasesAtOnce)
	for batch := range slices.Chunk(messages, releaseSize) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(batch))
		for i, m := range batch {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
			}
		}
		releasing.Go(func() error {
			_, _ = q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(q.deadLetters), Entries: entries})
			return nil
		})
	}
	_ = releasing.Wait()
}

// deadLetter reads a message. One without a reason was handed out too often: SQS
// put it there by itself.
func deadLetter(m types.Message) DeadLetter {
	item := Open("", 0, aws.ToString(m.Body))
	letter := DeadLetter{ID: aws.ToString(m.MessageId), Envelope: item.Envelope, Err: item.Err, Failure: Exhausted(MaxReceives), FailedAt: sentAt(m)}
	if reason := text(m, attributeReason); reason != "" {
		receives, _ := strconv.Atoi(text(m, attributeReceives)) // Bury writes a number
		letter.Failure = relay.Failure{
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
