package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// Event is a waiting event as Copy returns it and Restore adds it.
type Event struct {
	Envelope relay.Envelope
	Record   []byte    // what is stored, if this release cannot decode it; otherwise nil
	Receives int       // how often it was received
	Due      time.Time // the time of its next attempt
	Reason   string    // of its last failure; empty if it has not failed
	// NotBefore is until when the receiver asked not to be sent the event; zero if it did not.
	NotBefore time.Time
}

// Dead is a dead letter as Copy returns it and RestoreDead adds it.
type Dead struct {
	spool.DeadLetter
	Record []byte // what is stored of its event, if this release cannot decode it; otherwise nil
}

// Copy calls waiting with each waiting event of the queue, and then dead with each dead letter.
// It removes nothing, and webhooks are accepted and delivered meanwhile. It misses no event
// that was in the queue when Copy began, unless the event is delivered before Copy reads it.
// An event that fails meanwhile can be returned twice: waiting, and as a dead letter.
//
// Copy reads pages, each in a short transaction: a long one would delay the removal and the
// growth of files.
func (q *Queue) Copy(waiting func(Event) error, dead func(Dead) error) error {
	q.redriving.Lock() // a redrive moves events from what is read last to what is read first
	defer q.redriving.Unlock()
	for _, file := range q.store.list() {
		if err := q.copyFile(file, waiting); err != nil {
			return err
		}
	}
	for page, err := range q.pages(0) {
		if err != nil {
			return fmt.Errorf("reading dead letters: %w", err)
		}
		for _, l := range page {
			copied := Dead{DeadLetter: l.DeadLetter}
			if _, unreadable := decode(l.record); unreadable != nil {
				copied.Record = l.record
			}
			if err := dead(copied); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyFile calls waiting with the events of the queue in a file. Events keep their number in
// the file until they are deleted, so no event is missed between two pages.
func (q *Queue) copyFile(f *file, waiting func(Event) error) error {
	states, err := f.states(q.name)
	for after := uint64(0); err == nil; {
		var page []numbered
		if page, err = f.after(q.name, after); len(page) == 0 {
			break
		}
		for _, event := range page {
			known := states[event.number] // zero if the event is newer
			copied := Event{Receives: known.receives, Due: known.visible, Reason: known.reason, NotBefore: known.notBefore}
			var unreadable error
			if copied.Envelope, unreadable = decode(event.record); unreadable != nil {
				copied.Record = event.record
			}
			if err := waiting(copied); err != nil {
				return err
			}
		}
		after = page[len(page)-1].number
	}
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return nil // all its events are delivered, and it was removed
	}
	if errors.Is(err, database.ErrDamaged) {
		q.store.noteFile(f, err)
	}
	if err != nil {
		return fmt.Errorf("reading events from %s: %w", f.path, err)
	}
	return nil
}

// states returns how often each event of a queue was received and when it is due, by its
// number. The size of a file limits their number.
func (f *file) states(queue string) (states map[uint64]entry, err error) {
	states = map[uint64]entry{}
	err = f.view(queue, func(bucket *bbolt.Bucket) error {
		return bucket.Bucket(bucketDue).ForEach(func(key, value []byte) error {
			e := entryOf(key, value)
			if e.inDelivery {
				e.visible = time.Time{} // it was due when it was received
			}
			states[e.number] = e
			return nil
		})
	})
	return states, err
}

// numbered is the record of an event, and its number in its file.
type numbered struct {
	number uint64
	record []byte
}

// after returns a page of a queue's events: those that follow the number.
func (f *file) after(queue string, number uint64) (page []numbered, err error) {
	err = f.view(queue, func(bucket *bbolt.Bucket) error {
		size := 0
		cursor := bucket.Bucket(bucketEvents).Cursor()
		for key, value := cursor.Seek(binary.BigEndian.AppendUint64(nil, number+1)); key != nil && len(page) < pageSize && size < pageBytes; key, value = cursor.Next() {
			page = append(page, numbered{binary.BigEndian.Uint64(key), slices.Clone(value)})
			size += len(value)
		}
		return nil
	})
	return page, err
}

// view reads the bucket of a queue, if the file has one.
func (f *file) view(queue string, read func(*bbolt.Bucket) error) error {
	return f.View(func(tx *bbolt.Tx) error {
		if bucket := tx.Bucket([]byte(queue)); bucket != nil {
			return read(bucket)
		}
		return nil
	})
}

// Restore adds events with their attempts and the time of the next one.
// When it returns nil, they are synced to the disk.
func (q *Queue) Restore(events ...Event) error {
	records := make([]event, len(events))
	for i, e := range events {
		records[i] = event{recordOf(e.Envelope, e.Record), entry{receives: e.Receives, visible: e.Due, notBefore: e.NotBefore, reason: e.Reason[:min(len(e.Reason), maxReason)]}}
	}
	return q.put(context.Background(), records...)
}

// recordOf returns a record that this release cannot decode as it is, and otherwise that of the
// envelope.
func recordOf(e relay.Envelope, undecoded []byte) []byte {
	if undecoded != nil {
		return undecoded
	}
	return encode(e)
}

// RestoreDead adds dead letters with the time of their failure. When it returns nil, they are
// synced to the disk.
func (q *Queue) RestoreDead(letters ...Dead) error {
	values := make([][]byte, len(letters))
	for i, l := range letters {
		value, err := failedValue(recordOf(l.Envelope, l.Record), header{l.Failure, l.FailedAt})
		if err != nil {
			return err
		}
		values[i] = value
	}
	return q.failValues(values...)
}
