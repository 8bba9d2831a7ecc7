package functions_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/spool"
)

// lambda answers events: a process, or a fleet of processes.
type lambda interface {
	// ask invokes the function with an event, and decodes the answer into response.
	ask(event, response any) error
}

// fleet is a function as Lambda runs it: it has a process for each concurrent event, and
// uses it again for the next one. A process that failed gets no more events.
type fleet struct {
	cloud *cloud

	mu    sync.Mutex
	idle  []*process // the one that has been idle longest first
	known []*process
}

// newFleet returns a fleet without a process. The processes that it starts end with the test.
func newFleet(c *cloud) *fleet {
	f := &fleet{cloud: c}
	build(c.t, c.tracking.Name)
	c.t.Cleanup(func() {
		if c.t.Failed() {
			log := f.log()
			c.t.Logf("the end of the log of %s:\n%s", c.tracking.Name, log[max(0, len(log)-10_000):])
		}
	})
	return f
}

// ask implements lambda, with an idle process if there is one.
func (f *fleet) ask(event, response any) error {
	function := f.take()
	if function == nil {
		var stop func()
		function, stop = f.launch()
		f.cloud.t.Cleanup(stop)
	}
	if err := function.ask(event, response); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, function)
	return nil
}

// take returns an idle process, or nil.
func (f *fleet) take() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.idle) == 0 {
		return nil
	}
	function := f.idle[0]
	f.idle = f.idle[1:]
	return function
}

func (f *fleet) launch() (function *process, stop func()) {
	function, stop = launch(f.cloud.t, f.cloud.tracking.Name, f.cloud.environment()...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = append(f.known, function)
	return function, stop
}

// cold is a function that is started for each event, and ends after it.
type cold struct{ *fleet }

// ask implements lambda.
func (c cold) ask(event, response any) error {
	function, stop := c.launch()
	defer stop()
	return function.ask(event, response)
}

// log returns the log of all processes.
func (f *fleet) log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var text strings.Builder
	for _, function := range f.known {
		text.WriteString(function.log.String())
	}
	return text.String()
}

// betweenTicks is the time between two ticks, which is 20 s on AWS.
const betweenTicks = time.Second

// mapEventSource does what Lambda's event source mapping does, until the test ends: it
// passes up to five batches at the same time from the queue to the function. It has no
// time-outs, but tries again after a failure. It also sends ticks, as the function does when
// its schedule calls it.
func mapEventSource(c *cloud, function lambda) {
	ctx, end := context.WithCancel(context.Background())
	var pollers sync.WaitGroup
	for range spool.Concurrency {
		pollers.Go(func() {
			for ctx.Err() == nil {
				messages, err := c.await(ctx, c.queue, 20)
				if err == nil {
					_, err = c.handOver(ctx, messages, function)
				}
				if err != nil {
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
	}
	pollers.Go(func() {
		for queues := c.queues(); ctx.Err() == nil; time.Sleep(betweenTicks) {
			if waiting, err := queues.CountWaiting(ctx); err == nil && waiting > 0 {
				_ = queues.SendTick(ctx, spool.Tick{}, 0) // a fault of the stand-in; the next one follows
			}
		}
	})
	c.t.Cleanup(func() {
		end()
		pollers.Wait()
	})
}

// eventually waits up to five minutes until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not reached after 5 minutes: %s", what)
		}
	}
}
