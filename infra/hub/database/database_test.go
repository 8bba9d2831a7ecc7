package database

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

func TestADatabaseIsNotReadWhileItIsInUseOrNewer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenToRead(path); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(BucketAbout).Put(keyVersion, binary.BigEndian.AppendUint64(nil, formatVersion+1))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenToRead(path); !errors.Is(err, ErrNewer) {
		t.Errorf("of a later release: %v", err)
	}
}
