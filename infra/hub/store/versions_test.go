package store

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/settings"
)

const sold = "templates/order-completed"

// versionsOf returns the versions of a template in a directory, each as "number: value".
func versionsOf(t *testing.T, h Directory) string {
	t.Helper()
	versions, err := h.Versions(t.Context(), sold)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, v := range versions {
		lines = append(lines, fmt.Sprintf("%d: %s", v.Version, v.Value))
	}
	return strings.Join(lines, ", ")
}

func putInto(t *testing.T, h Directory, name, value string) {
	t.Helper()
	if err := h.Put(t.Context(), name, value); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryKeepsReplacedTemplates(t *testing.T) {
	h := Directory{Dir: settings.Dir(t.TempDir())}
	if got := versionsOf(t, h); got != "" {
		t.Errorf("an empty directory has the versions %s", got)
	}
	putInto(t, h, sold, "one")
	written := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(h.File(sold), written, written); err != nil {
		t.Fatal(err)
	}
	putInto(t, h, sold, "two")
	if got := versionsOf(t, h); got != "2: two, 1: one" {
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
	if got := versionsOf(t, h); got != "3: three, 2: by an editor, 1: one" {
		t.Errorf("it has %s", got)
	}
	if err := os.Remove(h.File(sold)); err != nil {
		t.Fatal(err)
	}
	if got := versionsOf(t, h); got != "2: by an editor, 1: one" {
		t.Errorf("without a template the versions are %s", got)
	}
	putInto(t, h, sold, "four")
	if got := versionsOf(t, h); got != "3: four, 2: by an editor, 1: one" {
		t.Errorf("it has %s", got)
	}
}

// A replaced secret must not stay in a file.
func TestADirectoryKeepsNoReplacedSecret(t *testing.T) {
	h := Directory{Dir: settings.Dir(t.TempDir())}
	putInto(t, h, settings.SegmentWriteKey, "PLANTED-one")
	putInto(t, h, settings.SegmentWriteKey, "PLANTED-two")
	if _, err := os.Stat(h.File(versionsFolder)); !os.IsNotExist(err) {
		t.Errorf("there are versions: %v", err)
	}
}

func TestVersionsAreNotListedAsUnread(t *testing.T) {
	h := Directory{Dir: settings.Dir(t.TempDir())}
	putInto(t, h, sold, "one")
	putInto(t, h, sold, "two")
	if unread, err := h.Unread(); err != nil || len(unread) > 0 {
		t.Errorf("unread: %v, %v", unread, err)
	}
}

// A webhook that is posted after a save must not be handled with the old settings.
func TestASaveWaitsUntilItIsInEffect(t *testing.T) {
	waits := 0
	d := Directory{Dir: settings.Dir(t.TempDir()), Settle: func(context.Context) error { waits++; return nil }}
	for i, save := range []func() error{
		func() error { return d.Put(t.Context(), settings.SegmentHost, "https://api.segment.io") },
		func() error {
			return d.PutTogether(t.Context(), map[string]string{settings.SegmentHost: "https://events.eu1.segmentapis.com", settings.SegmentWriteKey: "key"})
		},
	} {
		if err := save(); err != nil {
			t.Fatal(err)
		}
		if waits != i+1 {
			t.Errorf("after save %d, %d waits", i+1, waits)
		}
	}
	if err := d.Put(t.Context(), "../outside", "x"); err == nil || waits != 2 {
		t.Errorf("a save that failed gives %v and %d waits", err, waits)
	}
}
