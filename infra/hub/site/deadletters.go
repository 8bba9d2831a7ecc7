package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// DeadLetterQueue is a tracking's dead letters, and the queue to which they go back.
type DeadLetterQueue interface {
	Count(context.Context) (int, error)
	CountWaiting(context.Context) (int, error)
	List(context.Context) ([]spool.DeadLetter, error)
	Redrive(ctx context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (moved int, err error)
}

// InMemory is the dead letters of a hub on this machine.
type InMemory struct{ *spool.Memory }

// Count implements DeadLetterQueue.
func (m InMemory) Count(context.Context) (int, error) { return m.Counts().Dead, nil }

// CountWaiting implements DeadLetterQueue.
func (m InMemory) CountWaiting(context.Context) (int, error) {
	counts := m.Counts()
	return counts.Visible + counts.Invisible, nil
}

// List implements DeadLetterQueue.
func (m InMemory) List(context.Context) ([]spool.DeadLetter, error) { return m.DeadLetters(), nil }

// Redrive implements DeadLetterQueue.
func (m InMemory) Redrive(_ context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (int, error) {
	looked := 0
	return m.Memory.Redrive(func(letter spool.DeadLetter) bool {
		looked++
		progress(looked)
		return matches(letter)
	}), nil
}

// Graveyard is the dead letters of some trackings.
type Graveyard []TrackingQueue

// TrackingQueue is the dead letters of one tracking.
type TrackingQueue struct {
	Tracking tracking.Tracking
	Queue    DeadLetterQueue
}

// Graveyard is the dead letters of these trackings.
func (d *Deployment) Graveyard(trackings []tracking.Tracking) (Graveyard, error) {
	var yard Graveyard
	for _, t := range trackings {
		queue, err := d.DeadLetters(t)
		if err != nil {
			return nil, err
		}
		yard = append(yard, TrackingQueue{t, queue})
	}
	return yard, nil
}

// Grave is a dead letter and the tracking that it is of. What is in it is personal.
type Grave struct {
	Tracking tracking.Tracking
	spool.DeadLetter
}

// each asks all queues at once, each of which takes a second or more. The first error
// ends it.
func (y Graveyard) each(ctx context.Context, ask func(ctx context.Context, i int, q TrackingQueue) error) error {
	asking, ctx := errgroup.WithContext(ctx)
	for i, q := range y {
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
func (y Graveyard) List(ctx context.Context) ([]Grave, error) {
	found := make([][]Grave, len(y))
	err := y.each(ctx, func(ctx context.Context, i int, q TrackingQueue) error {
		letters, err := q.Queue.List(ctx)
		for _, letter := range letters {
			found[i] = append(found[i], Grave{q.Tracking, letter})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	graves := slices.Concat(found...)
	slices.SortStableFunc(graves, func(a, b Grave) int { return a.Buried.Compare(b.Buried) })
	return graves, nil
}

// Redrive puts the dead letters that match back, from all queues at once. One queue's
// error leaves the others to finish. It tells progress how many it has looked at.
func (y Graveyard) Redrive(ctx context.Context, matches func(Grave) bool, progress func(looked int)) (moved int, err error) {
	var mu sync.Mutex
	var redriving sync.WaitGroup
	looked, failures := 0, make([]error, len(y))
	for i, q := range y {
		redriving.Go(func() {
			n, err := q.Queue.Redrive(ctx, func(l spool.DeadLetter) bool { return matches(Grave{q.Tracking, l}) }, func(int) {
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
func (y Graveyard) Backlogs(ctx context.Context) ([]Backlog, error) {
	counts := make([]Backlog, len(y))
	err := y.each(ctx, func(ctx context.Context, i int, q TrackingQueue) (err error) {
		if counts[i].Waiting, err = q.Queue.CountWaiting(ctx); err == nil {
			counts[i].Dead, err = q.Queue.Count(ctx)
		}
		return err
	})
	return counts, err
}

// Backlog counts what lies on all of them.
func (y Graveyard) Backlog(ctx context.Context) (total Backlog, err error) {
	counts, err := y.Backlogs(ctx)
	for _, c := range counts {
		total.Waiting += c.Waiting
		total.Dead += c.Dead
	}
	return total, err
}

// Backlog counts what lies on all queues of the store.
func (d *Deployment) Backlog(ctx context.Context) (Backlog, error) {
	yard, err := d.Graveyard(tracking.All())
	if err != nil {
		return Backlog{}, err
	}
	return yard.Backlog(ctx)
}

// Kind is a tracking and a reason that dead letters have in common.
type Kind struct {
	Tracking, Reason string
	Count            int
}

// Kinds counts, the most first.
func Kinds(graves []Grave) []Kind {
	counts := map[Kind]int{}
	for _, g := range graves {
		counts[Kind{Tracking: g.Tracking.Name, Reason: g.Burial.Reason}]++
	}
	var all []Kind
	for k, count := range counts {
		k.Count = count
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Kind) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Tracking, b.Tracking), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}
