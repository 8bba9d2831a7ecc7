package console

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// jobs does what takes long, one job at a time. It goes on when the browser leaves.
type jobs struct {
	mu  sync.Mutex
	job *job // nil where none is underway
}

// job is work, and how far it is.
type job struct {
	Says     string // what is being done
	Counts   string // what is counted; empty for nothing
	Done, Of int    // Of is 0 where nobody knows how many there will be

	cancel context.CancelFunc
	ended  chan struct{}
}

// jobMoment is how long a page waits for a job before it shows how far that is.
const jobMoment = 2 * time.Second

// begin starts a job unless one is underway, and waits a moment for its end. What run
// gives notes what it has come to, while the mutex is held.
func (all *jobs) begin(ctx context.Context, j job, run func(ctx context.Context, at func(done int)) (note func())) (begun bool) {
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
		note := run(working, all.at)
		all.mu.Lock()
		defer all.mu.Unlock()
		all.job = nil
		note()
	}()
	select {
	case <-j.ended:
	case <-ctx.Done():
	case <-time.After(jobMoment):
	}
	return true
}

// at notes how far the job is.
func (all *jobs) at(done int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.job.Done = done
}

// underway is how far the job is; nil where there is none.
func (all *jobs) underway() *job {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.job == nil {
		return nil
	}
	j := *all.job
	return &j
}

// end ends the job, if there is one, and returns when it has ended.
func (all *jobs) end() {
	if j := all.underway(); j != nil {
		j.cancel()
		<-j.ended
	}
}

// showJob answers a page's script with how far the job is, or, once it has ended, that
// the page is to be loaded anew.
func (c *Console) showJob(w http.ResponseWriter, all *jobs) {
	work := all.underway()
	if work == nil {
		w.WriteHeader(http.StatusResetContent)
		return
	}
	c.showPart(w, http.StatusOK, "deadletters", "job", work)
}
