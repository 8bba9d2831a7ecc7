//go:build unix

package disk

import (
	"fmt"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
)

// limitFiles limits the size of the files that this process writes, as a full disk does, until
// the function that it returns is called.
func limitFiles(t *testing.T, bytes int64) (end func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // writes fail, and the process goes on
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limited := before
	limited.Cur = uint64(bytes)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

const filled = 5000

// fill adds executions, so that the file is larger than the other files of the test.
func fill(t *testing.T, s *Store) {
	t.Helper()
	for n := range filled {
		add(s, delivered(fmt.Sprint("o-", n), time.Now().Add(-time.Minute).Add(time.Duration(n)))...)
	}
	if !s.flush() {
		t.Fatal("the first write fails")
	}
}

func TestAFullDiskIsLoggedOnceAndNothingIsLostWhenThereIsRoomAgain(t *testing.T) {
	s, logged := stopped(t, t.TempDir(), limits)
	defer closed(t, s)
	now := time.Now()
	count := func() int {
		return find(t, s, executions.Query{From: now.Add(-time.Hour)}, executions.Page{Summary: true}).All
	}
	fill(t, s)
	end := limitFiles(t, s.files[0].bytes.Load())
	defer end()
	const many = 5000
	for n := range many {
		add(s, delivered(fmt.Sprint("later-", n), now.Add(time.Duration(n)))...)
	}
	for range 3 {
		if s.flush() {
			t.Fatal("a write to the full disk succeeds")
		}
	}
	if n := count(); n != filled {
		t.Errorf("while the disk is full, %d executions are read, want %d", n, filled)
	}
	if says := logged.String(); strings.Count(says, "\n") != 1 || !strings.Contains(says, "check its free space") {
		t.Errorf("it logs\n%s, want one line", says)
	}
	end()
	if !s.flush() || count() != filled+many {
		t.Errorf("when there is room again, there are %d executions, want %d\n%s", count(), filled+many, logged)
	}
	if says := logged.String(); strings.Count(says, "\n") != 2 || !strings.Contains(says, "is written to the disk again") || !strings.Contains(says, "lost_lines=0") {
		t.Errorf("it logs\n%s, want a second line", says)
	}
}

// A disk that stays full must not fill the memory.
func TestTheBufferIsLimited(t *testing.T) {
	s, logged := stopped(t, t.TempDir(), limits)
	defer closed(t, s)
	now := time.Now()
	fill(t, s)
	end := limitFiles(t, s.files[0].bytes.Load())
	defer end()
	for failures := 0; failures < 3; { // after a failed write there may be a free page again
		if s.flush() {
			failures = 0
			add(s, delivered("o-1", now)...)
		} else {
			failures++
		}
	}
	begun := len(logged.String())
	lost := len(s.buffer.lines) + 10
	flush := func() {
		before := len(s.buffer.lines)
		s.flush()
		lost -= before - len(s.buffer.lines) // some may fit into a page that a failed write freed
	}
	for n := range linesInBuffer + 10 {
		add(s, delivered(fmt.Sprint("later-", n), now.Add(time.Duration(n)))[0])
		if n%20_000 == 0 {
			flush()
		}
	}
	flush()
	if n := len(s.buffer.lines); n != linesInBuffer {
		t.Errorf("%d lines are in the buffer, want %d", n, linesInBuffer)
	}
	end()
	s.flush()
	reported := 0
	for _, after := range strings.Split(logged.String()[begun:], "lost_lines=")[1:] {
		n, err := strconv.Atoi(strings.Fields(after)[0])
		if err != nil {
			t.Fatal(err)
		}
		reported += n
	}
	if reported != lost {
		t.Errorf("it logs that %d lines were lost, want %d:\n%s", reported, lost, logged)
	}
}
