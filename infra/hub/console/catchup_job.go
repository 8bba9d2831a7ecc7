package console

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// catchUpJob is the reading and sending of past events, and the result of the last job.
type catchUpJob struct {
	jobs
	found finding
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

// begin starts a job unless one is underway, and waits a moment for its end.
func (c *catchUpJob) begin(ctx context.Context, j job, run func(ctx context.Context, at func(done int)) finding) (begun bool) {
	return c.jobs.begin(ctx, j, func(ctx context.Context, at func(int)) func() {
		c.forget()
		found := run(ctx, at)
		found.ID = strconv.FormatInt(time.Now().UnixNano(), 36)
		return func() { c.found = found }
	})
}

// last is what the last job has come to.
func (c *catchUpJob) last() finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// take gives what the last job has come to, once, to whoever names it.
func (c *catchUpJob) take(id string) (found finding, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found.ID == "" || c.found.ID != id {
		return finding{}, false
	}
	found, c.found = c.found, finding{}
	return found, true
}

// forget forgets what the last job has come to.
func (c *catchUpJob) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = finding{}
}
