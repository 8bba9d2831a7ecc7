package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// Waiting is an event that is retried: an attempt failed, and the next one is at a later time.
type Waiting struct {
	ID       string    `json:"id"` // unique on its queue; the same after each attempt
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next_attempt"`
	About
}

// About is what a list shows of an event. It is zero if the event cannot be read.
type About struct {
	Event    string    `json:"event,omitempty"` // the Commerce event
	Resource string    `json:"resource,omitempty"`
	Received time.Time `json:"received,omitzero"`
}

// EachWaiting calls visit with each event that is retried, in no order. It keeps none of them.
func (q *Queue) EachWaiting(visit func(Waiting)) error {
	for _, file := range q.store.list() {
		err := file.viewWaiting(q.name, func(entries iter.Seq[entry]) {
			for e := range entries {
				visit(file.describe(e))
			}
		})
		if err != nil {
			return fmt.Errorf("reading the events that are retried: %w", err)
		}
	}
	return nil
}

// Waiting returns the first of the events that are retried and match, at most limit: those with
// the earliest attempt. It counts all that match. Describe returns what they are about.
func (q *Queue) Waiting(limit int, matches func(Waiting) bool) (first []Waiting, count int, err error) {
	earliest := func() {
		slices.SortStableFunc(first, func(a, b Waiting) int { return a.Next.Compare(b.Next) })
		first = first[:min(len(first), limit)]
	}
	err = q.EachWaiting(func(w Waiting) {
		if !matches(w) {
			return
		}
		count++
		if first = append(first, w); len(first)/2 > limit {
			earliest() // so that a long outage needs no more memory
		}
	})
	earliest()
	return first, count, err
}

// Describe returns what the event with an ID is about.
func (q *Queue) Describe(id string) About {
	before, after, _ := strings.Cut(id, "-")
	fileNumber, err := strconv.Atoi(before)
	number, numberErr := strconv.ParseUint(after, 10, 64)
	file := q.store.file(fileNumber)
	if err != nil || numberErr != nil || file == nil {
		return About{}
	}
	return file.about(q.name, number)
}

// How RetryNow distributes the attempts: a few at once, and the others afterwards, a hundred a
// second. If the first ones fail again, Segment has received only those.
const (
	firstRetries    = 5
	laterRetries    = 2 * time.Second
	betweenRetries  = 10 * time.Millisecond
	longestSchedule = 5 * time.Minute
)

// RetryNow makes events visible whose next attempt is later: some now, and the others within
// the next seconds. It returns how many.
func (q *Queue) RetryNow(matches func(Waiting) bool) (retried int, err error) {
	return q.reschedule(func(f *file, entries iter.Seq[entry], before int) (moves []rescheduled) {
		now := time.Now()
		for e := range entries {
			if !matches(f.describe(e)) {
				continue
			}
			at := now
			if place := before + len(moves); place >= firstRetries {
				at = now.Add(min(laterRetries+time.Duration(place-firstRetries)*betweenRetries, longestSchedule))
			}
			if at.Before(e.visible) {
				moves = append(moves, rescheduled{e, e.due(at, false)})
			}
		}
		return moves
	})
}

// RetrySome makes at most limit events visible whose next attempt is later. It does that only
// once for each event, until its next attempt at its own time: an event that fails because of
// its content is not attempted more than twice as often. It leaves the events that the receiver
// asked not to send yet. It returns how many.
func (q *Queue) RetrySome(limit int) (retried int, err error) {
	return q.reschedule(func(_ *file, entries iter.Seq[entry], before int) (moves []rescheduled) {
		now := time.Now()
		if before >= limit {
			return nil
		}
		for e := range entries {
			if !e.wasEarly && !e.notBefore.After(now) {
				moves = append(moves, rescheduled{e, e.due(now, true)})
			}
			if before+len(moves) >= limit {
				break // each success calls this: it must not read all events of a long outage
			}
		}
		return moves
	})
}

// ResetEarly makes RetrySome retry also the events that it has retried before.
func (q *Queue) ResetEarly() error {
	_, err := q.reschedule(func(_ *file, entries iter.Seq[entry], _ int) (moves []rescheduled) {
		for e := range entries {
			if e.wasEarly {
				reset := e
				reset.wasEarly = false
				moves = append(moves, rescheduled{e, reset})
			}
		}
		return moves
	})
	return err
}

// rescheduled is the entry of an event before and after a change of its next attempt.
type rescheduled struct{ from, to entry }

// reschedule changes the next attempts of events that are retried, in all files. The function
// choose has the number of those that were changed before. It returns how many were changed.
func (q *Queue) reschedule(choose func(f *file, entries iter.Seq[entry], before int) []rescheduled) (changed int, err error) {
	for _, file := range q.store.list() {
		n, err := file.reschedule(q.name, func(entries iter.Seq[entry]) []rescheduled { return choose(file, entries, changed) })
		if n > 0 || err != nil { // otherwise nothing was written
			q.store.noteFile(file, err)
		}
		changed += n
		if err != nil {
			return changed, fmt.Errorf("scheduling attempts earlier: %w", err)
		}
	}
	if changed > 0 {
		q.wake()
	}
	return changed, nil
}

// reschedule changes the next attempts that choose returns. If it returns none, nothing is
// written to the disk.
func (f *file) reschedule(queue string, choose func(iter.Seq[entry]) []rescheduled) (changed int, err error) {
	err = f.viewWaiting(queue, func(entries iter.Seq[entry]) { changed = len(choose(entries)) })
	if err != nil || changed == 0 {
		return 0, err
	}
	err = f.Update(func(tx *bbolt.Tx) error {
		moves := choose(waiting(tx, queue))
		changed = len(moves)
		if changed == 0 {
			return nil
		}
		for _, m := range moves {
			if err := move(tx.Bucket([]byte(queue)).Bucket(bucketDue), m.from, m.to); err != nil {
				return err
			}
		}
		f.note(tx, queue)
		return nil
	})
	return changed, err
}

// waiting returns the entries of the file's events that are retried.
func (f *file) waiting(queue string) (all []entry, err error) {
	err = f.viewWaiting(queue, func(entries iter.Seq[entry]) { all = slices.Collect(entries) })
	return all, err
}

// viewWaiting calls read with the entries of the file's events that are retried.
func (f *file) viewWaiting(queue string, read func(iter.Seq[entry])) error {
	err := f.View(func(tx *bbolt.Tx) error {
		read(waiting(tx, queue))
		return nil
	})
	return ignoreClosed(err)
}

// ignoreClosed returns nil for the error of a file that had no more events, and was removed in
// the meantime.
func ignoreClosed(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return nil
	}
	return err
}

// waiting returns the entries of a queue's events that are retried, those with the earliest
// attempt first.
func waiting(tx *bbolt.Tx, queue string) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return
		}
		cursor := bucket.Bucket(bucketDue).Cursor()
		later := time.Now().Add(1) // an event that is visible now is not retried later
		for key, value := cursor.Seek(joinKey(later, 0)); key != nil; key, value = cursor.Next() {
			if e := entryOf(key, value); !e.inDelivery && !yield(e) {
				return
			}
		}
	}
}

// describe returns an event without what it is about.
func (f *file) describe(e entry) Waiting {
	return Waiting{ID: fmt.Sprintf("%d-%d", f.number, e.number), Reason: e.reason, Attempts: e.receives, Next: e.visible}
}

// about returns what an event is about.
func (f *file) about(queue string, number uint64) (about About) {
	_ = f.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		envelope, err := decode(bucket.Bucket(bucketEvents).Get(binary.BigEndian.AppendUint64(nil, number)))
		if err != nil {
			return nil
		}
		about.Received = envelope.Received
		if webhook, err := commerce.Parse(envelope.Body); err == nil {
			about.Event, about.Resource = loggable.Event(webhook.Event), loggable.ID(webhook.ResourceID)
		}
		return nil
	})
	return about
}

// Kept is an event that a queue keeps.
type Kept struct {
	Envelope relay.Envelope
	Waiting  *Waiting          // if it is retried, and not handed out now
	Letter   *spool.DeadLetter // if it is a dead letter
}

// Find returns the event whose webhook was received at a time, or nil if the queue no longer
// keeps it. It reads the beginning of each event that the queue keeps.
func (q *Queue) Find(received time.Time) (*Kept, error) {
	for _, file := range q.store.list() {
		kept, err := file.find(q.name, received)
		if kept != nil || err != nil {
			return kept, err
		}
	}
	failed, err := q.store.deadLetters()
	if err != nil {
		return nil, err
	}
	letter, err := failed.find(q.name, received)
	if letter == nil || err != nil {
		return nil, err
	}
	return &Kept{Envelope: letter.Envelope, Letter: letter}, nil
}

// isReceivedAt reports whether a record is that of a webhook that was received at a time.
func isReceivedAt(record []byte, received time.Time) bool {
	return len(record) >= bodyAt+sumBytes && binary.BigEndian.Uint64(record[1:digestAt]) == uint64(received.UnixNano())
}

// find returns the file's event whose webhook was received at a time; nil if there is none.
func (f *file) find(queue string, received time.Time) (kept *Kept, err error) {
	var number uint64
	err = f.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Bucket(bucketEvents).Cursor()
		for key, record := cursor.First(); key != nil; key, record = cursor.Next() {
			if isReceivedAt(record, received) {
				kept, number = &Kept{Envelope: open("", 0, record).Envelope}, binary.BigEndian.Uint64(key)
				return nil
			}
		}
		return nil
	})
	if kept == nil {
		return nil, ignoreClosed(err)
	}
	entries, err := f.waiting(queue)
	for _, e := range entries {
		if e.number == number {
			waiting := f.describe(e)
			kept.Waiting = &waiting
		}
	}
	return kept, err
}
