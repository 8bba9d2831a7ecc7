package console

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// catching is the work on the store's history: one job at a time, and what the last one
// has come to.
type catching struct {
	mu    sync.Mutex
	job   *job // nil where none is underway
	found finding
}

// job is work that goes on when the browser leaves.
type job struct {
	Says     string // what is being done
	Counts   string // what is counted
	Done, Of int    // Of is 0 where nobody knows how many there will be

	cancel context.CancelFunc
	ended  chan struct{}
}

// finding is what a job has come to. It is shown until the next one begins.
type finding struct {
	ID     string // which a button names, so that nobody sends what he has not seen
	Plan   *planned
	Gaps   *compared
	Says   string
	Unsent refusals
	Alert  string
}

// Ended says that there is something to say of a job that has ended.
func (f finding) Ended() bool { return f.Says != "" || f.Alert != "" }

// failed is what there is to say of a job that has ended early.
func failed(ctx context.Context, err error, so string) finding {
	if ctx.Err() != nil {
		return finding{Says: strings.TrimSpace("Stopped. " + so)}
	}
	return finding{Alert: strings.TrimSpace(err.Error() + "\n" + so)}
}

// jobMoment is how long a page waits for a job before it shows how far that is.
const jobMoment = 2 * time.Second

// begin starts a job unless one is underway, and waits a moment for its end.
func (c *catching) begin(ctx context.Context, j job, run func(ctx context.Context, at func(done int)) finding) (begun bool) {
	c.mu.Lock()
	if c.job != nil {
		c.mu.Unlock()
		return false
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j.cancel, j.ended = cancel, make(chan struct{})
	c.job, c.found = &j, finding{}
	c.mu.Unlock()
	go func() {
		defer close(j.ended)
		defer cancel()
		found := run(working, c.at)
		found.ID = strconv.FormatInt(time.Now().UnixNano(), 36)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.job, c.found = nil, found
	}()
	select {
	case <-j.ended:
	case <-ctx.Done():
	case <-time.After(jobMoment):
	}
	return true
}

// at notes how far the job is.
func (c *catching) at(done int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.job.Done = done
}

// underway is how far the job is; nil where there is none.
func (c *catching) underway() *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.job == nil {
		return nil
	}
	j := *c.job
	return &j
}

// last is what the last job has come to.
func (c *catching) last() finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// take gives what the last job has come to, once, to whoever names it.
func (c *catching) take(id string) (found finding, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found.ID == "" || c.found.ID != id {
		return finding{}, false
	}
	found, c.found = c.found, finding{}
	return found, true
}

// stop ends the job and returns when it has ended; where there is none it forgets what
// the last one has come to.
func (c *catching) stop() {
	if j := c.underway(); j != nil {
		j.cancel()
		<-j.ended
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = finding{}
}
