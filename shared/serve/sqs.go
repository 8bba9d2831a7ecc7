package serve

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// SQS delivers a batch from the queue, in parts if its bodies are large. It returns the
// records that must stay on the queue. Its error is always nil: after an error the queue
// would hand out the whole batch again, including the delivered events.
func (f *Function) SQS(ctx context.Context, event events.SQSEvent) (response events.SQSEventResponse, err error) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value)
			response = keep(event.Records)
		}
	}()
	var handles []string
	var items []relay.Item
	size := 0
	for i, record := range event.Records {
		item := spool.Open(record.ReceiptHandle, receivesOf(record), record.Body)
		items, size = append(items, item), size+len(item.Envelope.Body)
		if size >= spool.BatchBytes || i == len(event.Records)-1 {
			handles = append(handles, f.Relay.Deliver(ctx, items)...)
			items, size = nil, 0
		}
	}
	var kept []events.SQSMessage
	for _, record := range event.Records {
		if slices.Contains(handles, record.ReceiptHandle) {
			kept = append(kept, record)
		}
	}
	return keep(kept), nil
}

// keep returns the response that leaves the records on the queue.
func keep(records []events.SQSMessage) events.SQSEventResponse {
	failures := make([]events.SQSBatchItemFailure, len(records))
	for i, record := range records {
		failures[i].ItemIdentifier = record.MessageId
	}
	return events.SQSEventResponse{BatchItemFailures: failures}
}

// receiveCount is the attribute with the number of receives of a message.
const receiveCount = "ApproximateReceiveCount"

// receivesOf returns how often SQS has handed out a record, including this time. The number
// is approximate, which is enough for the backoff.
func receivesOf(record events.SQSMessage) int {
	receives, err := strconv.Atoi(record.Attributes[receiveCount])
	if err != nil {
		return 1
	}
	return max(receives, 1)
}
