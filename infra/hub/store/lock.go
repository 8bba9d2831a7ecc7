package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"commerce-segment/shared/settings"
)

// The files in a hub's directory by which processes keep apart. A process that has ended
// locks nothing, however it ended.
const (
	runLock     = "run.lock"  // locked by the hub that runs there
	saveLock    = "save.lock" // locked by who compares what is set with what is to replace it
	processFile = "run.pid"   // the process that has locked runLock, as other systems let nobody read a locked file
)

// isOwnFile says that a file in a hub's directory is for the hub itself.
func isOwnFile(name string) bool {
	return name == keyName || name == settings.TogetherFile || name == runLock || name == saveLock || name == processFile
}

// lockEvery is how often a process that waits for a lock tries to get it.
const lockEvery = 10 * time.Millisecond

// LockDirectory takes a directory, which it makes where it is missing, for the one hub that may
// run there until release is called, and keeps other users of the machine out of it.
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
		return nil, fmt.Errorf("a hub runs already with the directory %s%s: stop that one, or choose another directory with --dir", h.Dir, h.process())
	}
	release = func() {
		os.Remove(h.File(processFile))
		lock.Close()
	}
	if err := os.WriteFile(h.File(processFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		release()
		return nil, fmt.Errorf("taking the directory %s: %w: choose one that you can write to with --dir", h.Dir, err)
	}
	return release, nil
}

// process says for people which process runs a hub there; empty where that is not known
// within a second.
func (d Directory) process() string {
	for range int(time.Second / lockEvery) {
		content, _ := os.ReadFile(d.File(processFile))
		if process, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil {
			return fmt.Sprintf(", in process %d", process)
		}
		time.Sleep(lockEvery) // it is about to be written
	}
	return ""
}

// close takes a directory from other users of the machine who could look into it or write
// there, and logs that.
func (d Directory) close(log *slog.Logger) error {
	info, err := os.Stat(string(d.Dir))
	if err != nil || runtime.GOOS == "windows" { // which has no such permissions
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
		return nil, fmt.Errorf("waiting for who else saves to the directory %s: %w", d.Dir, errors.Join(err, lock.Close()))
	}
	return func() { lock.Close() }, nil
}
