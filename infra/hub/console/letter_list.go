package console

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/words"
)

// lettersKept is how many dead letters of a kind a page lists. Only these are kept: all
// of them may be more than there is memory for.
const lettersKept = 50

// letterList is what a console knows of the dead letters, and what it is doing with them.
// To read them on AWS takes seconds or minutes, and hides them from others meanwhile, so
// what was read counts until somebody wants it read again.
type letterList struct {
	jobs
	kinds  []kept
	hidden int       // how many more SQS reckoned with
	looked int       // how many were read
	read   time.Time // zero where they must be read
	said   outcome   // what there is to say of the jobs that have ended
}

// kept is a kind of dead letters, and those of them that are listed, the newest first.
type kept struct {
	deadletters.Group
	Count  int
	Oldest time.Time
}

// outcome is what a job on them has come to.
type outcome struct{ Notice, Alert string }

// begin starts a job unless one is underway, and waits a moment for its end. Cut off,
// the dead letters that it has received would be hidden for up to an hour.
func (g *letterList) begin(ctx context.Context, j job, run func(ctx context.Context, at func(looked int)) outcome) (begun bool) {
	return g.jobs.begin(ctx, j, func(ctx context.Context, at func(int)) func() {
		said := run(ctx, at)
		return func() { g.said = outcome{cmp.Or(said.Notice, g.said.Notice), cmp.Or(said.Alert, g.said.Alert)} }
	})
}

// takeSaid returns what there is to say, once.
func (g *letterList) takeSaid() (said outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	said, g.said = g.said, outcome{}
	return said
}

// forget has the dead letters read again by the next page.
func (g *letterList) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kinds, g.read = nil, time.Time{}
}

// known are the dead letters as they were read, how many more SQS reckoned with, and
// how many have come since, of those that there are by now.
func (g *letterList) known(now int) (kinds []kept, hidden, since int, read time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kinds, g.hidden, max(0, now-g.looked-g.hidden), g.read
}

// isRead says that the dead letters were read, and that nobody wants them read again.
func (g *letterList) isRead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.read.IsZero()
}

// find is a dead letter that is listed.
func (g *letterList) find(name, id string) (deadletters.Letter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, kind := range g.kinds {
		for _, letter := range kind.Letters {
			if letter.Tracking.Name == name && letter.ID == id {
				return letter, nil
			}
		}
	}
	if g.job != nil {
		return deadletters.Letter{}, errUnderway
	}
	return deadletters.Letter{}, errNoLetter
}

// list reads the dead letters.
func (g *letterList) list(ctx context.Context, queues deadletters.Queues) outcome {
	reckoned, err := queues.Backlog(ctx)
	if err != nil {
		return outcome{Alert: "The dead letters could not be counted: " + err.Error()}
	}
	letters, err := queues.List(ctx)
	if err != nil {
		return outcome{Alert: "The dead letters could not be read: " + err.Error()}
	}
	kinds := keep(letters)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kinds, g.looked, g.hidden, g.read = kinds, len(letters), max(0, reckoned.Dead-len(letters)), time.Now()
	return outcome{}
}

// keep makes of what was read what is kept of it.
func keep(letters []deadletters.Letter) []kept {
	var kinds []kept
	for _, kind := range deadletters.GroupByReason(letters) {
		all := kind.Letters
		one := kept{Group: kind, Count: len(all), Oldest: all[0].FailedAt}
		one.Letters = nil
		for i := len(all) - 1; i >= max(0, len(all)-lettersKept); i-- {
			one.Letters = append(one.Letters, all[i])
		}
		kinds = append(kinds, one)
	}
	return kinds
}

// redrive puts dead letters back.
func (g *letterList) redrive(ctx context.Context, queues deadletters.Queues, matches func(deadletters.Letter) bool, at func(int)) outcome {
	defer g.forget()
	moved, err := queues.Redrive(ctx, matches, at)
	switch {
	case err != nil:
		return outcome{Alert: "Not all were replayed: " + err.Error()}
	case moved == 0:
		return outcome{Alert: "Nothing was replayed: they are there no more, or on AWS somebody else has received them. Those are back within an hour."}
	default:
		return outcome{Notice: fmt.Sprintf("Replayed: %s back on the queue. What cannot be delivered comes back here.", words.Count(moved, "event"))}
	}
}
