package queue

import (
	"iter"
	"time"

	"commerce-segment/shared/spool"
)

// pageSize is how many dead letters are read, moved or removed at once.
const pageSize = 100

// DeadLetters lists the queue's dead letters, oldest first, page by page, so that a long
// list fills no memory. After an error there are no more.
func (q *Queue) DeadLetters() iter.Seq2[spool.DeadLetter, error] {
	return func(yield func(spool.DeadLetter, error) bool) {
		for page, err := range q.pages() {
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

func (q *Queue) pages() iter.Seq2[[]letter, error] {
	return func(yield func([]letter, error) bool) {
		for after := uint64(0); ; {
			page, err := q.store.failed.after(q.name, after, pageSize)
			if len(page) == 0 && err == nil || !yield(page, err) || err != nil {
				return
			}
			after = page[len(page)-1].number()
		}
	}
}

// Redrive puts the dead letters that match back on the queue: from their first attempt on,
// with the same messageId. It returns how many it put back, also with an error. Those that
// fail again meanwhile are not moved again.
func (q *Queue) Redrive(matches func(spool.DeadLetter) bool) (moved int, err error) {
	began := time.Now()
	for page, err := range q.pages() {
		if err != nil {
			return moved, err
		}
		var back []letter
		var records [][]byte
		for _, l := range page {
			if !l.FailedAt.After(began) && matches(l.DeadLetter) {
				back, records = append(back, l), append(records, l.record)
			}
		}
		if len(back) == 0 {
			continue
		}
		// First to the queue: ended between the two, the process leaves them twice, and
		// they are sent twice, which is better than never.
		if err := q.put(records...); err != nil {
			return moved, err
		}
		moved += len(back)
		if err := q.store.failed.remove(q.name, back); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// prune removes dead letters that failed before a time.
func (s *Store) prune(before time.Time) {
	s.mu.Lock()
	queues := make(map[string]*Queue, len(s.queues))
	for name, queue := range s.queues {
		queues[name] = queue
	}
	s.mu.Unlock()
	for name, queue := range queues {
		removed := 0
		for page, err := range queue.pages() {
			if err != nil {
				break
			}
			old := 0
			for old < len(page) && page[old].FailedAt.Before(before) {
				old++
			}
			if old == 0 || s.failed.remove(name, page[:old]) != nil {
				break
			}
			removed += old
		}
		if removed > 0 {
			s.log.Info("removed dead letters because of their age", "tracking", name, "removed", removed, "failed_before", before.Format(time.RFC3339))
		}
	}
}
