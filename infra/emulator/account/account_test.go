package account_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/emulator/account"
)

// busy is a function that takes a time for each call, and answers 200.
type busy struct {
	takes time.Duration
	also  func(ctx context.Context)

	mu      sync.Mutex
	records []events.SQSMessage
}

func (b *busy) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	time.Sleep(b.takes)
	if b.also != nil {
		b.also(ctx)
	}
	var event events.SQSEvent
	_ = json.Unmarshal(payload, &event)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, event.Records...)
	return []byte(`{"statusCode":200}`), nil
}

// count returns how many records the calls had.
func (b *busy) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records)
}

func (b *busy) start(context.Context) (account.Handler, func()) { return b, func() {} }

// bench runs a test with an account in virtual time, and ends it.
func bench(t *testing.T, concurrency int, test func(ctx context.Context, cloud *account.Account)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cloud := account.New(concurrency)
		ctx, end := context.WithCancel(t.Context())
		test(ctx, cloud)
		end()
		cloud.Close()
	})
}

// send puts messages on a queue, with a delay.
func send(ctx context.Context, cloud *account.Account, q *account.Queue, many int, delay time.Duration) {
	client := account.Client{Account: cloud, Queues: map[string]*account.Queue{"q": q}}
	for i := range many {
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: aws.String("q"), MessageBody: aws.String(fmt.Sprint(i)), DelaySeconds: int32(delay / time.Second),
		})
		if err != nil {
			panic(err)
		}
	}
}

// receive receives messages until there are none, and returns how many there were.
func receive(ctx context.Context, cloud *account.Account, q *account.Queue) (many int) {
	client := account.Client{Account: cloud, Queues: map[string]*account.Queue{"q": q}}
	for {
		output, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String("q"), MaxNumberOfMessages: 10})
		if err != nil {
			panic(err)
		}
		if len(output.Messages) == 0 {
			return many
		}
		many += len(output.Messages)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestARequestBeyondTheConcurrencyIsAnswered429(t *testing.T) {
	bench(t, 3, func(ctx context.Context, cloud *account.Account) {
		f := cloud.Function((&busy{takes: time.Second}).start)
		var mu sync.Mutex
		statuses := map[int]int{}
		var requests sync.WaitGroup
		for range 5 {
			requests.Go(func() {
				status := f.Request(ctx, events.APIGatewayV2HTTPRequest{})
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		requests.Wait()
		equal(t, "the answers", statuses, map[int]int{http.StatusOK: 3, http.StatusTooManyRequests: 2})
		equal(t, "instances", cloud.Usage().Starts, 3)
		f.Request(ctx, events.APIGatewayV2HTTPRequest{})
		equal(t, "instances after one more request", cloud.Usage().Starts, 3)
	})
}

func TestAMappingTriesAgainWhatTheConcurrencyDoesNotAllow(t *testing.T) {
	bench(t, 1, func(ctx context.Context, cloud *account.Account) {
		q, b := cloud.Queue(54*time.Second, nil, 0), &busy{takes: 3 * time.Second}
		send(ctx, cloud, q, 20, 0)
		cloud.Map(ctx, account.Mapping{Queue: q, Function: cloud.Function(b.start), MaximumConcurrency: 2})
		time.Sleep(time.Minute)
		equal(t, "records", b.count(), 20)
		equal(t, "the queue", q.Counts(), account.Counts{PeakInFlight: 20})
		if cloud.Usage().Throttled == 0 {
			t.Error("no batch was throttled")
		}
		equal(t, "executions at the same time", cloud.Usage().PeakRunning, 1)
	})
}

func TestAMappingGathersABatchAndKeepsItsMaximum(t *testing.T) {
	bench(t, 100, func(ctx context.Context, cloud *account.Account) {
		q, b := cloud.Queue(54*time.Second, nil, 0), &busy{takes: time.Second}
		cloud.Map(ctx, account.Mapping{Queue: q, Function: cloud.Function(b.start), MaximumConcurrency: 2, Window: time.Second})
		send(ctx, cloud, q, 15, 0)
		time.Sleep(10 * time.Second)
		equal(t, "invocations", cloud.Usage().Invocations, 2)
		send(ctx, cloud, q, 1000, 0)
		time.Sleep(2 * time.Minute)
		equal(t, "records", b.count(), 1015)
		equal(t, "executions at the same time", cloud.Usage().PeakRunning, 2)
	})
}

func TestAFunctionThatTakesTooLongFailsAndItsMessagesComeBack(t *testing.T) {
	bench(t, 10, func(ctx context.Context, cloud *account.Account) {
		dead := cloud.Queue(54*time.Second, nil, 0)
		q := cloud.Queue(54*time.Second, dead, 2)
		send(ctx, cloud, q, 1, 0)
		cloud.Map(ctx, account.Mapping{Queue: q, Function: cloud.Function((&busy{takes: 10 * time.Second}).start), MaximumConcurrency: 2})
		time.Sleep(3 * time.Minute)
		equal(t, "executions beyond their time limit", cloud.Usage().TimedOut, 2)
		equal(t, "dead letters", dead.Counts().Visible, 1)
	})
}

func TestAQueueHandsOutNothingBeyondItsQuota(t *testing.T) {
	bench(t, 10, func(ctx context.Context, cloud *account.Account) {
		q := cloud.Queue(12*time.Hour, nil, 0)
		send(ctx, cloud, q, 120_005, 0)
		equal(t, "received", receive(ctx, cloud, q), 120_000)
		equal(t, "left", q.Counts().Visible, 5)
	})
}

func TestAMessageIsDelayedAndExpires(t *testing.T) {
	bench(t, 10, func(ctx context.Context, cloud *account.Account) {
		q := cloud.Queue(54*time.Second, nil, 0)
		send(ctx, cloud, q, 1, time.Minute)
		equal(t, "received at once", receive(ctx, cloud, q), 0)
		time.Sleep(time.Minute)
		equal(t, "received after a minute", receive(ctx, cloud, q), 1)
		time.Sleep(time.Minute)
		equal(t, "received when it is visible again", receive(ctx, cloud, q), 1)
		time.Sleep(14 * 24 * time.Hour)
		equal(t, "received after 14 days", receive(ctx, cloud, q), 0)
		equal(t, "expired", q.Counts().Expired, 1)
	})
}

func TestRecursionDetectionStopsAChain(t *testing.T) {
	bench(t, 10, func(ctx context.Context, cloud *account.Account) {
		q := cloud.Queue(54*time.Second, nil, 0)
		b := &busy{also: func(ctx context.Context) { send(ctx, cloud, q, 1, 0) }}
		send(ctx, cloud, q, 1, 0)
		cloud.Map(ctx, account.Mapping{Queue: q, Function: cloud.Function(b.start), MaximumConcurrency: 2})
		time.Sleep(30 * time.Second)
		equal(t, "invocations", cloud.Usage().Invocations, 16)
		equal(t, "stopped", cloud.Usage().Recursions, 1)
	})
}

func TestARuleInvokesItsFunctionEveryMinute(t *testing.T) {
	bench(t, 10, func(ctx context.Context, cloud *account.Account) {
		cloud.Function((&busy{}).start).EveryMinute(ctx)
		time.Sleep(time.Hour)
		equal(t, "invocations", cloud.Usage().Invocations, 60)
	})
}
