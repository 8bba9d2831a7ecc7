package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// formatVersion is the form of the databases that this release writes.
const formatVersion = 1

var (
	bucketAbout = []byte("about")
	keyVersion  = []byte("version")
)

// ErrNewer means that a later release has written a file.
var ErrNewer = errors.New("a later release of hub has written it")

// openDatabase opens a database, or makes it. Its error is an ErrNewer where a later
// release wrote the file, and an errDamaged where the file is no database.
func openDatabase(path string) (*bbolt.DB, error) {
	_, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	var db *bbolt.DB
	err = guard(func() error {
		var err error
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         time.Second, // another process has it: the directory's lock says so earlier
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: 2 * fileBytes, // growing it waits for who reads
		})
		return err
	})
	var ofSystem syscall.Errno
	switch {
	case errors.As(err, &ofSystem), errors.Is(err, berrors.ErrTimeout):
		return nil, err
	case err != nil: // of bbolt, about what it read
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	err = guard(func() error { return checkVersion(db) })
	if err == nil && isNew {
		err = syncDir(filepath.Dir(path)) // or the file's name may be lost with the power
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// checkVersion reads which release's form a database has, and writes it into a new one.
func checkVersion(db *bbolt.DB) error {
	return db.Update(func(tx *bbolt.Tx) error {
		about := tx.Bucket(bucketAbout)
		if about == nil {
			about, err := tx.CreateBucket(bucketAbout)
			if err != nil {
				return err
			}
			return about.Put(keyVersion, binary.BigEndian.AppendUint64(nil, formatVersion))
		}
		value := about.Get(keyVersion)
		if len(value) != 8 {
			return fmt.Errorf("%w: it does not say which release wrote it", errDamaged)
		}
		if version := binary.BigEndian.Uint64(value); version > formatVersion {
			return fmt.Errorf("%w: its form is %d, and this release reads %d", ErrNewer, version, formatVersion)
		}
		return nil
	})
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
