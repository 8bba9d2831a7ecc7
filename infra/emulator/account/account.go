// Package account is a small AWS account in memory, for tests that run in virtual time
// (testing/synctest). It runs the real code of the functions, and has the limits of AWS
// that decide whether webhooks are answered and events are delivered: the concurrency of
// the account, event source mappings, the quotas of SQS, frozen instances, time limits.
//
// It differs from AWS: an instance that is frozen does not stop its goroutines, the time of
// the processor is an estimate, and no call to SQS or Parameter Store fails.
package account

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Account is an AWS account with one region. Its methods are safe for concurrent use.
type Account struct {
	concurrency int

	mu      sync.Mutex
	random  *rand.Rand
	running int // invocations at this moment
	usage   Usage
	stops   []func()
	working sync.WaitGroup // mappings, rules
}

// Usage is what the account has done since it was made. The bill is computed from it.
type Usage struct {
	Invocations      int
	Starts           int           // of instances
	Billed           time.Duration // of all invocations
	PeakRunning      int           // invocations at the same time
	Refused          []time.Time   // synchronous invocations beyond the concurrency: webhooks that were answered 429
	Throttled        int           // batches and rule invocations beyond the concurrency, which were tried again
	TimedOut         int           // invocations that took longer than the time limit of the function
	Recursions       int           // invocations that recursion detection stopped
	SQSRequests      int           // in units of 64 KiB
	ParameterReads   int
	LogBytes, Events int // Events are the requests to the HTTP API
}

// New returns an account in which this number of invocations can run at the same time.
func New(concurrency int) *Account {
	return &Account{concurrency: concurrency, random: rand.New(rand.NewPCG(1, 2))}
}

// Usage returns what the account has done so far.
func (a *Account) Usage() Usage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.usage
}

// Close waits for the mappings and rules, whose context must have ended, and stops all
// instances.
func (a *Account) Close() {
	a.working.Wait()
	for _, stop := range a.stops {
		stop()
	}
}

// enter begins an invocation. It returns false if too many are running.
func (a *Account) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == a.concurrency {
		return false
	}
	a.running++
	a.usage.PeakRunning = max(a.usage.PeakRunning, a.running)
	return true
}

// leave ends an invocation that took this long.
func (a *Account) leave(took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
	a.usage.Invocations++
	a.usage.Billed += took
	a.usage.LogBytes += platformLines
}

// count changes the usage.
func (a *Account) count(change func(*Usage)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.usage)
}

// Between returns a random duration.
func (a *Account) Between(shortest, longest time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return shortest + time.Duration(a.random.Int64N(int64(longest-shortest)+1))
}

// ReadParameters takes as long as a read of Parameter Store, and counts it.
func (a *Account) ReadParameters(ctx context.Context) error {
	a.count(func(u *Usage) { u.ParameterReads++ })
	return Sleep(ctx, a.Between(15*time.Millisecond, 40*time.Millisecond))
}

// Log is the log of the functions: it counts the bytes.
func (a *Account) Log() Log { return Log{a} }

// Log counts the bytes that are written to it.
type Log struct{ account *Account }

// Write implements io.Writer.
func (l Log) Write(line []byte) (int, error) {
	l.account.count(func(u *Usage) { u.LogBytes += len(line) + logEvent })
	return len(line), nil
}

// Sleep waits for a time, or until the context ends, which is its error.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
