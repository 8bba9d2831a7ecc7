package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// pairOf returns a host and the write key that belongs to it.
func pairOf(i int) map[string]string {
	return map[string]string{SegmentHost: fmt.Sprintf("https://host-%d.example", i), SegmentWriteKey: fmt.Sprintf("write-key-%d", i)}
}

var pairNames = []string{SegmentHost, SegmentWriteKey}

func wantPair(t *testing.T, d Dir, i int) {
	t.Helper()
	got, err := d.Parameters(t.Context(), pairNames)
	if want := pairOf(i); err != nil || got[SegmentHost] != want[SegmentHost] || got[SegmentWriteKey] != want[SegmentWriteKey] {
		t.Errorf("the parameters are %v (%v), want %v", got, err, want)
	}
}

func TestParametersThatAreWrittenTogetherAreReadTogether(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.PutTogether(t.Context(), pairOf(0)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			got, err := d.Parameters(t.Context(), pairNames)
			var host, key int
			fmt.Sscanf(got[SegmentHost], "https://host-%d.example", &host)
			fmt.Sscanf(got[SegmentWriteKey], "write-key-%d", &key)
			if err != nil || host != key {
				t.Errorf("read %v (%v)", got, err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := 1; i <= 200; i++ {
		if err := d.PutTogether(t.Context(), pairOf(i)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	reading.Wait()
	wantPair(t, d, 200)
}

func TestAnInterruptedChangeIsReadCompletelyAndThenCompleted(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.PutTogether(t.Context(), pairOf(0)); err != nil {
		t.Fatal(err)
	}
	// The killed process has written TogetherFile and one of the files.
	if err := d.note(together{ID: "cut off", Values: pairOf(1)}); err != nil {
		t.Fatal(err)
	}
	if err := replace(filepath.Join(string(d), SegmentHost), pairOf(1)[SegmentHost]); err != nil {
		t.Fatal(err)
	}
	wantPair(t, d, 1)
	if err := d.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(string(d), SegmentWriteKey)); err != nil || string(got) != pairOf(1)[SegmentWriteKey] {
		t.Errorf("the file holds %s (%v)", got, err)
	}
	wantPair(t, d, 1)
}

func TestAnEditAfterAnInterruptedChangeStays(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.note(together{ID: "cut off", Values: pairOf(1)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), SegmentWriteKey, "edited-key"); err != nil {
		t.Fatal(err)
	}
	got, err := d.Parameters(t.Context(), pairNames)
	if err != nil || got[SegmentWriteKey] != "edited-key" || got[SegmentHost] != pairOf(1)[SegmentHost] {
		t.Errorf("the parameters are %v (%v)", got, err)
	}
}

func TestTemporaryFilesOfKilledProcessesAreRemoved(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.PutTogether(t.Context(), pairOf(0)); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(string(d), "segment", temporaryPrefix+"123")
	if err := os.WriteFile(left, []byte("a-write-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveTemporary(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("the temporary file is still there")
	}
	wantPair(t, d, 0)
}
