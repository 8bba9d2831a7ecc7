package queue

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// A file of waiting events has a bucket for each queue, and each of them has two buckets:
//
//	events  the event's number -> its record
//	due     the time at which it is visible, and its number -> how often it was received,
//	        its flags, when it may be attempted early, and the reason of its last
//	        failure
//
// So the next event is the first key of due, and a retry does not write the body again.
var (
	bucketEvents = []byte("events")
	bucketDue    = []byte("due")
)

// file is one file of waiting events.
type file struct {
	number int
	path   string
	*database.DB

	removed bool // the file accepts no more events; only changes read and write it

	mu     sync.Mutex
	queues map[string]status
	bytes  int64 // of the database, as of the last change
}

// status describes a queue in one file.
type status struct {
	waiting int
	next    time.Time // when the next event is visible; zero if there is none
}

const filePrefix, fileSuffix = "waiting-", ".db"

func fileName(number int) string { return fmt.Sprintf("%s%06d%s", filePrefix, number, fileSuffix) }

// numberOf returns the number in a file's name.
func numberOf(name string) (number int, ok bool) {
	digits, found := strings.CutPrefix(name, filePrefix)
	digits, suffixed := strings.CutSuffix(digits, fileSuffix)
	number, err := strconv.Atoi(digits)
	return number, found && suffixed && err == nil && name == fileName(number)
}

// openFile opens or creates a file. It changes nothing in a file that exists.
func openFile(dir string, number int) (*file, error) {
	f := &file{number: number, path: filepath.Join(dir, fileName(number)), queues: map[string]status{}}
	db, err := database.Open(f.path)
	if err != nil {
		return nil, err
	}
	f.DB = db
	return f, nil
}

// release makes the events visible that were being delivered, or all events.
func (f *file) release(tx *bbolt.Tx, all bool) error {
	return forEachQueue(tx, func(name string, queue *bbolt.Bucket) error {
		now := time.Now()
		latest := now.Add(spool.Visibility) // an event in delivery is visible again by then
		due := queue.Bucket(bucketDue)
		var hidden []entry
		cursor := due.Cursor()
		for key, value := cursor.Seek(joinKey(now, 0)); key != nil; key, value = cursor.Next() {
			e := entryOf(key, value)
			if !all && e.visible.After(latest) {
				break
			}
			if all || e.inDelivery {
				hidden = append(hidden, e)
			}
		}
		for _, e := range hidden {
			released := e
			released.visible, released.inDelivery = now, false
			if err := move(due, e, released); err != nil {
				return err
			}
		}
		f.note(tx, name)
		return nil
	})
}

// status returns the status of a queue in the file.
func (f *file) status(queue string) status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queues[queue]
}

// isEmpty reports whether the file has no waiting event.
func (f *file) isEmpty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range maps.Values(f.queues) {
		if s.waiting > 0 {
			return false
		}
	}
	return true
}

// removeIfEmpty closes and removes the file unless it has a waiting event. It reports
// whether it removed the file. Only one caller at a time may call it.
func (f *file) removeIfEmpty() (gone bool, err error) {
	err = f.Update(func(tx *bbolt.Tx) error {
		f.removed = true // until an event is found
		return forEachQueue(tx, func(_ string, queue *bbolt.Bucket) error {
			f.removed = f.removed && queue.Bucket(bucketDue).Sequence() == 0
			return nil
		})
	})
	if err != nil || !f.removed {
		return false, err
	}
	return true, errors.Join(f.Close(), os.Remove(f.path))
}

// size returns the size of the file in bytes.
func (f *file) size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// note updates the status of a queue when the transaction is committed.
func (f *file) note(tx *bbolt.Tx, queue string) {
	due := tx.Bucket([]byte(queue)).Bucket(bucketDue)
	s := status{waiting: int(due.Sequence())}
	if key, value := due.Cursor().First(); key != nil {
		s.next = entryOf(key, value).visible
	}
	bytes := tx.Size()
	tx.OnCommit(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.queues[queue], f.bytes = s, bytes
	})
}

// event is an event to be added to a file. Its entry has no number yet, and if its visible is
// zero, it is visible now.
type event struct {
	record []byte
	entry
}

// put adds events to a queue, and returns when they are on the disk.
func (f *file) put(ctx context.Context, queue string, added []event) error {
	return f.UpdateWithin(ctx, func(tx *bbolt.Tx) error {
		if f.removed {
			return database.ErrClosed
		}
		events, due, err := bucketsOf(tx, queue)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, e := range added {
			if e.number, err = events.NextSequence(); err != nil {
				return err
			}
			if err := events.Put(binary.BigEndian.AppendUint64(nil, e.number), e.record); err != nil {
				return err
			}
			if e.visible.IsZero() {
				e.visible = now
			}
			if err := e.entry.put(due); err != nil {
				return err
			}
		}
		if err := due.SetSequence(due.Sequence() + uint64(len(added))); err != nil {
			return err
		}
		f.note(tx, queue)
		return nil
	})
}

// received is an event that take returned. Its entry includes this attempt.
type received struct {
	handle string
	entry
	record []byte // a copy
}

// oldest returns when the webhook of a queue's first event was received; zero if that
// cannot be read.
func (f *file) oldest(queue string) (received time.Time, err error) {
	err = f.View(func(tx *bbolt.Tx) error {
		if bucket := tx.Bucket([]byte(queue)); bucket != nil {
			_, record := bucket.Bucket(bucketEvents).Cursor().First()
			if e, err := decode(record); err == nil {
				received = e.Received
			}
		}
		return nil
	})
	return received, err
}

// size returns the total size of the events' records in bytes.
func size(events []received) (total int) {
	for _, e := range events {
		total += len(e.record)
	}
	return total
}

// take returns at most limit visible events of a queue, fewer if they are large. Those that
// have been visible longest are first. They are invisible for spool.Visibility from then on.
func (f *file) take(queue string, limit int) (events []received, err error) {
	err = f.Update(func(tx *bbolt.Tx) error {
		events = nil
		stored, due, err := bucketsOf(tx, queue)
		if err != nil {
			return err
		}
		now := time.Now()
		until := now.Add(spool.Visibility)
		var visible []entry
		cursor := due.Cursor()
		for key, value := cursor.First(); key != nil && len(visible) < limit && size(events) < spool.BatchBytes; key, value = cursor.Next() {
			e := entryOf(key, value)
			if e.visible.After(now) {
				break
			}
			visible = append(visible, e)
			events = append(events, received{
				handle: f.handle(joinKey(until, e.number)),
				entry:  e.taken(now, until),
				record: bytes.Clone(stored.Get(binary.BigEndian.AppendUint64(nil, e.number))),
			})
		}
		for i, e := range visible { // not in the loop above: a change makes its cursor invalid
			if err := move(due, e, events[i].entry); err != nil {
				return err
			}
		}
		f.note(tx, queue)
		return nil
	})
	return events, err
}

// retry makes an event invisible until its next attempt, and stores why the last one failed.
// It returns false if the event was deleted or received again.
func (f *file) retry(queue string, key []byte, next relay.Next) (found bool, err error) {
	err = f.Update(func(tx *bbolt.Tx) error {
		_, due, err := bucketsOf(tx, queue)
		if err != nil {
			return err
		}
		value := due.Get(key)
		if found = value != nil; !found {
			return nil
		}
		e := entryOf(key, value)
		if err := move(due, e, e.failed(time.Now(), next)); err != nil {
			return err
		}
		f.note(tx, queue)
		return nil
	})
	return found, err
}

// remove deletes events. It ignores events that were received again.
func (f *file) remove(queue string, keys [][]byte) error {
	return f.Update(func(tx *bbolt.Tx) error {
		events, due, err := bucketsOf(tx, queue)
		if err != nil {
			return err
		}
		for _, key := range keys {
			value := due.Get(key)
			if value == nil {
				continue
			}
			if err := due.Delete(key); err != nil {
				return err
			}
			if err := events.Delete(key[8:]); err != nil {
				return err
			}
			if err := due.SetSequence(due.Sequence() - 1); err != nil {
				return err
			}
		}
		f.note(tx, queue)
		return nil
	})
}

// handle returns the identifier of a receive: the file's number and the event's key in it.
func (f *file) handle(key []byte) string {
	return strconv.Itoa(f.number) + "-" + hex.EncodeToString(key)
}

// splitHandle returns the parts of a handle. It reports whether the handle is well-formed.
func splitHandle(handle string) (number int, key []byte, ok bool) {
	digits, rest, _ := strings.Cut(handle, "-")
	number, err := strconv.Atoi(digits)
	key, hexErr := hex.DecodeString(rest)
	return number, key, err == nil && hexErr == nil && len(key) == keyBytes
}

// bucketsOf returns a queue's two buckets, and creates them if they are missing. The number
// of waiting events is the sequence of due.
func bucketsOf(tx *bbolt.Tx, name string) (events, due *bbolt.Bucket, err error) {
	queue, err := tx.CreateBucketIfNotExists([]byte(name))
	if err != nil {
		return nil, nil, err
	}
	if events, err = queue.CreateBucketIfNotExists(bucketEvents); err != nil {
		return nil, nil, err
	}
	due, err = queue.CreateBucketIfNotExists(bucketDue)
	return events, due, err
}

// forEachQueue calls do with each queue's bucket, until one call fails.
func forEachQueue(tx *bbolt.Tx, do func(name string, queue *bbolt.Bucket) error) error {
	var names []string
	err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if !bytes.Equal(name, database.BucketAbout) {
			names = append(names, string(name))
		}
		return nil
	})
	for _, name := range names {
		if err == nil {
			err = do(name, tx.Bucket([]byte(name)))
		}
	}
	return err
}
