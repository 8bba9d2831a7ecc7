package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/executions"
)

var (
	bucketExecutions = []byte("executions")
	bucketIDs        = []byte("ids")
	bucketMinutes    = []byte("minutes")
	bucketHours      = []byte("hours")
)

// buckets are all buckets of a file.
var buckets = [][]byte{bucketExecutions, bucketIDs, bucketMinutes, bucketHours}

// file is one file of executions.
type file struct {
	start time.Time // when its first webhook was received, or earlier
	path  string
	*database.DB
	bytes atomic.Int64 // of the database, as of the last change
}

const (
	fileSuffix = ".db"
	nameFormat = "20060102T150405.000000000Z"
)

// startOf returns the start in a file's name.
func startOf(name string) (start time.Time, ok bool) {
	text, found := strings.CutSuffix(name, fileSuffix)
	start, err := time.Parse(nameFormat, text)
	return start, found && err == nil
}

// openFile opens or creates the file with a start.
func openFile(dir string, start time.Time, open func(path string) (*database.DB, error)) (*file, error) {
	f := &file{start: start, path: filepath.Join(dir, start.UTC().Format(nameFormat)+fileSuffix)}
	var err error
	if f.DB, err = open(f.path); err != nil {
		return nil, err
	}
	err = f.View(func(tx *bbolt.Tx) error {
		f.bytes.Store(tx.Size()) // on Windows the file itself is as large as its map
		return nil
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// view reads the file. A file without executions, and one that was removed in the meantime,
// have nothing to read.
func (f *file) view(read func(*bbolt.Tx) error) error {
	err := f.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketExecutions) == nil {
			return nil
		}
		return read(tx)
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return nil
	}
	return err
}

// add adds lines, and returns when they are on the disk.
func (f *file) add(lines []executions.Line) error {
	return f.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		c := change{tx: tx, executions: tx.Bucket(bucketExecutions), counted: map[string]executions.Counts{}}
		c.executions.FillPercent = 0.9 // keys are added at the end
		for _, own := range byWebhook(lines) {
			if err := c.add(own); err != nil {
				return err
			}
		}
		if err := c.count(); err != nil {
			return err
		}
		size := tx.Size()
		tx.OnCommit(func() { f.bytes.Store(size) })
		return nil
	})
}

// byWebhook groups lines by webhook.
func byWebhook(lines []executions.Line) [][]executions.Line {
	var groups [][]executions.Line
	at := map[string]int{}
	for _, line := range lines {
		if line.Received.IsZero() { // it has no other line
			groups = append(groups, []executions.Line{line})
			continue
		}
		key := string(keyOf(line.Received, line.Tracking))
		i, ok := at[key]
		if !ok {
			i = len(groups)
			groups, at[key] = append(groups, nil), i
		}
		groups[i] = append(groups[i], line)
	}
	return groups
}

// change is a change to a file, in a transaction.
type change struct {
	tx         *bbolt.Tx
	executions *bbolt.Bucket
	counted    map[string]executions.Counts // changed counts, by bucket and key
}

// forgedPerHour limits the webhooks with a wrong key that are kept of an hour, because anyone
// can post them.
const forgedPerHour = 100

func isForged(k executions.Kind) bool {
	return k.Outcome == executions.Rejected && k.Reason == "forged"
}

// add adds the lines of one webhook.
func (c *change) add(lines []executions.Line) error {
	e := executions.New(lines)
	key := keyOf(e.Received, e.Tracking)
	old := c.executions.Get(key)
	for ; old != nil && lines[0].Received.IsZero(); old = c.executions.Get(key) { // another webhook's
		e.Received = e.Received.Add(1)
		key = keyOf(e.Received, e.Tracking)
	}
	hour, err := c.counts(bucketHours, e.Received)
	if err != nil {
		return err
	}
	minute, err := c.counts(bucketMinutes, e.Received)
	if err != nil {
		return err
	}
	var indexed []string
	switch {
	case old != nil:
		earlier, err := linesIn(key, old)
		if err != nil {
			return err
		}
		was := executions.New(earlier)
		hour.Remove(was)
		minute.Remove(was)
		indexed = []string{was.Resource, was.WebhookID, was.Number}
		e = executions.New(append(was.Lines, lines...))
	case isForged(e.Kind()) && hour.Of(isForged) >= forgedPerHour:
		return nil
	}
	hour.Add(e)
	minute.Add(e)
	ids := c.tx.Bucket(bucketIDs)
	for _, id := range []string{e.Resource, e.WebhookID, e.Number} {
		if id == "" || slices.Contains(indexed, id) {
			continue
		}
		if err := ids.Put(idKey(id, key), nil); err != nil {
			return err
		}
	}
	return c.executions.Put(key, encode(e))
}

// idKey returns the key of an execution in the bucket ids.
func idKey(id string, key []byte) []byte {
	return append(append([]byte(clip(id)), 0), key...)
}

// clip limits the length of an id: bbolt has an upper limit for keys.
func clip(id string) string { return id[:min(len(id), 1<<10)] }

// counts returns the counts of the minute or hour with a time, to be changed.
func (c *change) counts(bucket []byte, at time.Time) (executions.Counts, error) {
	key := periodKey(bucket, at)
	name := string(bucket) + string(key)
	if counts, ok := c.counted[name]; ok {
		return counts, nil
	}
	counts, err := decodeCounts(c.tx.Bucket(bucket).Get(key))
	c.counted[name] = counts
	return counts, err
}

// periodKey returns the key of the minute or hour with a time.
func periodKey(bucket []byte, at time.Time) []byte {
	length := time.Minute
	if bytes.Equal(bucket, bucketHours) {
		length = time.Hour
	}
	return binary.BigEndian.AppendUint64(nil, uint64(at.Truncate(length).Unix()))
}

// count writes the changed counts.
func (c *change) count() error {
	for name := range maps.Keys(c.counted) {
		bucket, key := name[:len(name)-8], name[len(name)-8:]
		if err := c.tx.Bucket([]byte(bucket)).Put([]byte(key), encodeCounts(c.counted[name])); err != nil {
			return err
		}
	}
	return nil
}
