package queue

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"path/filepath"
	"strconv"
	"sync"
	"time"
	"unique"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

const failedName = "failed.db"

// failed holds the dead letters of all queues. Each queue has a bucket, with
//
//	the dead letter's number -> its header, a line of JSON, and the event's record
//
// The bucket database.BucketAbout has the number of dead letters of each queue: to count
// them is to read the whole file.
type failed struct {
	*database.DB

	mu     sync.Mutex
	counts map[string]int
}

// header describes why and when an event failed.
type header struct {
	relay.Failure
	FailedAt time.Time
}

// openFailed opens or creates the dead letters in a directory.
func openFailed(dir string) (*failed, error) {
	db, err := database.Open(filepath.Join(dir, failedName))
	if err != nil {
		return nil, err
	}
	f := &failed{DB: db, counts: map[string]int{}}
	err = f.View(func(tx *bbolt.Tx) error {
		return forEachQueue(tx, func(name string, _ *bbolt.Bucket) error {
			f.counts[name] = stored(tx, name)
			return nil
		})
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// countKey is the key of a queue's count in database.BucketAbout.
func countKey(queue string) []byte { return []byte("count " + queue) }

// stored returns the stored count of a queue's dead letters.
func stored(tx *bbolt.Tx, queue string) int {
	value := tx.Bucket(database.BucketAbout).Get(countKey(queue))
	if len(value) != 8 {
		return 0
	}
	return int(binary.BigEndian.Uint64(value))
}

// change adds to a queue's count.
func (f *failed) change(tx *bbolt.Tx, queue string, by int) error {
	count := stored(tx, queue) + by
	tx.OnCommit(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.counts[queue] = count
	})
	return tx.Bucket(database.BucketAbout).Put(countKey(queue), binary.BigEndian.AppendUint64(nil, uint64(count)))
}

// count returns the number of a queue's dead letters.
func (f *failed) count(queue string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[queue]
}

// failedValue returns the value that is stored for a dead letter.
func failedValue(record []byte, h header) ([]byte, error) {
	text, err := json.Marshal(h)
	return append(append(text, '\n'), record...), err
}

// put adds dead letters, as failedValue returned them.
func (f *failed) put(queue string, values [][]byte) error {
	return f.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(queue))
		if err != nil {
			return err
		}
		for _, value := range values {
			number, err := bucket.NextSequence()
			if err != nil {
				return err
			}
			if err := bucket.Put(binary.BigEndian.AppendUint64(nil, number), value); err != nil {
				return err
			}
		}
		return f.change(tx, queue, len(values))
	})
}

// letter is a dead letter with the record of its event.
type letter struct {
	spool.DeadLetter
	record []byte
}

// after returns a page of a queue's dead letters: at most limit of those that follow the
// number, oldest first.
func (f *failed) after(queue string, number uint64, limit int) (letters []letter, err error) {
	err = f.View(func(tx *bbolt.Tx) error {
		letters = nil
		size := 0
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		for key, value := cursor.Seek(binary.BigEndian.AppendUint64(nil, number+1)); key != nil && len(letters) < limit && size < pageBytes; key, value = cursor.Next() {
			letters = append(letters, letterOf(key, value))
			size += len(value)
		}
		return nil
	})
	return letters, err
}

// before returns a page of a queue's dead letters: those before the number, newest first. Only
// the newest of them have their bodies, as many as there is room for in the given number of
// bytes. The other bodies are not read from the disk.
func (f *failed) before(queue string, number uint64, bodies int) (letters []spool.DeadLetter, err error) {
	err = f.View(func(tx *bbolt.Tx) error {
		letters = nil
		size := 0
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		for key, value := lastBefore(cursor, number); key != nil && len(letters) < pageSize; key, value = cursor.Prev() {
			if size += len(value); size <= bodies {
				letters = append(letters, letterOf(key, value).DeadLetter)
			} else {
				letters = append(letters, withoutBody(key, value))
			}
		}
		return nil
	})
	return letters, err
}

// lastBefore moves a cursor to the last dead letter before a number.
func lastBefore(cursor *bbolt.Cursor, number uint64) (key, value []byte) {
	if after, _ := cursor.Seek(binary.BigEndian.AppendUint64(nil, number)); after == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}

// letterOf decodes a stored dead letter.
func letterOf(key, value []byte) letter {
	l := letter{DeadLetter: withoutBody(key, value)}
	_, record, _ := bytes.Cut(value, []byte("\n"))
	item := open("", l.Failure.Receives, record)
	l.Envelope, l.record = item.Envelope, bytes.Clone(record)
	if l.Err == nil {
		l.Err = item.Err
	}
	return l
}

// withoutBody decodes a stored dead letter without the body of its webhook.
func withoutBody(key, value []byte) spool.DeadLetter {
	text, record, _ := bytes.Cut(value, []byte("\n"))
	var h header
	err := json.Unmarshal(text, &h)
	for _, repeated := range []*string{&h.Tracking, &h.Reason, &h.Detail} {
		*repeated = unique.Make(*repeated).Value() // a long list has the same few texts in memory once
	}
	return spool.DeadLetter{
		ID: strconv.FormatUint(binary.BigEndian.Uint64(key), 10), Envelope: relay.Envelope{Received: receivedOf(record)},
		Err: err, Failure: h.Failure, FailedAt: h.FailedAt,
	}
}

// find returns the dead letter whose webhook was received at a time; nil if there is none.
func (f *failed) find(queue string, received time.Time) (found *spool.DeadLetter, err error) {
	err = f.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			if _, record, _ := bytes.Cut(value, []byte("\n")); isReceivedAt(record, received) {
				letter := letterOf(key, value)
				found = &letter.DeadLetter
				return nil
			}
		}
		return nil
	})
	return found, err
}

// number returns the dead letter's number in its queue.
func (l letter) number() uint64 { return numberOfLetter(l.ID) }

// numberOfLetter returns the number of the dead letter with an ID; 0 if no dead letter has it.
func numberOfLetter(id string) uint64 {
	number, _ := strconv.ParseUint(id, 10, 64)
	return number
}

// remove deletes dead letters.
func (f *failed) remove(queue string, letters []letter) error {
	return f.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		removed := 0
		for _, l := range letters {
			key := binary.BigEndian.AppendUint64(nil, l.number())
			if bucket.Get(key) == nil {
				continue
			}
			if err := bucket.Delete(key); err != nil {
				return err
			}
			removed++
		}
		return f.change(tx, queue, -removed)
	})
}
