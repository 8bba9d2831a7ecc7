package serve

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// SQS delivers a batch that the spool's queue hands out, in parts where its bodies are
// large, and names the records that must stay on it. Its error is always nil: an error would bring the whole
// batch back, what was delivered too.
func (f *Function) SQS(ctx context.Context, event events.SQSEvent) (response events.SQSEventResponse, err error) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value)
			response = keeping(event.Records)
		}
	}()
	var keep []string
	var items []relay.Item
	size := 0
	for i, record := range event.Records {
		item := spool.Open(record.ReceiptHandle, receivesOf(record), record.Body)
		items, size = append(items, item), size+len(item.Envelope.Body)
		if size >= spool.BatchBytes || i == len(event.Records)-1 {
			keep = append(keep, f.Relay.Deliver(ctx, items)...)
			items, size = nil, 0
		}
	}
	var kept []events.SQSMessage
	for _, record := range event.Records {
		if slices.Contains(keep, record.ReceiptHandle) {
			kept = append(kept, record)
		}
	}
	return keeping(kept), nil
}

// keeping is the answer that leaves those records on the queue.
func keeping(records []events.SQSMessage) events.SQSEventResponse {
	failures := make([]events.SQSBatchItemFailure, len(records))
	for i, record := range records {
		failures[i].ItemIdentifier = record.MessageId
	}
	return events.SQSEventResponse{BatchItemFailures: failures}
}

// receiveCount is the attribute in which SQS counts how often it delivered a record.
const receiveCount = "ApproximateReceiveCount"

// receivesOf is how often SQS has handed a record out, this time included. SQS
// counts approximately, and so does the backoff.
func receivesOf(record events.SQSMessage) int {
	receives, err := strconv.Atoi(record.Attributes[receiveCount])
	if err != nil {
		return 1
	}
	return max(receives, 1)
}
