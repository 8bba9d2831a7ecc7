package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// formatVersion is the version of the databases that this release writes.
const formatVersion = 1

var (
	bucketAbout = []byte("about")
	keyVersion  = []byte("version")
)

// ErrNewer means that a later release wrote a file.
var ErrNewer = errors.New("a later release of hub wrote it, and this release cannot read it: run that release")

// openDatabase opens or creates a database. Its error is an ErrNewer if a later release
// wrote the file, and an errDamaged if the file is not a database. A file that it fails to
// create is removed, so that the next attempt does not find half of one.
func openDatabase(path string) (db *bbolt.DB, err error) {
	if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
		defer func() {
			if err != nil {
				os.Remove(path)
			}
		}()
	}
	err = guard(func() error {
		var err error
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         time.Second, // another process has opened it; usually the directory's lock reports that first
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: 2 * fileBytes, // a file that outgrows it waits for its readers
		})
		return err
	})
	var ofSystem syscall.Errno
	switch {
	case errors.As(err, &ofSystem), errors.Is(err, berrors.ErrTimeout):
		return nil, err
	case err != nil: // bbolt cannot read the file
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	err = guard(func() error { return checkVersion(db) })
	if err == nil {
		err = syncDir(filepath.Dir(path)) // otherwise a power failure may lose a new file's name
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// checkVersion checks the version of a database, and writes it into a new one.
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
			return fmt.Errorf("%w: it has no version", errDamaged)
		}
		if version := binary.BigEndian.Uint64(value); version > formatVersion {
			return fmt.Errorf("%w (it has version %d, and this release reads version %d)", ErrNewer, version, formatVersion)
		}
		return nil
	})
}

// syncDir makes the names of the files in a directory durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which cannot sync a directory
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
