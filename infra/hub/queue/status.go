package queue

import "time"

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
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		if n := file.status(q.name).waiting; n > 0 {
			if st.Waiting == 0 {
				st.Oldest = file.oldest(q.name)
			}
			st.Waiting += n
		}
	}
	if s.failed != nil {
		st.Failed = s.failed.count(q.name)
	}
	return st
}
