package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"commerce-segment/shared/settings"
)

// The files with which processes lock a hub's directory. The system releases the locks of a
// process that ends or is killed.
const (
	runLock     = "run.lock"  // locked by the hub that runs there
	saveLock    = "save.lock" // locked while a process compares the current settings and replaces them
	processFile = "run.pid"   // the id of the process that holds runLock; a separate file, because some systems do not allow reading a locked file
)

// isOwnFile reports whether a file in a hub's directory belongs to the hub itself.
func isOwnFile(name string) bool {
	return name == keyName || name == settings.TogetherFile || name == runLock || name == saveLock || name == processFile
}

// lockEvery is the time between two attempts to get a lock.
const lockEvery = 10 * time.Millisecond

// ErrRunning reports that a hub runs with a directory.
var ErrRunning = errors.New("a hub already runs")

// LockDirectory locks a directory, so that only one hub runs with it until release is called.
// It creates the directory if it is missing, and removes the access of other users of the
// machine. The error is ErrRunning if another hub has locked it.
func LockDirectory(dir string, log *slog.Logger) (release func(), err error) {
	h, err := OpenDirectory(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(string(h.Dir), 0o700); err != nil {
		return nil, fmt.Errorf("setting up the hub's directory %s: %w: choose one that you can write to with --dir", h.Dir, err)
	}
	if err := h.close(log); err != nil {
		return nil, err
	}
	lock := flock.New(h.File(runLock), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w: choose a directory that you can write to with --dir", lock.Path(), err)
	case !held:
		return nil, fmt.Errorf("%w with the directory %s%s: stop it, or choose another directory with --dir", ErrRunning, h.Dir, h.process())
	}
	release = func() {
		os.Remove(h.File(processFile))
		lock.Close()
	}
	if err := os.WriteFile(h.File(processFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		release()
		return nil, fmt.Errorf("writing the process id to the directory %s: %w: choose one that you can write to with --dir", h.Dir, err)
	}
	return release, nil
}

// CheckRunning returns an ErrRunning, with the process, if a hub runs with the directory.
func (d Directory) CheckRunning() error {
	if _, err := os.Stat(d.File(runLock)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock := flock.New(d.File(runLock), flock.SetPermissions(0o600))
	held, err := lock.TryRLock()
	switch {
	case err != nil:
		return fmt.Errorf("looking whether a hub runs with the directory %s: %w", d.Dir, err)
	case !held:
		return fmt.Errorf("%w with the directory %s%s", ErrRunning, d.Dir, d.process())
	}
	return lock.Close()
}

// process returns a text with the id of the process that runs a hub there, or "" if the id
// is not known within a second.
func (d Directory) process() string {
	for range int(time.Second / lockEvery) {
		content, _ := os.ReadFile(d.File(processFile))
		if process, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil {
			return fmt.Sprintf(", in process %d", process)
		}
		time.Sleep(lockEvery) // the other hub is about to write it
	}
	return ""
}

// close removes the access of other users of the machine to the directory. It logs a warning
// if they had access.
func (d Directory) close(log *slog.Logger) error {
	info, err := os.Stat(string(d.Dir))
	if err != nil || runtime.GOOS == "windows" { // Windows has no such permissions
		return err
	}
	open := info.Mode().Perm()
	switch {
	case open&0o077 == 0:
		return nil
	case info.Mode()&os.ModeSticky != 0:
		return fmt.Errorf("users of this machine share the directory %s: choose another with --dir", d.Dir)
	}
	if err := os.Chmod(string(d.Dir), 0o700); err != nil {
		return fmt.Errorf("other users can reach the hub's directory %s: choose another with --dir: %w", d.Dir, err)
	}
	log.Warn(fmt.Sprintf("other users could reach the hub's directory %s (mode %o): now only you can (mode 700)", d.Dir, open))
	return nil
}

// Saving implements settings.Store.
func (d Directory) Saving(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(string(d.Dir), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory %s: %w", d.Dir, err)
	}
	lock := flock.New(d.File(saveLock), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockEvery); err != nil {
		return nil, fmt.Errorf("waiting until another user or process has saved to the directory %s: %w", d.Dir, errors.Join(err, lock.Close()))
	}
	return func() { lock.Close() }, nil
}
