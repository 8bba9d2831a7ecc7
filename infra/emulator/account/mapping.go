package account

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Mapping is an event source mapping: it invokes a function with the messages of a queue.
type Mapping struct {
	Queue              *Queue
	Function           *Function
	MaximumConcurrency int           // at least 2
	Window             time.Duration // for which it gathers messages; 0 for none
}

const (
	batchSize = 10
	// Without messages a mapping has this number of pollers, unless its maximum is smaller.
	fewestPollers = 5
	// While there are messages, a mapping adds pollers, 300 in a minute.
	addedInASecond = 5
	// A batch beyond the concurrency of the account is tried again after a pause, until its
	// messages are soon visible again.
	shortestPause = time.Second
	longestPause  = 5 * time.Second
)

// Map runs a mapping until the context ends.
func (a *Account) Map(ctx context.Context, m Mapping) {
	pollers := make(chan struct{}, m.MaximumConcurrency)
	add := func(isExtra bool) {
		select {
		case pollers <- struct{}{}:
			a.working.Go(func() {
				defer func() { <-pollers }()
				m.poll(ctx, isExtra)
			})
		default:
		}
	}
	for range fewestPollers {
		add(false)
	}
	if m.MaximumConcurrency <= fewestPollers {
		return
	}
	a.working.Go(func() {
		for Sleep(ctx, time.Second) == nil {
			if m.Queue.Counts().Visible > 0 {
				for range addedInASecond {
					add(true)
				}
			}
		}
	})
}

// poll receives batches, one after the other. An extra poller ends when there is none.
func (m Mapping) poll(ctx context.Context, isExtra bool) {
	for ctx.Err() == nil {
		batch, received := m.gather(ctx)
		if len(batch) > 0 {
			m.deliver(ctx, batch, received)
		} else if isExtra {
			return
		}
	}
}

// gather receives a batch, and returns when its first message was received.
func (m Mapping) gather(ctx context.Context) (batch []message, received time.Time) {
	batch = m.receive(ctx, batchSize, longPoll)
	received = time.Now()
	for end := received.Add(m.Window); len(batch) > 0 && len(batch) < batchSize && time.Now().Before(end); {
		batch = append(batch, m.receive(ctx, batchSize-len(batch), time.Until(end))...)
	}
	return batch, received
}

func (m Mapping) receive(ctx context.Context, limit int, wait time.Duration) []message {
	messages := m.Queue.receive(ctx, limit, wait)
	m.Queue.charge(messages)
	return messages
}

// deliver invokes the function with a batch, and deletes the messages that are done. Those
// whose invocation failed stay on the queue.
func (m Mapping) deliver(ctx context.Context, batch []message, received time.Time) {
	event := events.SQSEvent{}
	length := 0
	for _, one := range batch {
		length = max(length, one.chain)
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: strconv.Itoa(one.number), ReceiptHandle: one.handle(), Body: one.text, EventSource: "aws:sqs",
			Attributes: one.system(),
		})
	}
	payload, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	// A batch that was received is delivered even if the mapping ends.
	answer, err := m.invoke(withChain(context.WithoutCancel(ctx), length), payload, len(batch), received)
	var response events.SQSEventResponse
	if err != nil || json.Unmarshal(answer, &response) != nil {
		return
	}
	m.Queue.account.count(func(u *Usage) { u.SQSRequests++ })
	for _, one := range batch {
		if !slices.Contains(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: strconv.Itoa(one.number)}) {
			m.Queue.remove(one.handle())
		}
	}
}

// invoke invokes the function, again and again if the concurrency of the account is used up.
func (m Mapping) invoke(ctx context.Context, payload []byte, records int, received time.Time) ([]byte, error) {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		answer, err := m.Function.invoke(ctx, payload, records)
		if !errors.Is(err, ErrThrottled) {
			return answer, err
		}
		m.Queue.account.count(func(u *Usage) { u.Throttled++ })
		if time.Since(received)+pause+timeLimit > m.Queue.visibility {
			return nil, err
		}
		time.Sleep(pause)
	}
}
