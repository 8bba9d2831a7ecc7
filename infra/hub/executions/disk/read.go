package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/executions"
)

// search is a query that reads one file after the other.
type search struct {
	ctx      context.Context
	query    executions.Query
	page     executions.Page
	from, to time.Time
	text     executions.SearchText
	found    executions.Found
	last     []byte // the key of the last row
	after    []byte // the rows of the page have smaller keys; nil without a limit
	more     bool   // there are rows after those of the page
}

// Find implements executions.Log. It does not read more than the counters and the executions
// of the page, unless the query has a text.
func (s *Store) Find(ctx context.Context, q executions.Query, page executions.Page) (executions.Found, error) {
	s.flush()
	f := search{ctx: ctx, query: q, page: page, text: executions.NewSearchText(q.Text)}
	f.from, f.to = q.Bounds(time.Now())
	f.found.Summary = executions.NewSummary(f.from, f.to)
	if page.After != "" {
		received, tracking, err := executions.ParsePosition(page.After)
		if err != nil {
			return executions.Found{}, err
		}
		f.after = keyOf(received, tracking)
	}
	for _, file := range s.newestFirst() {
		err := file.view(func(tx *bbolt.Tx) error { return f.read(tx) })
		if s.noteDamage(file, err) {
			continue
		}
		if err != nil {
			return executions.Found{}, err
		}
	}
	if f.more {
		f.found.Next = executions.Position(receivedOf(f.last), trackingOf(f.last))
	}
	f.found.Summary.Conclude()
	return f.found, nil
}

// rowsInPart is how many executions All reads at once.
const rowsInPart = 500

// All implements executions.Log.
func (s *Store) All(ctx context.Context, q executions.Query) iter.Seq2[executions.Execution, error] {
	return executions.Pages(ctx, s, q, rowsInPart)
}

// read reads a file.
func (f *search) read(tx *bbolt.Tx) error {
	if f.page.Summary {
		if err := f.readCounts(tx); err != nil {
			return err
		}
	}
	if f.query.ID != "" {
		return f.readIDs(tx)
	}
	return f.readExecutions(tx)
}

// counted reports whether the counters know how many executions the query selects.
func (f *search) counted() bool { return f.text.Empty() && f.query.ID == "" }

// readCounts adds the counters of the period.
func (f *search) readCounts(tx *bbolt.Tx) error {
	add := func(at time.Time, record []byte) error {
		counts, err := decodeCounts(record)
		if err != nil {
			return err
		}
		for kind, count := range counts {
			f.found.All += count.N
			if !f.counted() || !f.query.Selects(kind) {
				delete(counts, kind)
			}
		}
		f.found.Summary.Add(at, counts)
		return nil
	}
	hours, minutes := tx.Bucket(bucketHours).Cursor(), tx.Bucket(bucketMinutes).Cursor()
	for key, record := hours.Seek(periodKey(bucketHours, f.from)); key != nil; key, record = hours.Next() {
		start := time.Unix(int64(binary.BigEndian.Uint64(key)), 0)
		end := start.Add(time.Hour)
		if !start.Before(f.to) {
			return nil
		}
		if !start.Before(f.from) && !end.After(f.to) && f.found.Summary.Part(start) == f.found.Summary.Part(end.Add(-time.Minute)) {
			if err := add(start, record); err != nil {
				return err
			}
			continue
		}
		for key, record := minutes.Seek(key); key != nil; key, record = minutes.Next() {
			minute := time.Unix(int64(binary.BigEndian.Uint64(key)), 0)
			if !minute.Before(end) || !minute.Before(f.to) {
				break
			}
			if minute.Before(f.from) {
				continue
			}
			if err := add(minute, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// readExecutions adds the rows, and counts the selected executions if the counters do not
// know how many there are.
func (f *search) readExecutions(tx *bbolt.Tx) error {
	counts := f.page.Summary && !f.counted()
	cursor := tx.Bucket(bucketExecutions).Cursor()
	begin := keyOf(f.to, "")
	if !counts && f.after != nil && bytes.Compare(f.after, begin) < 0 {
		begin = f.after
	}
	from := keyOf(f.from, "")
	hours := hourFilter{tx: tx, query: f.query}
	n := 0
	for key, record := before(cursor, begin); key != nil && bytes.Compare(key, from) >= 0; {
		if !counts && (f.more || f.page.Rows == 0) {
			return nil
		}
		if n++; n%1024 == 0 && f.ctx.Err() != nil {
			return f.ctx.Err()
		}
		skip, err := hours.skips(key)
		if err != nil {
			return err
		}
		if skip {
			key, record = before(cursor, periodStart(key))
			continue
		}
		if err := f.consider(key, record, counts); err != nil {
			return err
		}
		key, record = cursor.Prev()
	}
	return nil
}

// before moves a cursor to the last key before another one.
func before(cursor *bbolt.Cursor, key []byte) (k, record []byte) {
	if k, _ := cursor.Seek(key); k == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}

// periodStart returns the smallest key of the hour of a key.
func periodStart(key []byte) []byte { return keyOf(receivedOf(key).Truncate(time.Hour), "") }

// hourFilter knows the hours without an execution that a query selects.
type hourFilter struct {
	tx    *bbolt.Tx
	query executions.Query
	hour  int64 // the last one that was looked up
	skip  bool
}

// skips reports whether the hour of a key has no execution that the query selects.
func (h *hourFilter) skips(key []byte) (bool, error) {
	const nanoseconds = int64(time.Hour)
	hour := int64(binary.BigEndian.Uint64(key)) / nanoseconds
	if hour == h.hour {
		return h.skip, nil
	}
	counts, err := decodeCounts(h.tx.Bucket(bucketHours).Get(periodKey(bucketHours, receivedOf(key))))
	h.hour, h.skip = hour, counts.Of(h.query.Selects) == 0
	return h.skip, err
}

// consider adds an execution if the query selects it.
func (f *search) consider(key, record []byte, counts bool) error {
	if !f.text.IsIn(record) && !f.text.IsIn(key[8:]) { // first, because it needs no new memory
		return nil
	}
	if !f.query.Selects(kindIn(trackingOf(key), record)) {
		return nil
	}
	onPage := f.page.Rows > 0 && !f.more && (f.after == nil || bytes.Compare(key, f.after) < 0)
	if !onPage && !counts {
		return nil
	}
	if onPage && f.counted() && len(f.found.Rows) == f.page.Rows {
		f.more = true
		return nil
	}
	e, err := decode(key, record)
	if err != nil || !f.query.SelectsAll(e) {
		return err
	}
	if counts {
		f.found.Summary.AddOne(e)
	}
	switch {
	case !onPage:
	case len(f.found.Rows) == f.page.Rows:
		f.more = true
	default:
		f.found.Rows, f.last = append(f.found.Rows, e), bytes.Clone(key)
	}
	return nil
}

// readIDs is readExecutions for a query with an ID.
func (f *search) readIDs(tx *bbolt.Tx) error {
	prefix := []byte(clip(f.query.ID))
	if len(prefix) < executions.MinPrefix {
		prefix = append(prefix, 0)
	}
	var keys [][]byte
	cursor := tx.Bucket(bucketIDs).Cursor()
	for id, _ := cursor.Seek(prefix); id != nil && bytes.HasPrefix(id, prefix); id, _ = cursor.Next() {
		_, key, _ := bytes.Cut(id, []byte{0})
		if received := receivedOf(key); !received.Before(f.from) && received.Before(f.to) {
			keys = append(keys, key)
		}
	}
	all := tx.Bucket(bucketExecutions)
	slices.SortFunc(keys, func(a, b []byte) int { return bytes.Compare(b, a) })
	for _, key := range slices.CompactFunc(keys, bytes.Equal) {
		if err := f.consider(key, all.Get(key), f.page.Summary); err != nil {
			return err
		}
	}
	return nil
}
