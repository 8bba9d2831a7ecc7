package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/store"
)

func TestAHubDoesNotStartWithEventsOfALaterRelease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	file := filepath.Join(dir, store.QueueFolder, "waiting-000001.db")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(database.BucketAbout).Put([]byte("version"), []byte{0, 0, 0, 0, 0, 0, 0, 2})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	got := command(t, "", "run", "--addr", "127.0.0.1:0", "--dir", dir)
	if got.code != exitFailed || got.stdout != "" {
		t.Errorf("exits %d and prints %q", got.code, got.stdout)
	}
	for _, want := range []string{file, "a later release of hub wrote it", "run that release"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("says %q, want %q in it", got.stderr, want)
		}
	}
}
