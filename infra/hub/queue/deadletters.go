package queue

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/spool"
)

// pageSize and pageBytes limit the dead letters that are read, moved or removed at once.
const (
	pageSize  = 100
	pageBytes = 8 << 20
)

// DeadLetters returns the queue's dead letters, oldest first. It reads them in pages, so a
// long list needs little memory. After an error there are no more.
func (q *Queue) DeadLetters() iter.Seq2[spool.DeadLetter, error] {
	return func(yield func(spool.DeadLetter, error) bool) {
		for page, err := range q.pages(0) {
			if err != nil {
				yield(spool.DeadLetter{}, err)
				return
			}
			for _, l := range page {
				if !yield(l.DeadLetter, nil) {
					return
				}
			}
		}
	}
}

// ListDeadLetters returns the queue's dead letters, oldest first. Only the newest ones have the
// bodies of their webhooks, which together have at most the given number of bytes: so a long
// list needs little memory and is read quickly. DeadLetter returns one with its body.
func (q *Queue) ListDeadLetters(bodies int) ([]spool.DeadLetter, error) {
	var all []spool.DeadLetter
	for before := uint64(math.MaxUint64); ; {
		page, err := q.deadLettersBefore(before, bodies)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			slices.Reverse(all)
			return all, nil
		}
		for _, l := range page {
			if bodies -= len(l.Envelope.Body); l.Envelope.Body == nil {
				bodies = 0 // a smaller one would have room, but the list is simpler without gaps
			}
		}
		before = numberOfLetter(page[len(page)-1].ID)
		all = append(all, page...)
	}
}

// DeadLetterChanges returns a number that is another one after each change of the store's dead
// letters. A list that was read after it was asked for is up to date as long as it is the same.
func (s *Store) DeadLetterChanges() uint64 { return s.changes.Load() }

// DeadLetter returns the dead letter with an ID. It reports whether there is one.
func (q *Queue) DeadLetter(id string) (l spool.DeadLetter, found bool, err error) {
	number := numberOfLetter(id)
	if number == 0 {
		return l, false, nil
	}
	page, err := q.deadLettersAfter(number-1, 1)
	if len(page) == 0 || page[0].ID != id {
		return l, false, err
	}
	return page[0].DeadLetter, true, nil
}

// pages returns the dead letters that follow a number, in pages. After an error there are no
// more.
func (q *Queue) pages(after uint64) iter.Seq2[[]letter, error] {
	return func(yield func([]letter, error) bool) {
		for {
			page, err := q.deadLettersAfter(after, pageSize)
			if len(page) == 0 && err == nil || !yield(page, err) || err != nil {
				return
			}
			after = page[len(page)-1].number()
		}
	}
}

// deadLettersAfter returns at most limit dead letters that follow a number.
func (q *Queue) deadLettersAfter(number uint64, limit int) (page []letter, err error) {
	err = q.readFailed(func(f *failed) (err error) {
		page, err = f.after(q.name, number, limit)
		return err
	})
	return page, err
}

// deadLettersBefore returns the page of dead letters before a number, newest first.
func (q *Queue) deadLettersBefore(number uint64, bodies int) (page []spool.DeadLetter, err error) {
	err = q.readFailed(func(f *failed) (err error) {
		page, err = f.before(q.name, number, bodies)
		return err
	})
	return page, err
}

// readFailed reads the file of dead letters.
func (q *Queue) readFailed(read func(*failed) error) error {
	failed, err := q.store.deadLetters()
	if err != nil {
		return err
	}
	err = read(failed)
	if errors.Is(err, database.ErrDamaged) {
		q.store.noteFailed(failed, err)
	}
	return err
}

// removeDeadLetters deletes dead letters.
func (q *Queue) removeDeadLetters(letters []letter) error {
	failed, err := q.store.deadLetters()
	if err == nil {
		err = failed.remove(q.name, letters)
	}
	q.store.noteFailed(failed, err)
	return err
}

// Redrive puts the dead letters that match back on the queue. Each starts again with the first
// attempt, and keeps its messageId. Redrive returns how many it put back, also with an error.
// An event that fails again during the redrive is not put back a second time.
func (q *Queue) Redrive(matches func(spool.DeadLetter) bool) (moved int, err error) {
	return q.redrive(1, math.MaxUint64, matches)
}

// RedriveNamed puts the dead letters with these IDs back on the queue, as Redrive does. It reads
// only those from the first of them to the last.
func (q *Queue) RedriveNamed(ids []string) (moved int, err error) {
	named := map[string]bool{}
	first, last := uint64(math.MaxUint64), uint64(0)
	for _, id := range ids {
		if number := numberOfLetter(id); number > 0 {
			named[id], first, last = true, min(first, number), max(last, number)
		}
	}
	return q.redrive(first, last, func(l spool.DeadLetter) bool { return named[l.ID] })
}

// redrive puts those dead letters back that match and have a number from first to last.
func (q *Queue) redrive(first, last uint64, matches func(spool.DeadLetter) bool) (moved int, err error) {
	q.redriving.Lock()
	defer q.redriving.Unlock()
	began := time.Now()
	for page, err := range q.pages(first - 1) {
		if err != nil {
			return moved, err
		}
		back := slices.DeleteFunc(slices.Clone(page), func(l letter) bool { return l.FailedAt.After(began) || !matches(l.DeadLetter) })
		n, err := q.putBack(back)
		moved += n
		if err != nil || page[len(page)-1].number() >= last {
			return moved, err
		}
	}
	return moved, nil
}

// putBack puts dead letters back on the queue. It returns how many are there, also with an
// error.
func (q *Queue) putBack(letters []letter) (moved int, err error) {
	if len(letters) == 0 {
		return 0, nil
	}
	var events []event
	for _, l := range letters {
		events = append(events, event{record: l.record})
	}
	// If the process ends between the two steps, the events are in both places: it is
	// better to send them twice than to lose them.
	if err := q.put(context.Background(), events...); err != nil {
		return 0, err
	}
	for _, l := range letters {
		q.store.log.Info("replay", "tracking", q.name, "received", l.Envelope.Received, "resource", l.Failure.Resource)
	}
	return len(letters), q.removeDeadLetters(letters)
}

// prune removes the dead letters of events that failed before a time.
func (s *Store) prune(before time.Time) {
	for _, queue := range s.all() {
		removed := 0
		for page, err := range queue.pages(0) {
			if err != nil {
				break
			}
			old := slices.DeleteFunc(slices.Clone(page), func(l letter) bool {
				return l.FailedAt.IsZero() || !l.FailedAt.Before(before) // zero: the header cannot be read
			})
			if len(old) > 0 && queue.removeDeadLetters(old) != nil {
				break
			}
			removed += len(old)
			if !page[len(page)-1].FailedAt.Before(before) {
				break // those after it failed later
			}
		}
		if removed > 0 {
			s.log.Info("removed dead letters because of their age", "tracking", queue.name, "removed", removed, "failed_before", before.Format(time.RFC3339))
		}
	}
}
