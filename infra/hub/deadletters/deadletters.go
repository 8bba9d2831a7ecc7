// Package deadletters is the dead letters of a store: what is on the queues, why, and what to
// do before they are put back.
package deadletters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// Queue is a tracking's dead letters, and the queue to which they go back.
type Queue interface {
	Count(context.Context) (int, error)
	CountWaiting(context.Context) (int, error)
	List(context.Context) ([]spool.DeadLetter, error)
	Redrive(ctx context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (moved int, err error)
}

// Local is the dead letters of a hub on this machine.
type Local struct {
	*queue.Queue
	// Settle waits until the settings that are written are in effect.
	Settle func(context.Context) error
}

// Count implements Queue.
func (l Local) Count(context.Context) (int, error) { return l.Status().Failed, nil }

// CountWaiting implements Queue.
func (l Local) CountWaiting(context.Context) (int, error) {
	return l.Status().Waiting, nil
}

// List implements Queue.
func (l Local) List(context.Context) (letters []spool.DeadLetter, err error) {
	for letter, err := range l.DeadLetters() {
		if err != nil {
			return letters, err
		}
		letters = append(letters, letter)
	}
	return letters, nil
}

// Redrive implements Queue. What was corrected just before is in effect by then.
func (l Local) Redrive(ctx context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (int, error) {
	if err := l.Settle(ctx); err != nil {
		return 0, err
	}
	looked := 0
	return l.Queue.Redrive(func(letter spool.DeadLetter) bool {
		looked++
		progress(looked)
		return matches(letter)
	})
}

// Queues is the dead letters of some trackings.
type Queues []TrackingQueue

// TrackingQueue is the dead letters of one tracking.
type TrackingQueue struct {
	Tracking tracking.Tracking
	Queue    Queue
}

// Letter is a dead letter and the tracking that it is of. What is in it is personal.
type Letter struct {
	Tracking tracking.Tracking
	spool.DeadLetter
}

// Summary is what is written on a dead letter, without what is in it.
type Summary struct {
	ID       string    `json:"id"` // its own among those of its tracking
	Tracking string    `json:"tracking"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Receives int       `json:"receives"`
	FailedAt time.Time `json:"failed_at"`
}

// Summary is what is written on it.
func (l Letter) Summary() Summary {
	b := l.Failure
	return Summary{l.ID, l.Tracking.Name, b.Reason, b.Detail, b.Resource, b.Receives, l.FailedAt}
}

// each asks all queues at once, each of which takes a second or more. The first error
// ends it.
func (l Queues) each(ctx context.Context, ask func(ctx context.Context, i int, q TrackingQueue) error) error {
	asking, ctx := errgroup.WithContext(ctx)
	for i, q := range l {
		asking.Go(func() error {
			if err := ask(ctx, i, q); err != nil {
				return fmt.Errorf("%s: %w", q.Tracking.Name, err)
			}
			return nil
		})
	}
	return asking.Wait()
}

// List reads every dead letter, the oldest first. While it reads nobody else can
// receive those on AWS.
func (l Queues) List(ctx context.Context) ([]Letter, error) {
	found := make([][]Letter, len(l))
	err := l.each(ctx, func(ctx context.Context, i int, q TrackingQueue) error {
		letters, err := q.Queue.List(ctx)
		for _, letter := range letters {
			found[i] = append(found[i], Letter{q.Tracking, letter})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	letters := slices.Concat(found...)
	slices.SortStableFunc(letters, func(a, b Letter) int { return a.FailedAt.Compare(b.FailedAt) })
	return letters, nil
}

// Redrive puts the dead letters that match back, from all queues at once. One queue's
// error leaves the others to finish. It tells progress how many it has looked at.
func (l Queues) Redrive(ctx context.Context, matches func(Letter) bool, progress func(looked int)) (moved int, err error) {
	var mu sync.Mutex
	var redriving sync.WaitGroup
	looked, failures := 0, make([]error, len(l))
	for i, q := range l {
		redriving.Go(func() {
			n, err := q.Queue.Redrive(ctx, func(letter spool.DeadLetter) bool { return matches(Letter{q.Tracking, letter}) }, func(int) {
				mu.Lock()
				defer mu.Unlock()
				looked++
				progress(looked)
			})
			mu.Lock()
			defer mu.Unlock()
			moved += n
			if err != nil {
				failures[i] = fmt.Errorf("%s: %w", q.Tracking.Name, err)
			}
		})
	}
	redriving.Wait()
	if err := errors.Join(failures...); err != nil {
		return moved, fmt.Errorf("%w (%d were put back, the rest is where it was)", err, moved)
	}
	return moved, nil
}

// Backlog is what lies on queues: on AWS, as SQS reckons.
type Backlog struct {
	Waiting, Dead int
}

// Backlogs counts what lies on each queue.
func (l Queues) Backlogs(ctx context.Context) ([]Backlog, error) {
	counts := make([]Backlog, len(l))
	err := l.each(ctx, func(ctx context.Context, i int, q TrackingQueue) (err error) {
		if counts[i].Waiting, err = q.Queue.CountWaiting(ctx); err == nil {
			counts[i].Dead, err = q.Queue.Count(ctx)
		}
		return err
	})
	return counts, err
}

// Total is what lies on several queues together.
func Total(counts []Backlog) (total Backlog) {
	for _, c := range counts {
		total.Waiting += c.Waiting
		total.Dead += c.Dead
	}
	return total
}

// Backlog counts what lies on all of them.
func (l Queues) Backlog(ctx context.Context) (Backlog, error) {
	counts, err := l.Backlogs(ctx)
	return Total(counts), err
}

// Group is a tracking and a reason that dead letters have in common.
type Group struct {
	Tracking tracking.Tracking
	Reason   string
	Letters  []Letter // the oldest first
}

// GroupByReason puts dead letters together, the kind of which there are most first.
func GroupByReason(letters []Letter) []Group {
	var all []Group
	for _, g := range letters {
		i := slices.IndexFunc(all, func(k Group) bool { return k.Has(g) })
		if i < 0 {
			i = len(all)
			all = append(all, Group{Tracking: g.Tracking, Reason: g.Failure.Reason})
		}
		all[i].Letters = append(all[i].Letters, g)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(len(b.Letters)-len(a.Letters), cmp.Compare(a.Tracking.Name, b.Tracking.Name), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// Has says that a dead letter is of this kind.
func (g Group) Has(l Letter) bool {
	return g.Tracking.Name == l.Tracking.Name && g.Reason == l.Failure.Reason
}

// Explanation is what a reason means to whoever is on call.
type Explanation struct {
	Title string
	Says  string
	Do    string // before such dead letters are replayed
}

// Explain says what a reason means.
func Explain(reason string) Explanation {
	switch reason {
	case "message_invalid":
		return Explanation{"The template writes what Segment would drop",
			"Segment keeps no message that has no user or no event name, or is over 32,000 bytes, and says nothing of it.",
			"Mend the template, or go back to one of its older versions. Then replay them."}
	case "forged":
		return Explanation{"The secret does not count",
			"These came when no webhook secret could be compared, with one that does not count now.",
			"If it is an old one of yours, put it below the new one in commerce/webhook-secret, wait 75 seconds, and replay them. Leave those of a stranger where they are."}
	case "receives_exhausted":
		return Explanation{"Every attempt was used up",
			fmt.Sprintf("The %d attempts take a day and a quarter: something was down or wrong for as long.", spool.MaxReceives),
			"See with hub trace and the order's id what the attempts ended with. Once that is over, replay them."}
	case "segment_400", "segment_413":
		return Explanation{"Segment refused them",
			"It did so for what is in them, and would again.",
			"What it wrote is not kept, because it may quote an event. Look at what the template makes of one, on its page in the console, and correct the template if it is to blame. Then replay them."}
	case "not_json", "not_webhook", "too_deep", "too_many_values":
		return Explanation{"They are no webhooks of an order or a customer",
			"They came with the right secret all the same.",
			"Find out who posts them: an integration in Commerce that is not for this, or another program that has the secret. Replayed, they return."}
	case "input":
		return Explanation{"No template can be given what they hold",
			"There is a number out of range in them, a name that is too long, or too much nesting.",
			"Correct it in Commerce, which then posts the event anew. Replayed, they return."}
	case "envelope_unreadable":
		return Explanation{"What lay on the queue cannot be read",
			"It is damaged, or another program has put it there.",
			"Look at one. Replayed, they return."}
	}
	if strings.HasPrefix(reason, "segment_") {
		return Explanation{"What answers at Segment's address takes no messages there",
			"The answer says that the address is wrong, rather than the message.",
			"Correct segment/host and segment/path. Then replay them."}
	}
	return Explanation{"This version does not know the reason",
		"Another release has failed them.",
		"See in the detail what it says, and mend that. Then replay them."}
}
