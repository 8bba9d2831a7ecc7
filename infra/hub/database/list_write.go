package database

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"
)

// prunePeriodically removes the entries that are too old, until the context is done. It also
// removes what is left beyond the limits when the list is opened.
func (l *List) prunePeriodically(ctx context.Context) {
	for {
		for ctx.Err() == nil && l.hasMore() && l.Add() == nil {
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pruneInterval):
			_ = l.Add() // update has logged the error
		}
	}
}

// hasMore reports whether there are still entries beyond the limits.
func (l *List) hasMore() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.totals.more
}

// view reads the database.
func (l *List) view(read func(*bbolt.Tx) error) error {
	return l.use(func(db *DB) error { return db.View(read) })
}

// update changes the database. It logs the first write that fails, and the first one that
// succeeds again.
func (l *List) update(apply func(*bbolt.Tx) error) error {
	err := l.use(func(db *DB) error { return db.Update(apply) })
	l.mu.Lock()
	was := l.failing
	l.failing = err != nil
	l.mu.Unlock()
	switch {
	case err != nil && !was:
		l.log.Error(l.name+" cannot be written to the disk: check its free space and the permissions", "file", l.path, "detail", err.Error())
	case err == nil && was:
		l.log.Info(l.name+" is written to the disk again", "file", l.path)
	}
	return err
}

// use calls a function with the database. If the database is damaged, it replaces it and
// calls the function again.
func (l *List) use(do func(*DB) error) error {
	used, err := l.try(do)
	if used != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if err := l.replace(used, err); err != nil {
		return err
	}
	_, err = l.try(do)
	return err
}

// try calls a function with the database, and returns the database that it used.
func (l *List) try(do func(*DB) error) (*DB, error) {
	l.using.RLock()
	defer l.using.RUnlock()
	if l.db == nil {
		return nil, ErrClosed
	}
	return l.db, do(l.db)
}

// replace replaces the database that was used, unless another goroutine has done it.
func (l *List) replace(used *DB, damage error) error {
	l.using.Lock()
	defer l.using.Unlock()
	if l.db != used {
		return nil
	}
	if used == nil {
		return l.open()
	}
	used.Close() // its error is about the damage
	l.db = nil
	return l.setAside(damage)
}

// change adds entries and removes those that are beyond the limits.
func (l *List) change(tx *bbolt.Tx, added ...Entry) error {
	entries, about := tx.Bucket(bucketEntries), tx.Bucket(BucketAbout)
	entries.FillPercent = 1 // entries are added at the end only
	size := 0
	if stored := about.Get(keyBytes); stored != nil {
		size = int(binary.BigEndian.Uint64(stored))
	}
	for _, entry := range added {
		number, err := entries.NextSequence()
		if err != nil {
			return err
		}
		value := binary.BigEndian.AppendUint64(make([]byte, 0, timeBytes+len(entry.Body)), uint64(entry.At.UnixNano()))
		if err := entries.Put(keyOf(number), append(value, entry.Body...)); err != nil {
			return err
		}
		size += len(entry.Body) + entryOverhead
	}
	now, gone, err := l.prune(entries, size, time.Now())
	if err != nil {
		return err
	}
	tx.OnCommit(func() { l.note(now, gone) })
	return about.Put(keyBytes, binary.BigEndian.AppendUint64(nil, uint64(now.bytes)))
}

// removed counts the entries that prune removed.
type removed struct {
	full int // there were too many bytes
	old  int
}

// prune removes the oldest entries that are beyond the limits, at most pruneStep. size is the
// size of all.
func (l *List) prune(entries *bbolt.Bucket, size int, now time.Time) (totals, removed, error) {
	var gone removed
	var keys [][]byte // to delete afterwards: a deletion makes the cursor invalid
	t := totals{added: entries.Sequence(), bytes: size}
	cursor := entries.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		t.kept = int(t.added - binary.BigEndian.Uint64(key) + 1)
		old := now.Sub(entryTime(value)) > l.limits.Age
		full := t.bytes > l.limits.Bytes
		if !old && !full && (l.limits.Entries == 0 || t.kept <= l.limits.Entries) {
			break
		}
		if t.more = len(keys) == pruneStep; t.more {
			break
		}
		if old {
			gone.old++
		} else if full {
			gone.full++
		}
		t.bytes -= len(value) - timeBytes + entryOverhead
		t.kept--
		keys = append(keys, key)
	}
	for _, key := range keys {
		if err := entries.Delete(key); err != nil {
			return t, gone, err
		}
	}
	return t, gone, nil
}

// entryTime returns the time of a stored entry.
func entryTime(value []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(value)))
}

// note takes over the totals of a change that was written, and logs what it removed.
func (l *List) note(now totals, gone removed) {
	l.mu.Lock()
	l.totals = now
	logFull := gone.full > 0 && !l.full
	l.full = l.full || logFull
	l.old += gone.old
	old := l.old
	if !now.more {
		l.old = 0
	}
	l.mu.Unlock()
	if logFull {
		l.log.Warn(l.name+" is full: from now on each new entry removes the oldest ones", "bytes", l.limits.Bytes, "entries", now.kept)
	}
	if old > 0 && !now.more {
		l.log.Info("the oldest entries of "+l.name+" were removed", "entries", old, "older_than", l.limits.Age.String())
	}
}
