package console

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// jobs runs long work in the background, one job at a time. A job continues when the browser
// leaves the page.
type jobs struct {
	mu  sync.Mutex
	job *job // nil if none is running
}

// job is a running job and its progress.
type job struct {
	Title    string
	Counts   string // the noun of Done, in the plural; empty if nothing is counted
	Done, Of int    // Of is 0 if the total is not known

	cancel context.CancelFunc
	ended  chan struct{}
}

// jobMoment is how long a page waits for a job to end before it shows the progress.
const jobMoment = 2 * time.Second

// begin starts a job unless one is running, and waits for its end for at most jobMoment. The
// function that run returns stores the result; begin calls it while the mutex is held.
func (all *jobs) begin(ctx context.Context, j job, run func(ctx context.Context, at func(done int)) (store func())) (begun bool) {
	all.mu.Lock()
	if all.job != nil {
		all.mu.Unlock()
		return false
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j.cancel, j.ended = cancel, make(chan struct{})
	all.job = &j
	all.mu.Unlock()
	go func() {
		defer close(j.ended)
		defer cancel()
		store := run(working, all.at)
		all.mu.Lock()
		defer all.mu.Unlock()
		all.job = nil
		store()
	}()
	select {
	case <-j.ended:
	case <-ctx.Done():
	case <-time.After(jobMoment):
	}
	return true
}

// at sets the progress of the job.
func (all *jobs) at(done int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.job.Done = done
}

// underway returns a copy of the running job, or nil if there is none.
func (all *jobs) underway() *job {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.job == nil {
		return nil
	}
	j := *all.job
	return &j
}

// end cancels the job, if there is one, and returns when it has ended.
func (all *jobs) end() {
	if j := all.underway(); j != nil {
		j.cancel()
		<-j.ended
	}
}

// showJob sends the job's progress to a page's script. If the job has ended, it sends the
// status 205, and the script reloads the page.
func (c *Console) showJob(w http.ResponseWriter, all *jobs) {
	work := all.underway()
	if work == nil {
		w.WriteHeader(http.StatusResetContent)
		return
	}
	c.showPart(w, http.StatusOK, "deadletters", "job", work)
}
