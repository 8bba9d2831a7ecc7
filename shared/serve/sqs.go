package serve

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// SQS delivers a batch from the queue, and then attempts retrying events if there is a tick
// in it. It returns the records that must stay on the queue. Its error is always nil: after
// an error the queue would hand out the whole batch again, including the delivered events.
func (f *Function) SQS(ctx context.Context, event events.SQSEvent) (response events.SQSEventResponse, err error) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value)
			response = keep(event.Records)
		}
	}()
	var ticks []spool.Tick
	records := slices.DeleteFunc(slices.Clone(event.Records), func(record events.SQSMessage) bool {
		tick, ok := spool.ParseTick(record.Body)
		if ok {
			ticks = append(ticks, tick)
		}
		return ok
	})
	handles, _ := f.deliver(ctx, len(records), func(i int) relay.Item {
		item := spool.Open(records[i].ReceiptHandle, receivesOf(records[i]), records[i].Body)
		item.Fresh = f.queues != nil
		return item
	})
	kept := slices.DeleteFunc(records, func(record events.SQSMessage) bool { return !slices.Contains(handles, record.ReceiptHandle) })
	f.runTicks(ctx, ticks)
	return keep(kept), nil
}

// deliver delivers n items in parts, so that only some large bodies are in memory at the same
// time. It returns the handles of those that must stay, and what their outcomes say about other
// events.
func (f *Function) deliver(ctx context.Context, n int, open func(i int) relay.Item) (keep []string, outlook relay.Outlook) {
	var items []relay.Item
	size := 0
	for i := range n {
		item := open(i)
		items, size = append(items, item), size+len(item.Envelope.Body)
		if size >= spool.BatchBytes || i == n-1 {
			kept, found := f.Relay.Attempt(ctx, items)
			keep, outlook = append(keep, kept...), max(outlook, found)
			items, size = nil, 0
		}
	}
	return keep, outlook
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
