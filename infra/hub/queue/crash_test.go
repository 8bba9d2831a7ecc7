package queue

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"

	"go.etcd.io/bbolt"
)

const (
	block     = 512 // bytes that a disk writes completely or not at all
	metaPages = 2   // the first pages of a database; they refer to the current ones
)

// crash returns a possible content of a file after a power failure between two of its states.
// bbolt writes the new pages, syncs, writes a meta page, and syncs again. So the file has
// either a part of the new pages, or all of them and a part of the meta page.
func crash(before, after []byte) []byte {
	pageSize := os.Getpagesize()
	metas := metaPages * pageSize
	file := bytes.Clone(before)
	if len(after) > len(file) {
		file = append(file, make([]byte, len(after)-len(file))...) // it grows before anything is written
	}
	pagesOnly := rand.N(2) == 0
	for at := 0; at < len(after); at += block {
		end := min(at+block, len(after))
		isMeta := at < metas
		if (pagesOnly && !isMeta || !pagesOnly && isMeta) && rand.N(2) == 0 || !pagesOnly && !isMeta {
			copy(file[at:end], after[at:end])
		}
	}
	return file
}

// After a power failure, the disk may have any part of the writes that were not synced.
func TestNoConfirmedEventIsLostInAPowerFailure(t *testing.T) {
	changes := map[string]func(q *Queue, item relay.Item) error{
		"put": func(q *Queue, _ relay.Item) error {
			return q.put(t.Context(), event{record: encode(relay.Envelope{Body: make([]byte, 10_000)})})
		},
		"retry": func(q *Queue, item relay.Item) error {
			return q.Retry(t.Context(), item, relay.Next{In: time.Hour, Reason: "segment_500"})
		},
		"receive": func(q *Queue, _ relay.Item) error {
			_, err := q.store.files[0].take(q.name, spool.BatchSize)
			return err
		},
		"delete": func(q *Queue, item relay.Item) error { return q.Delete(item.Handle) },
	}
	dir := t.TempDir()
	path := filepath.Join(dir, fileName(1))
	for round := range 15 {
		for name, change := range changes {
			s := openStore(t, dir)
			q := s.Queue("order-completed")
			confirmed := []string{fmt.Sprint(name, round, "-a"), fmt.Sprint(name, round, "-b"), fmt.Sprint(name, round, "-c")}
			put(t, q, confirmed...)
			item := visible(t, q, 1)[0]
			before := readFile(t, path)
			if err := change(q, item); err != nil {
				t.Fatal(err)
			}
			after := readFile(t, path)
			s.Close()
			if err := os.WriteFile(path, crash(before, after), 0o600); err != nil {
				t.Fatal(err)
			}

			s = openStore(t, dir)
			q = s.Queue("order-completed")
			if err := s.files[0].Update(func(tx *bbolt.Tx) error { return s.files[0].release(tx, true) }); err != nil {
				t.Fatal(err)
			}
			kept := visible(t, q, spool.BatchSize)
			for _, body := range confirmed {
				mayBeGone := name == "delete" && body == string(item.Envelope.Body)
				if !slices.Contains(bodies(kept), body) && !mayBeGone {
					t.Fatalf("after a power failure during %s, %q is lost: got %.50q", name, body, bodies(kept))
				}
			}
			remove(t, q, kept...)
			s.Close()
		}
	}
	if damaged, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")); len(damaged) > 0 {
		t.Errorf("files were set aside: %v", damaged)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
