package functions_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/shared/spool"
)

// lambda is what answers events: a process, or a fleet of them.
type lambda interface {
	// ask hands an event over, and reads the answer into response.
	ask(event, response any) error
}

// fleet is a function as Lambda runs it: a process for each event that is under way
// at the same time, which then has the next one. A process that failed gets no more.
type fleet struct {
	cloud *cloud

	mu    sync.Mutex
	idle  []*process // the one that has waited longest first
	known []*process
}

// newFleet has no process yet. Those that it starts end with the test.
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

// ask implements lambda, by a process that is warm where one is idle.
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

// take is an idle process; nil where there is none.
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

// cold is a fleet's function that is started for each event, and ends after it.
type cold struct{ *fleet }

// ask implements lambda.
func (c cold) ask(event, response any) error {
	function, stop := c.launch()
	defer stop()
	return function.ask(event, response)
}

// log is what all processes wrote.
func (f *fleet) log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var text strings.Builder
	for _, function := range f.known {
		text.WriteString(function.log.String())
	}
	return text.String()
}

// mapEventSource does what Lambda's event source mapping does, until the test ends:
// up to five batches at once go from the queue to the function. It has no time-outs,
// but comes back to what fails.
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
	c.t.Cleanup(func() {
		end()
		pollers.Wait()
	})
}

// eventually waits for what must come, with patience for everything that delays it.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not so after 5 minutes: %s", what)
		}
	}
}
