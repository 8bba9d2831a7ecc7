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

// DeadLetterClient is the part of the SDK's client for SQS (*sqs.Client) with which the
// operator's program lists and redrives dead letters.
type DeadLetterClient interface {
	Sender
	counter
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// SQSDeadLetters is the dead-letter queue of a tracking in AWS.
type SQSDeadLetters struct {
	client DeadLetterClient
	urls   URLs
}

// NewSQSDeadLetters returns the dead letters of the tracking with these queues.
func NewSQSDeadLetters(client DeadLetterClient, urls URLs) SQSDeadLetters {
	return SQSDeadLetters{client: client, urls: urls}
}

// held are the messages of a queue that can be received, or have been. A message whose delay
// has not passed is not held: on the queue of accepted events only ticks have a delay.
var held = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
}

// Count returns the approximate number of dead letters, including those that another
// reader has received. The number may be a minute old.
func (q SQSDeadLetters) Count(ctx context.Context) (int, error) {
	return count(ctx, q.client, q.urls.DeadLetters, held...)
}

// CountWaiting returns the approximate number of the tracking's events: before their first
// attempt, or retrying. The number may be a minute old.
func (q SQSDeadLetters) CountWaiting(ctx context.Context) (int, error) {
	fresh, err := count(ctx, q.client, q.urls.Queue, held...)
	if err != nil {
		return 0, err
	}
	waiting, err := countWaiting(ctx, q.client, q.urls)
	return fresh + waiting, err
}

// List returns every dead letter, in no particular order, and leaves them on their queue.
// While it reads they are invisible to other readers; if the process is stopped, for ten
// minutes.
func (q SQSDeadLetters) List(ctx context.Context) (letters []DeadLetter, err error) {
	err = q.each(ctx, listHolds, func(m types.Message) (done bool, err error) {
		letters = append(letters, deadLetter(m))
		return false, nil
	})
	return letters, err
}

// Redrive puts the dead letters that match back on the tracking's queue, unchanged. Their
// messages have the same messageId as before, so Segment drops those that it received
// within the last day. The other dead letters are invisible while Redrive runs; if the
// process is stopped, for an hour. After each dead letter, Redrive calls progress with the
// number of dead letters that it has examined. It returns how many it put back. After an
// error, the remaining dead letters are still on their queue.
func (q SQSDeadLetters) Redrive(ctx context.Context, matches func(DeadLetter) bool, progress func(examined int)) (moved int, err error) {
	examined, began := 0, time.Now()
	// An event that fails again while Redrive runs becomes a new dead letter with the same
	// text. Without these sums Redrive would move it again and again. An older dead letter
	// with the same text stays for the next Redrive, and is included in examined.
	gone := map[[sha256.Size]byte]bool{}
	err = q.each(ctx, redriveHolds, func(m types.Message) (done bool, err error) {
		sum := sha256.Sum256([]byte(aws.ToString(m.Body)))
		letter := deadLetter(m)
		if gone[sum] && letter.FailedAt.After(began) {
			return false, nil
		}
		if !gone[sum] && matches(letter) {
			// Sending comes first: if the process is stopped between the two calls, the
			// event is delivered twice, which is better than never.
			if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(q.urls.Queue), MessageBody: m.Body}); err != nil {
				return false, fmt.Errorf("putting a dead letter back on its queue: %w", err)
			}
			moved++
			gone[sum] = true
			if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.urls.DeadLetters), ReceiptHandle: m.ReceiptHandle}); err != nil {
				return false, fmt.Errorf("deleting a dead letter that is back on its queue: %w", err)
			}
			done = true
		}
		examined++
		progress(examined)
		return done, nil
	})
	return moved, err
}

// How long a received dead letter is invisible. It must be long enough to receive all the
// others, or the first would be received again. SQS allows 120,000 invisible messages at a
// time, and receiving those takes less than ten minutes.
const (
	listHolds    = 10 * time.Minute
	redriveHolds = time.Hour
)

// each calls handle once for every dead letter. At the end it makes those that are not
// done visible again.
func (q SQSDeadLetters) each(ctx context.Context, hold time.Duration, handle func(types.Message) (done bool, err error)) error {
	var received []types.Message
	defer func() { q.release(context.WithoutCancel(ctx), received) }()
	began := time.Now()
	seen := map[string]bool{}
	for {
		output, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.urls.DeadLetters), MaxNumberOfMessages: BatchSize,
			WaitTimeSeconds:             1, // with 0, SQS asks only some of its servers
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
					received = append(received, output.Messages[i:]...)
					return err
				}
				if done {
					continue
				}
			}
			received = append(received, types.Message{ReceiptHandle: m.ReceiptHandle}) // without its body
		}
		// SQS may hand out a message twice. Only after the hold has ended does a repeated
		// message mean that all have been received.
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

// release makes messages visible now. It ignores errors, because SQS makes the messages
// visible later in any case.
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
			_, _ = q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(q.urls.DeadLetters), Entries: entries})
			return nil
		})
	}
	_ = releasing.Wait()
}

// deadLetter converts a message. A message without a reason was received too often: the
// redrive policy of SQS moved it.
func deadLetter(m types.Message) DeadLetter {
	item := Open("", 0, aws.ToString(m.Body))
	letter := DeadLetter{ID: aws.ToString(m.MessageId), Envelope: item.Envelope, Err: item.Err, Failure: Exhausted(0), FailedAt: sentAt(m)}
	if reason := text(m, attributeReason); reason != "" {
		receives, _ := strconv.Atoi(text(m, attributeReceives)) // Fail writes a number
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

// sentAt returns when a message was put on the dead-letter queue. If SQS moved it there,
// it is when the message was put on the tracking's queue: SQS keeps that time.
func sentAt(m types.Message) time.Time {
	millis, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
