package queue

import (
	"errors"
	"time"

	"commerce-segment/infra/hub/database"
)

// Status counts the events of a queue.
type Status struct {
	Waiting int
	Failed  int
	Oldest  time.Time // when the webhook of the first waiting event was received; zero if there is none
}

// Add adds the counts of another queue.
func (st *Status) Add(other Status) {
	st.Waiting += other.Waiting
	st.Failed += other.Failed
	if st.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(st.Oldest) {
		st.Oldest = other.Oldest
	}
}

// Status counts the queue's events.
func (q *Queue) Status() (st Status) {
	s := q.store
	for _, file := range s.list() { // reading a file must not delay what uses the others
		if n := file.status(q.name).waiting; n > 0 {
			st.Waiting += n
			if st.Oldest.IsZero() {
				st.Oldest = s.oldest(file, q.name)
			}
		}
	}
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		st.Failed = failed.count(q.name)
	}
	return st
}

// oldest returns when the webhook of a queue's first event in a file was received; zero if
// that cannot be read.
func (s *Store) oldest(f *file, queue string) time.Time {
	received, err := f.oldest(queue)
	if errors.Is(err, database.ErrDamaged) {
		s.noteFile(f, err)
	}
	return received
}
