package site

import "os"

// keyName is where a hub's directory keeps the key to its console: no parameter, for it
// is about the hub and not about the store.
const keyName = "console-key"

// Key lets in whoever asks the hub of this directory; empty where no hub has run yet.
func (h Home) Key() (string, error) { return h.get(keyName) }

// KeyFile is where Key is, for people.
func (h Home) KeyFile() string { return h.File(keyName) }

// makeKey makes the key where there is none. Other users of the machine must not read it,
// however the file came there.
func (h Home) makeKey() error {
	if err := h.putMissing(keyName, ""); err != nil {
		return err
	}
	return os.Chmod(h.KeyFile(), 0o600)
}
