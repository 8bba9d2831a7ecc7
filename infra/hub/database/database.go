// Package database opens the databases of the hub on this machine, which are files of
// go.etcd.io/bbolt. It needs no server and survives a crash at any moment: a change is written
// to free pages and synced, and only then does it take effect.
//
// Changes that arrive during a sync are written together afterwards, so many callers share
// one sync.
//
// A List is a database with the newest entries of a sequence.
package database

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

// BucketAbout is the bucket with the version of a database.
var BucketAbout = []byte("about")

var keyVersion = []byte("version")

// mapBytes returns how much address space a file gets when it is opened. A change that needs
// more waits for all readers. On Windows bbolt makes the file as large as its map, so a file
// gets only what it needs.
func mapBytes() int {
	if runtime.GOOS == "windows" {
		return 0
	}
	return 128 << 20
}

// damagedInfix is in the name of a damaged file, before the time at which it was found.
const damagedInfix = ".damaged-"

// ErrNewer means that a later release wrote a file.
var ErrNewer = errors.New("a later release of hub wrote it, and this release cannot read it: run that release")

// ErrInUse means that another process has opened a file.
var ErrInUse = errors.New("another process uses it")

// OpenFile opens the file of a database. Tests replace it to simulate errors of the disk.
var OpenFile = os.OpenFile

// Open opens or creates a database. Its error is an ErrNewer if a later release wrote the
// file, and an ErrDamaged if the file is not a database. A file that it fails to create is
// removed, so that the next attempt does not find half of one.
func Open(path string) (*DB, error) {
	bolt, err := openFile(path)
	if err != nil {
		return nil, err
	}
	db := &DB{bolt: bolt, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go db.run()
	return db, nil
}

// OpenToRead opens a database that no process writes to. Nothing may be written to it. Its
// error is an ErrInUse if a process does, and an ErrNewer if a later release wrote the file.
func OpenToRead(path string) (*DB, error) {
	var bolt *bbolt.DB
	err := guard(func() (err error) {
		bolt, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		err = ErrInUse
	}
	if err != nil {
		return nil, err
	}
	err = guard(func() error {
		_, err := checkVersion(bolt)
		return err
	})
	if err != nil {
		bolt.Close()
		return nil, err
	}
	db := &DB{bolt: bolt, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	close(db.ended)
	return db, nil
}

// openFile opens or creates the file of a database.
func openFile(path string) (db *bbolt.DB, err error) {
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
			OpenFile:        OpenFile,
			Timeout:         time.Second, // another process has opened it; usually the directory's lock reports that first
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: mapBytes(),
		})
		return err
	})
	var ofSystem syscall.Errno
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case errors.As(err, &ofSystem):
		return nil, err
	case err != nil: // bbolt cannot read the file
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	err = guard(func() error { return prepare(db) })
	if err == nil {
		err = syncDir(filepath.Dir(path)) // otherwise a power failure may lose a new file's name
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

// prepare checks the version of a database, and writes it into a new one. There is only one
// version so far, so nothing is converted.
func prepare(db *bbolt.DB) error {
	isNew, err := checkVersion(db)
	if err != nil || !isNew {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		about, err := tx.CreateBucket(BucketAbout)
		if err != nil {
			return err
		}
		return about.Put(keyVersion, binary.BigEndian.AppendUint64(nil, formatVersion))
	})
}

// checkVersion checks the version of a database. It reports whether the database is new and has
// none yet.
func checkVersion(db *bbolt.DB) (isNew bool, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		about := tx.Bucket(BucketAbout)
		if isNew = about == nil; isNew {
			return nil
		}
		value := about.Get(keyVersion)
		if len(value) != 8 {
			return fmt.Errorf("%w: it has no version", ErrDamaged)
		}
		if version := binary.BigEndian.Uint64(value); version > formatVersion {
			return fmt.Errorf("%w (it has version %d, and this release reads version %d)", ErrNewer, version, formatVersion)
		}
		return nil
	})
	return isNew, err
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

// SetAside renames a damaged file, so that it is kept and a new one can be created. It returns
// the new path.
func SetAside(path string) (aside string, err error) {
	aside = path + damagedInfix + time.Now().UTC().Format("20060102T150405.000000000")
	return aside, os.Rename(path, aside)
}

// Damaged returns the paths of the files in a directory that SetAside has renamed.
func Damaged(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "*"+damagedInfix+"*"))
}
