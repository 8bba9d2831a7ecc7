package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/database"
)

// maintain keeps the queues in order once a minute, until the context is done:
//
//   - It removes dead letters that are older than deadLetterAge.
//   - If the clock of the machine was set back, it makes all waiting events visible, because
//     they would be invisible for that much longer.
//   - It ends all waits in Receive, because timers stand still while a machine is suspended.
func (s *Store) maintain(ctx context.Context) {
	const every = time.Minute
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		now := time.Now()
		if now.Round(0).Sub(last.Round(0)) < 0 {
			s.log.Warn("the clock of this machine was set back: all waiting events are sent now")
			_ = s.release(true) // it logs an error
		}
		s.wakeAll()
		last = now
		s.prune(now.Add(-deadLetterAge))
	}
}

// release makes the events visible that were being delivered, or all events. It sets aside
// the files that are damaged, and returns any other error.
func (s *Store) release(all bool) error {
	var errs []error
	for _, file := range s.list() {
		err := file.Update(func(tx *bbolt.Tx) error { return file.release(tx, all) })
		s.noteFile(file, err)
		if !errors.Is(err, database.ErrDamaged) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// wakeAll ends the waits in Receive of all queues.
func (s *Store) wakeAll() {
	for _, queue := range s.all() {
		queue.wake()
	}
}

// all returns the queues that were asked for so far.
func (s *Store) all() []*Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.queues))
}
