package database

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Limits are the limits of a list. The oldest entries are removed while there are more.
type Limits struct {
	Entries int // 0 for any number
	Bytes   int // of the entries, each with entryOverhead
	Age     time.Duration
}

// Entry is an entry of a list.
type Entry struct {
	Number uint64 // of the entries that were ever added; Add sets it
	At     time.Time
	Body   []byte
}

// List keeps the newest entries of a sequence in a database. It is safe for concurrent use.
// If the database is damaged, List sets it aside and continues with an empty one.
type List struct {
	path   string
	name   string // what it is, for the log and for errors
	limits Limits
	log    *slog.Logger

	using sync.RWMutex // locked for writing while the database is replaced
	db    *DB          // nil if it could not be created again

	mu      sync.Mutex
	totals  totals
	full    bool // the log says so
	old     int  // how many were removed because of their age, and are not logged yet
	failing bool // the last write failed

	stop    context.CancelFunc // ends prunePeriodically
	pruning sync.WaitGroup
}

// totals describe the entries of a list.
type totals struct {
	added uint64 // how many were ever added
	kept  int
	bytes int
	more  bool // there are still entries beyond the limits
}

var (
	bucketEntries = []byte("entries")
	keyBytes      = []byte("bytes") // in BucketAbout: the size of the entries
)

// entryOverhead is about the space that an entry needs in addition to its bytes, so that the
// number of tiny entries is limited too.
const entryOverhead = 64

// timeBytes is the size of the time before the body of a stored entry.
const timeBytes = 8

// pruneStep is how many entries one change removes at most, so that it delays others only for
// a short time. A list can have many more that are too old, if the hub did not run for days.
const pruneStep = 1000

// pruneInterval is the time between two looks for entries that are too old.
const pruneInterval = time.Hour

// OpenList opens or creates a list. name says what it is, for the log.
func OpenList(path, name string, limits Limits, log *slog.Logger) (*List, error) {
	ctx, stop := context.WithCancel(context.Background())
	l := &List{path: path, name: name, limits: limits, log: log, stop: stop}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of %s: %w", name, err)
	}
	err := l.open()
	if errors.Is(err, ErrDamaged) {
		err = l.setAside(err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s in %s: %w", name, path, err)
	}
	l.pruning.Go(func() { l.prunePeriodically(ctx) })
	return l, nil
}

// open opens the database and begins to remove what is beyond the limits. After a damage, the
// numbers of the entries continue.
func (l *List) open() error {
	db, err := Open(l.path)
	if err != nil {
		return err
	}
	added := l.Added()
	err = db.Update(func(tx *bbolt.Tx) error {
		entries, err := tx.CreateBucketIfNotExists(bucketEntries)
		if err != nil {
			return err
		}
		if err := entries.SetSequence(max(entries.Sequence(), added)); err != nil {
			return err
		}
		return l.change(tx)
	})
	if err != nil {
		db.Close()
		return err
	}
	l.db = db
	return nil
}

// setAside renames the damaged file and creates a new one.
func (l *List) setAside(damage error) error {
	aside, err := SetAside(l.path)
	if err != nil {
		return errors.Join(damage, err)
	}
	l.log.Error("the file of "+l.name+" is damaged. It was renamed, and a new one was begun. Delete the renamed file when you do not need it",
		"file", aside, "detail", damage.Error())
	return l.open()
}

// Close waits for pending writes and closes the database.
func (l *List) Close() error {
	l.stop()
	l.pruning.Wait()
	l.using.Lock()
	defer l.using.Unlock()
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}

// Add adds entries, and returns when they are on the disk. Entries that are added at the same
// time share a write.
func (l *List) Add(entries ...Entry) error {
	return l.update(func(tx *bbolt.Tx) error { return l.change(tx, entries...) })
}

// Empty removes all entries, and their file: a database does not erase what is removed from it.
func (l *List) Empty() error {
	l.using.Lock()
	defer l.using.Unlock()
	if l.db != nil {
		l.db.Close()
		l.db = nil
	}
	l.mu.Lock()
	l.full = false
	l.mu.Unlock()
	err := os.Remove(l.path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = l.open()
	}
	if err != nil {
		return fmt.Errorf("emptying %s: %w", l.name, err)
	}
	return nil
}

// Added returns how many entries were ever added. It is the number of the newest one.
func (l *List) Added() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.totals.added
}

// Kept returns how many entries there are.
func (l *List) Kept() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.totals.kept
}

// Entry returns the entry with this number. It reports whether the list has it.
func (l *List) Entry(number uint64) (entry Entry, found bool, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		key := keyOf(number)
		value := tx.Bucket(bucketEntries).Get(key)
		if found = value != nil; found {
			entry = entryOf(key, value)
		}
		return nil
	})
	return entry, found, err
}

// chunkBytes is how much NewestFirst reads at a time.
const chunkBytes = 1 << 20

// NewestFirst returns the entries with a number of at most last, the newest first. It reads
// them in chunks, so a slow reader delays no write.
func (l *List) NewestFirst(last uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for last > 0 {
			chunk, err := l.chunk(last)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, entry := range chunk {
				if !yield(entry, nil) {
					return
				}
			}
			if len(chunk) == 0 {
				return
			}
			last = chunk[len(chunk)-1].Number - 1
		}
	}
}

// chunk returns the newest entries with a number of at most last.
func (l *List) chunk(last uint64) (chunk []Entry, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(bucketEntries).Cursor()
		key, value := cursor.Seek(keyOf(last))
		if key == nil {
			key, value = cursor.Last()
		} else if binary.BigEndian.Uint64(key) > last {
			key, value = cursor.Prev()
		}
		for size := 0; key != nil && size < chunkBytes; key, value = cursor.Prev() {
			chunk = append(chunk, entryOf(key, value))
			size += len(value) + entryOverhead
		}
		return nil
	})
	return chunk, err
}

func keyOf(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// entryOf decodes a stored entry. Its body is a copy.
func entryOf(key, value []byte) Entry {
	return Entry{
		Number: binary.BigEndian.Uint64(key),
		At:     entryTime(value),
		Body:   append([]byte{}, value[timeBytes:]...),
	}
}
