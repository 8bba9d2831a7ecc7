package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
)

// lettersKept is how many dead letters of one tracking and reason the first page lists.
const lettersKept = 50

// contentsKept limits the webhooks of dead letters that are kept in memory, in bytes.
const contentsKept = 64 << 20

// letterList is the dead letters that a console has read, and the jobs that read and replay
// them. On AWS, reading them takes seconds or minutes and hides them from other readers, so
// the list stays until the user wants it read again.
type letterList struct {
	jobs
	letters  []deadletters.Letter // newest first; the Body of the oldest is nil if there are too many
	groups   []letterGroup
	hidden   int                 // how many more SQS reported
	count    int                 // how many were read
	read     time.Time           // zero if they must be read
	took     time.Duration       // how long that took
	changes  uint64              // of the dead letters of this machine, before they were read
	result   jobResult           // of the jobs that have ended
	replayed executions.Replayed // by the last replay
}

// letterGroup is the dead letters of one tracking and reason. Its Letters are those that the
// page lists, newest first.
type letterGroup struct {
	deadletters.Group
	Count  int
	Oldest time.Time
}

// jobResult is the result of a job.
type jobResult struct{ Notice, Alert string }

// begin starts a job unless one is running, and waits a moment for its end. The job continues
// after the request: if it were canceled, the dead letters that it received would be hidden for
// up to an hour.
func (g *letterList) begin(ctx context.Context, j job, run func(ctx context.Context, at func(looked int)) jobResult) (begun bool) {
	return g.jobs.begin(ctx, j, func(ctx context.Context, at func(int)) func() {
		result := run(ctx, at)
		return func() {
			g.result = jobResult{cmp.Or(result.Notice, g.result.Notice), cmp.Or(result.Alert, g.result.Alert)}
		}
	})
}

// takeResult returns the result of the jobs that have ended, once.
func (g *letterList) takeResult() (result jobResult) {
	g.mu.Lock()
	defer g.mu.Unlock()
	result, g.result = g.result, jobResult{}
	return result
}

// forget makes the next page read the dead letters again.
func (g *letterList) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.letters, g.groups, g.read = nil, nil, time.Time{}
}

// snapshot returns the dead letters that were read, how many more SQS reported, and how many
// arrived since then, if there are now that many.
func (g *letterList) snapshot(now int) (groups []letterGroup, hidden, since int, read time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.groups, g.hidden, max(0, now-g.count-g.hidden), g.read
}

// shortList is the length up to which the list is read again after each change.
const shortList = 1000

// isRead reports whether the list was read and need not be read again: the dead letters did not
// change since then, or the list is so long that it is read again only later. So at most a tenth
// of the time is spent with reading.
func (g *letterList) isRead(changes uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.read.IsZero() && (g.changes == changes || g.count > shortList && time.Since(g.read) < 10*g.took)
}

// find returns a dead letter of the list.
func (g *letterList) find(name, id string) (deadletters.Letter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, letter := range g.letters {
		if letter.Tracking.Name == name && letter.ID == id {
			return letter, nil
		}
	}
	if g.job != nil {
		return deadletters.Letter{}, errUnderway
	}
	return deadletters.Letter{}, errNoLetter
}

// all returns the dead letters that were read, newest first.
func (g *letterList) all() []deadletters.Letter {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.letters)
}

// lastReplay returns the events of the last replay.
func (g *letterList) lastReplay() executions.Replayed {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.replayed
}

// list reads the dead letters. The changes are their number before that.
func (g *letterList) list(ctx context.Context, queues deadletters.Queues, changes uint64) jobResult {
	begun := time.Now()
	reported, err := queues.Backlog(ctx)
	if err != nil {
		return jobResult{Alert: "The dead letters could not be counted: " + err.Error()}
	}
	letters, err := queues.List(ctx)
	if err != nil {
		return jobResult{Alert: "The dead letters could not be read: " + err.Error()}
	}
	groups := groupLetters(letters)
	slices.Reverse(letters)
	size := 0
	for i := range letters {
		if size += len(letters[i].Envelope.Body); size > contentsKept {
			letters[i].Envelope.Body = nil
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.letters, g.groups, g.count, g.hidden, g.read = letters, groups, len(letters), max(0, reported.Dead-len(letters)), time.Now()
	g.changes, g.took = changes, time.Since(begun)
	return jobResult{}
}

// groupLetters groups dead letters by tracking and reason, and keeps the newest of each group.
func groupLetters(letters []deadletters.Letter) []letterGroup {
	var groups []letterGroup
	for _, kind := range deadletters.GroupByReason(letters) {
		all := kind.Letters
		one := letterGroup{Group: kind, Count: len(all), Oldest: all[0].FailedAt}
		one.Letters = nil
		for i := len(all) - 1; i >= max(0, len(all)-lettersKept); i-- {
			one.Letters = append(one.Letters, all[i])
		}
		groups = append(groups, one)
	}
	return groups
}

// redrive puts dead letters back on their queues.
func (g *letterList) redrive(ctx context.Context, queues deadletters.Queues, matches func(deadletters.Letter) bool, at func(int)) jobResult {
	defer g.forget()
	replayed := executions.Replayed{At: time.Now()}
	var mu sync.Mutex // the queues are read concurrently
	moved, err := queues.Redrive(ctx, func(l deadletters.Letter) bool {
		if !matches(l) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		replayed.Events = append(replayed.Events, executions.Replay{Tracking: l.Tracking.Name, Received: l.Envelope.Received})
		return true
	}, at)
	g.mu.Lock()
	g.replayed = replayed
	g.mu.Unlock()
	switch {
	case err != nil:
		return jobResult{Alert: "Not all dead letters were replayed: " + err.Error()}
	case moved == 0:
		return jobResult{Alert: "Nothing was replayed. The dead letters are no longer there, or, on AWS, another program has received them. In that case they are visible again within an hour."}
	default:
		return jobResult{Notice: fmt.Sprintf("Replayed: %s back on the queue.", words.Count(moved, "event"))}
	}
}
