package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/settings"
)

const sold = "templates/order-completed"

// history is a directory's versions of a template, each as "number: value".
func historyOf(t *testing.T, h Directory) string {
	t.Helper()
	versions, err := h.Versions(t.Context(), sold)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, v := range versions {
		said = append(said, fmt.Sprintf("%d: %s", v.Version, v.Value))
	}
	return strings.Join(said, ", ")
}

func putInto(t *testing.T, h Directory, name, value string) {
	t.Helper()
	if err := h.Put(t.Context(), name, value); err != nil {
		t.Fatal(err)
	}
}

func TestAHomeKeepsTheTemplatesThatAreReplaced(t *testing.T) {
	h := Directory{settings.Dir(t.TempDir())}
	if got := historyOf(t, h); got != "" {
		t.Errorf("an empty directory has %s", got)
	}
	putInto(t, h, sold, "one")
	written := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(h.File(sold), written, written); err != nil {
		t.Fatal(err)
	}
	putInto(t, h, sold, "two")
	if got := historyOf(t, h); got != "2: two, 1: one" {
		t.Errorf("it has %s", got)
	}
	versions, err := h.Versions(t.Context(), sold)
	if err != nil || !versions[1].Modified.Equal(written) {
		t.Errorf("version 1 was written %v, %v, want %v", versions[1].Modified, err, written)
	}
	if err := os.WriteFile(h.File(sold), []byte("by an editor\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	putInto(t, h, sold, "three")
	if got := historyOf(t, h); got != "3: three, 2: by an editor, 1: one" {
		t.Errorf("it has %s", got)
	}
	if err := os.Remove(h.File(sold)); err != nil {
		t.Fatal(err)
	}
	if got := historyOf(t, h); got != "2: by an editor, 1: one" {
		t.Errorf("without a template it has %s", got)
	}
	putInto(t, h, sold, "four")
	if got := historyOf(t, h); got != "3: four, 2: by an editor, 1: one" {
		t.Errorf("it has %s", got)
	}
}

// A replaced secret must not lie around in a file.
func TestAHomeKeepsNoSecretThatIsReplaced(t *testing.T) {
	h := Directory{settings.Dir(t.TempDir())}
	putInto(t, h, settings.SegmentWriteKey, "PLANTED-one")
	putInto(t, h, settings.SegmentWriteKey, "PLANTED-two")
	if _, err := os.Stat(h.File(versionsFolder)); !os.IsNotExist(err) {
		t.Errorf("there are versions: %v", err)
	}
}

func TestTheHistoryIsNoFileThatNothingReads(t *testing.T) {
	h := Directory{settings.Dir(t.TempDir())}
	putInto(t, h, sold, "one")
	putInto(t, h, sold, "two")
	if unread, err := h.Unread(); err != nil || len(unread) > 0 {
		t.Errorf("unread are %v, %v", unread, err)
	}
}
