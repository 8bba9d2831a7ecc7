package queue

import (
	"context"
	"errors"
	"path/filepath"

	"commerce-segment/infra/hub/database"
)

const adviceDamaged = "hub backfill can send them again from Commerce. Then delete the file"

// warnOfDamaged logs the damaged files of earlier runs.
func (s *Store) warnOfDamaged() error {
	damaged, err := database.Damaged(s.dir)
	for _, each := range damaged {
		s.log.Warn("this file of events was damaged when the hub read it, and its events are not delivered. "+adviceDamaged, "file", each)
	}
	return err
}

// setAside renames a damaged file, so that it is kept and the hub works without it.
func (s *Store) setAside(name string, damage error) error {
	path := filepath.Join(s.dir, name)
	aside, err := database.SetAside(path)
	if err != nil {
		s.log.Error("a damaged file of events cannot be renamed. Rename it, or the hub reads it again at its next start",
			"file", path, "detail", err.Error())
		return errors.Join(damage, err)
	}
	s.log.Error("a file of events is damaged. It was renamed, and its events are not delivered. "+adviceDamaged,
		"file", aside, "detail", damage.Error())
	return nil
}

// noteFile is noteWrite for a file of waiting events. It sets the file aside if the error is a
// database.ErrDamaged: otherwise Receive would read the same event again and again, and the
// events in the other files would never be delivered.
func (s *Store) noteFile(f *file, err error) {
	if !errors.Is(err, database.ErrDamaged) {
		s.noteWrite(err)
		return
	}
	s.removing.Lock()
	defer s.removing.Unlock()
	if s.drop(f) {
		f.Close() // its error is about the damage
		_ = s.setAside(filepath.Base(f.path), err)
	}
}

// noteFailed is noteWrite for the file of dead letters, and counts the change. It sets the file
// aside if the error is a database.ErrDamaged; deadLetters then creates a new one.
func (s *Store) noteFailed(f *failed, err error) {
	defer s.changes.Add(1)
	if !errors.Is(err, database.ErrDamaged) {
		s.noteWrite(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != f || f == nil {
		return // another caller did that
	}
	f.Close() // its error is about the damage
	_ = s.setAside(failedName, err)
	s.failed = nil
}

// noteWrite logs the first write to the disk that fails, and the first one that succeeds
// again.
func (s *Store) noteWrite(err error) {
	if errors.Is(err, database.ErrClosed) || errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	was := s.failing
	s.failing = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !was:
		s.log.Error("events cannot be written to the disk: check its free space and the permissions. Until then an event is delivered while Commerce waits, or its webhook is answered 503, and Commerce posts it again",
			"directory", s.dir, "detail", err.Error())
	case err == nil && was:
		s.log.Info("events are written to the disk again", "directory", s.dir)
	}
}
