package queue

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"commerce-segment/shared/spool"
)

const (
	block     = 512 // what a disk writes whole
	metaPages = 2   // the first pages of a database say which of the others are in effect
)

// crash returns what may be in a file after the power failed between two states of it:
// bbolt writes the new pages, syncs, writes a meta page, and syncs. So either a part of
// the new pages is there, or all of them and a part of the meta page.
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

// The disk may hold any part of what was written and not yet synced when the power fails.
// What was put and confirmed before is there afterwards, and the file is sound.
func TestAPowerFailureLosesNothingThatWasConfirmed(t *testing.T) {
	const rounds = 60
	dir := t.TempDir()
	path := filepath.Join(dir, fileName(1))
	read := func() []byte {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	s := openStore(t, dir)
	defer func() { s.Close() }()
	confirmed := map[string]bool{}
	for round := range rounds {
		q := s.Queue("order-completed")
		body := fmt.Sprint("event ", round)
		put(t, q, body)
		confirmed[body] = true
		item := visible(t, q, 1)[0]
		before := read()
		// Any kind of change is underway when the power fails.
		switch round % 3 {
		case 0:
			put(t, q, string(make([]byte, 10_000)))
		case 1:
			if err := q.Retry(t.Context(), item, 0); err != nil {
				t.Fatal(err)
			}
		case 2:
			remove(t, q, item)
		}
		after := read()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, crash(before, after), 0o600); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, dir)
		q = s.Queue("order-completed")
		kept := map[string]bool{}
		for items := visible(t, q, spool.BatchSize); len(items) > 0; items = visible(t, q, spool.BatchSize) {
			for _, item := range items {
				if item.Err != nil {
					t.Fatalf("round %d: %v", round, item.Err)
				}
				kept[string(item.Envelope.Body)] = true
			}
		}
		for body := range confirmed {
			// A removal may be in effect although it was not confirmed.
			if !kept[body] && !(round%3 == 2 && body == string(item.Envelope.Body)) {
				t.Fatalf("round %d: %q is lost; there are %d events", round, body, len(kept))
			}
		}
		if round%3 == 2 && !kept[string(item.Envelope.Body)] {
			delete(confirmed, string(item.Envelope.Body))
		}
		// The next round begins with visible events again.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, dir)
	}
	if damaged, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")); len(damaged) > 0 {
		t.Errorf("files were set aside: %v", damaged)
	}
}
