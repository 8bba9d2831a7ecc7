package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Handler is the code of a function: lambda.Handler of aws-lambda-go.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Function is a Lambda function. Each of its instances has one invocation at a time.
type Function struct {
	account *Account
	start   func(context.Context) (instance Handler, stop func())

	mu   sync.Mutex
	idle []idle // the most recently used last
}

type idle struct {
	instance Handler
	stop     func()
	since    time.Time
}

const (
	timeLimit      = 9 * time.Second
	initTakes      = 250 * time.Millisecond // until the code of an instance runs
	idleFor        = 8 * time.Minute        // an instance that is idle longer is stopped
	invokeTakes    = 5 * time.Millisecond   // of processor time, with 256 MB
	recordTakes    = 4 * time.Millisecond   // for each message in addition, the same
	recursionLimit = 16                     // invocations in a chain
	ruleSpread     = 10 * time.Second       // between the rules that a deployment creates
)

// The errors of an invocation.
var (
	ErrThrottled = errors.New("TooManyRequestsException: the concurrency of the account is used up")
	ErrTimeout   = errors.New("task timed out")
	ErrRecursive = errors.New("recursion detection stopped a chain of invocations")
)

// Function adds a function. Start makes an instance, as the init phase does.
func (a *Account) Function(start func(context.Context) (instance Handler, stop func())) *Function {
	return &Function{account: a, start: start}
}

// invoke invokes the function with a payload of this number of records. The context has
// the length of the chain of invocations that leads to this one.
func (f *Function) invoke(ctx context.Context, payload []byte, records int) ([]byte, error) {
	if chain(ctx) >= recursionLimit {
		f.account.count(func(u *Usage) { u.Recursions++ })
		return nil, ErrRecursive
	}
	if !f.account.enter() {
		return nil, ErrThrottled
	}
	began := time.Now()
	defer func() { f.account.leave(time.Since(began)) }()
	i := f.take(ctx)

	limited, cancel := context.WithTimeout(withChain(ctx, chain(ctx)+1), timeLimit)
	defer cancel()
	invoked := time.Now()
	time.Sleep(invokeTakes + time.Duration(records)*recordTakes)
	answer, err := i.instance.Invoke(limited, payload)
	if time.Since(invoked) >= timeLimit {
		f.account.count(func(u *Usage) { u.TimedOut++ })
		i.stop()
		return nil, ErrTimeout
	}
	f.put(i)
	return answer, err
}

// take returns the idle instance that was used last, or starts one.
func (f *Function) take(ctx context.Context) idle {
	f.mu.Lock()
	for len(f.idle) > 0 && time.Since(f.idle[0].since) > idleFor {
		f.idle[0].stop()
		f.idle = f.idle[1:]
	}
	if last := len(f.idle) - 1; last >= 0 {
		i := f.idle[last]
		f.idle = f.idle[:last]
		f.mu.Unlock()
		return i
	}
	f.mu.Unlock()
	f.account.count(func(u *Usage) { u.Starts++ })
	time.Sleep(initTakes)
	instance, stop := f.start(context.WithoutCancel(ctx))
	once := sync.OnceFunc(stop)
	f.account.mu.Lock()
	f.account.stops = append(f.account.stops, once)
	f.account.mu.Unlock()
	return idle{instance: instance, stop: once}
}

func (f *Function) put(i idle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i.since = time.Now()
	f.idle = append(f.idle, i)
}

// Request passes a request of the HTTP API on, and returns the status of the answer: 429
// if the concurrency of the account is used up.
func (f *Function) Request(ctx context.Context, request events.APIGatewayV2HTTPRequest) (status int) {
	f.account.count(func(u *Usage) { u.Events++ })
	payload, err := json.Marshal(request)
	if err != nil {
		panic(err)
	}
	answer, err := f.invoke(ctx, payload, 1)
	var response events.APIGatewayV2HTTPResponse
	switch {
	case errors.Is(err, ErrThrottled):
		f.account.count(func(u *Usage) { u.Refused = append(u.Refused, time.Now()) })
		return http.StatusTooManyRequests
	case err != nil, json.Unmarshal(answer, &response) != nil:
		return http.StatusInternalServerError
	default:
		return response.StatusCode
	}
}

// EveryMinute invokes the function once a minute until the context ends, as a rule of
// EventBridge does. An invocation beyond the concurrency of the account is tried again.
func (f *Function) EveryMinute(ctx context.Context) {
	f.account.working.Go(func() {
		_ = Sleep(ctx, f.account.Between(0, ruleSpread))
		for ctx.Err() == nil {
			next := time.Now().Add(time.Minute)
			input := fmt.Appendf(nil, `{"detail-type":"Scheduled Event","source":"aws.events","time":%q}`, time.Now().UTC().Format(time.RFC3339))
			for pause := time.Second; ; pause = min(2*pause, time.Minute) {
				if _, err := f.invoke(ctx, input, 0); !errors.Is(err, ErrThrottled) {
					break
				}
				f.account.count(func(u *Usage) { u.Throttled++ })
				if Sleep(ctx, pause) != nil {
					return
				}
			}
			_ = Sleep(ctx, time.Until(next))
		}
	})
}

type chainKey struct{}

// chain returns how many invocations lead to this one: Lambda passes it on through SQS in
// the trace header of a message.
func chain(ctx context.Context) int {
	length, _ := ctx.Value(chainKey{}).(int)
	return length
}

func withChain(ctx context.Context, length int) context.Context {
	return context.WithValue(ctx, chainKey{}, length)
}
