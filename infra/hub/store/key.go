package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// keyName is where a hub's directory keeps the key to its console: no parameter, for it
// is about the hub and not about the store.
const keyName = "console-key"

// shortestKey is less than the keys have that a hub makes, and too long to guess.
const shortestKey = 32

// Key lets in programs that ask the hub of this directory; empty where no hub has run yet.
// One that is kept in a place of somebody else's choice, or that can be guessed, is refused.
func (d Directory) Key() (string, error) {
	const remedy = "remove it, and the hub makes a new one when it starts"
	info, err := os.Lstat(d.KeyFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no ordinary file but a link or the like: %s", d.KeyFile(), remedy)
	}
	key, err := d.get(keyName)
	if err == nil && key != "" && len(key) < shortestKey {
		return "", fmt.Errorf("%s holds a key of %d characters, which can be guessed: %s", d.KeyFile(), len(key), remedy)
	}
	return key, err
}

// KeyFile is where Key is, for people.
func (d Directory) KeyFile() string { return d.File(keyName) }

// makeKey makes the key where there is none. Other users of the machine must not read it,
// however the file came there.
func (d Directory) makeKey() error {
	if err := d.putMissing(keyName, ""); err != nil {
		return err
	}
	return os.Chmod(d.KeyFile(), 0o600)
}
