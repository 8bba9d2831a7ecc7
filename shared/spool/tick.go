package spool

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/shared/loggable"
)

// Tick is a message on the queue of accepted events. It makes the function attempt the events
// of the waiting queue. It comes over that queue so that a pause of the queue also pauses the
// attempts.
type Tick struct {
	Due time.Time `json:"due"` // when it was to be received
	// Brief means that its first request to Segment may take only a short time.
	Brief bool `json:"brief,omitempty"`
}

// tickFor is how long a tick has an effect.
const tickFor = time.Minute

// IsOver reports whether the tick is too old: others have come since then, and the queue has
// more important messages.
func (t Tick) IsOver(now time.Time) bool { return now.Sub(t.Due) > tickFor }

// tickText is the text of a tick on the queue. No envelope begins as it does.
type tickText struct {
	Tick Tick `json:"tick"`
}

// SendTick puts a tick on the queue. It is due after a delay of whole seconds.
func (s SQS) SendTick(ctx context.Context, t Tick, delay time.Duration) error {
	t.Due = time.Now().Add(delay).UTC()
	text, err := json.Marshal(tickText{t})
	if err != nil {
		return fmt.Errorf("encoding a tick: %w", err)
	}
	_, err = s.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(s.urls.Queue), MessageBody: aws.String(string(text)), DelaySeconds: seconds(delay),
	})
	if err != nil {
		return fmt.Errorf("putting a tick on the queue: %w", loggable.AWSError(err))
	}
	return nil
}

// ParseTick parses the text of a message. ok is false if it is not a tick.
func ParseTick(text string) (t Tick, ok bool) {
	if !strings.HasPrefix(text, `{"tick":`) {
		return Tick{}, false
	}
	var read tickText
	err := json.Unmarshal([]byte(text), &read)
	return read.Tick, err == nil
}
