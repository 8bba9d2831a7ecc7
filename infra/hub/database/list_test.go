package database

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// text returns an entry that is added now.
func text(body string) Entry { return Entry{At: time.Now(), Body: []byte(body)} }

// opened opens a list in a folder, and returns its log.
func opened(t *testing.T, dir string, limits Limits) (*List, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	l, err := OpenList(filepath.Join(dir, "folder", "list.db"), "the inbox", limits, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return l, log
}

// contents returns the bodies of a list, the newest first.
func contents(t *testing.T, l *List) (bodies []string) {
	t.Helper()
	for entry, err := range l.NewestFirst(l.Added()) {
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(entry.Body))
	}
	return bodies
}

func has(t *testing.T, l *List, want ...string) {
	t.Helper()
	if got := contents(t, l); !slices.Equal(got, want) || l.Kept() != len(want) {
		t.Errorf("it has %.200q and counts %d, want %.200q", got, l.Kept(), want)
	}
}

var month = Limits{Bytes: 1 << 30, Age: 30 * 24 * time.Hour}

func TestAListIsTheSameWhenItIsOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	l, _ := opened(t, dir, month)
	for _, body := range []string{"a", "", "c"} {
		if err := l.Add(text(body)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	l, _ = opened(t, dir, month)
	defer l.Close()
	has(t, l, "c", "", "a")
	entry, found, err := l.Entry(3)
	if err != nil || !found || string(entry.Body) != "c" || entry.Number != 3 || time.Since(entry.At) > time.Hour {
		t.Errorf("entry 3 is %v, %v, %v", entry, found, err)
	}
	if _, found, err := l.Entry(4); found || err != nil {
		t.Errorf("there is an entry 4, %v", err)
	}
	for path, mode := range map[string]os.FileMode{l.path: 0o600, filepath.Dir(l.path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
	}
}

func TestAListIsReadFromAnyEntryToTheOldest(t *testing.T) {
	l, _ := opened(t, t.TempDir(), Limits{Bytes: 1 << 30, Age: time.Hour, Entries: 50})
	defer l.Close()
	large := strings.Repeat("x", chunkBytes/3) // so that there are many chunks
	for n := range 60 {
		if err := l.Add(text(fmt.Sprintf("%d%s", n+1, large))); err != nil {
			t.Fatal(err)
		}
	}
	for last, want := range map[uint64]uint64{60: 60, 59: 59, 11: 11, 10: 0, 1: 0, 0: 0, 1000: 60} {
		first, next := uint64(0), min(last, 60)
		for entry, err := range l.NewestFirst(last) {
			if err != nil || entry.Number != next || !strings.HasPrefix(string(entry.Body), fmt.Sprintf("%dx", next)) {
				t.Fatalf("from %d: entry %d, want %d, %v", last, entry.Number, next, err)
			}
			first, next = max(first, entry.Number), next-1
		}
		if first != want || want > 0 && next != 10 {
			t.Errorf("from %d it begins with %d and ends with %d", last, first, next+1)
		}
	}
}

func TestAFullListRemovesTheOldestEntriesAndLogsItOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		lines  int
	}{
		{"of a number of entries", Limits{Entries: 2, Bytes: 1 << 20, Age: time.Hour}, 0}, // as its name says
		{"of a size", Limits{Bytes: 2 * (1 + entryOverhead), Age: time.Hour}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l, log := opened(t, dir, c.limits)
			for n := range 5 {
				if err := l.Add(text(fmt.Sprint(n))); err != nil {
					t.Fatal(err)
				}
			}
			has(t, l, "4", "3")
			if got := strings.Count(log.String(), "the inbox is full"); got != c.lines {
				t.Errorf("the log has %d lines about it:\n%s", got, log)
			}
			l.Close()
			l, _ = opened(t, dir, Limits{Entries: 1, Bytes: 1 << 20, Age: time.Hour})
			defer l.Close()
			has(t, l, "4")
		})
	}
}

// A list that was not in use for long can have many entries that are too old. One change that
// removed all of them would delay the start of the hub, and all other changes.
func TestManyEntriesAreRemovedInSteps(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, _ := opened(t, dir, month)
		const count = 10*pruneStep + pruneStep/2
		full := make([]Entry, count)
		for n := range full {
			full[n] = text(fmt.Sprint(n))
		}
		if err := l.Add(full...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(month.Age + time.Nanosecond)
		if err := l.Add(text("new")); err != nil {
			t.Fatal(err)
		}
		if got, want := l.Kept(), count+1-pruneStep; got != want {
			t.Errorf("after one change it has %d entries, want %d", got, want)
		}
		l.Close()
		l, log := opened(t, dir, month)
		defer l.Close()
		synctest.Wait()
		has(t, l, "new")
		if got := strings.Count(log.String(), "the oldest entries of the inbox were removed"); got != 1 {
			t.Errorf("the log says it %d times:\n%s", got, log)
		}
	})
}

func TestEntriesThatAreTooOldAreRemovedAndTheLogSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log := opened(t, t.TempDir(), Limits{Bytes: 1 << 20, Age: 24 * time.Hour})
		defer l.Close()
		if err := l.Add(text("a"), text("b")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(23 * time.Hour)
		if err := l.Add(text("c")); err != nil {
			t.Fatal(err)
		}
		has(t, l, "c", "b", "a")
		time.Sleep(2*time.Hour + time.Minute) // nothing is added
		synctest.Wait()
		has(t, l, "c")
		if !strings.Contains(log.String(), "the oldest entries of the inbox were removed") || !strings.Contains(log.String(), "entries=2 older_than=24h") {
			t.Errorf("the log is\n%s", log)
		}
	})
}

func TestAnEmptiedListGoesOnWithTheNextNumberInANewFile(t *testing.T) {
	dir := t.TempDir()
	l, _ := opened(t, dir, month)
	if err := l.Add(text("PLANTED-a"), text("PLANTED-b")); err != nil {
		t.Fatal(err)
	}
	if err := l.Empty(); err != nil {
		t.Fatal(err)
	}
	has(t, l)
	if content, err := os.ReadFile(l.path); err != nil || bytes.Contains(content, []byte("PLANTED")) {
		t.Errorf("the file still has what was removed, %v", err)
	}
	l.Close()
	l, _ = opened(t, dir, month)
	defer l.Close()
	if err := l.Add(text("c")); err != nil {
		t.Fatal(err)
	}
	has(t, l, "c")
	if l.Added() != 3 {
		t.Errorf("its number is %d", l.Added())
	}
}

func TestADamagedListIsSetAsideAndTheHubGoesOn(t *testing.T) {
	damage := func(t *testing.T, path string, from int64) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, _ := file.Stat()
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size()-from)), from); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, l *List, log *bytes.Buffer) {
		t.Helper()
		if aside, _ := Damaged(filepath.Dir(l.path)); len(aside) != 1 {
			t.Errorf("%d files were renamed", len(aside))
		}
		if strings.Count(log.String(), "the file of the inbox is damaged") != 1 {
			t.Errorf("the log is\n%s", log)
		}
	}
	t.Run("before it is opened", func(t *testing.T) {
		dir := t.TempDir()
		l, _ := opened(t, dir, month)
		_ = l.Add(text("a"))
		l.Close()
		damage(t, l.path, 0)
		l, log := opened(t, dir, month)
		defer l.Close()
		has(t, l)
		check(t, l, log)
	})
	t.Run("while it is open", func(t *testing.T) {
		l, log := opened(t, t.TempDir(), month)
		defer l.Close()
		_ = l.Add(text("a"), text("b"))
		damage(t, l.path, 2*int64(os.Getpagesize())) // without the two pages that bbolt reads once
		has(t, l)
		if err := l.Add(text("c")); err != nil {
			t.Fatal(err)
		}
		has(t, l, "c")
		if l.Added() != 3 {
			t.Errorf("its number is %d", l.Added())
		}
		check(t, l, log)
	})
}

func TestAListThatCannotBeWrittenSaysSoOnceAndGoesOn(t *testing.T) {
	l, log := opened(t, t.TempDir(), month)
	defer l.Close()
	l.db.Close()
	for range 2 {
		if err := l.Add(text("a")); err == nil {
			t.Fatal("it was added")
		}
	}
	l.db = nil // as after a file that could not be created
	if err := l.Add(text("b")); err != nil {
		t.Fatal(err)
	}
	has(t, l, "b")
	if strings.Count(log.String(), "cannot be written to the disk") != 1 || strings.Count(log.String(), "is written to the disk again") != 1 {
		t.Errorf("the log is\n%s", log)
	}
}

func TestManyAddReadAndEmptyAtTheSameTime(t *testing.T) {
	l, log := opened(t, t.TempDir(), Limits{Bytes: 1 << 20, Age: time.Hour, Entries: 20})
	defer l.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if err := l.Add(text("a")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for range 5 {
			if err := l.Empty(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for range 20 {
			contents(t, l)
		}
	})
	all.Wait()
	if l.Added() != 160 || l.Kept() > 20 || strings.Contains(log.String(), "damaged") {
		t.Errorf("%d were added and %d kept:\n%s", l.Added(), l.Kept(), log)
	}
}
