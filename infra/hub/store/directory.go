package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// DefaultDir is where the hub keeps its settings; git ignores it.
const DefaultDir = ".hub"

// InboxKeyPrefix begins the write keys that the hub makes for its own inbox, to
// tell them from a Segment source's.
const InboxKeyPrefix = "inbox_"

// Directory is a hub's directory: its settings, the templates that were replaced, and the
// samples that people post.
type Directory struct {
	settings.Dir // absolute
}

func OpenDirectory(dir string) (Directory, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return Directory{}, fmt.Errorf("looking for the hub's directory %s: %w", dir, err)
	}
	return Directory{settings.Dir(absolute)}, nil
}

// SetUpDirectory opens a directory and puts there what a hub needs and is missing.
func SetUpDirectory(dir string) (Directory, error) {
	h, err := OpenDirectory(dir)
	if err != nil {
		return Directory{}, err
	}
	if _, err := h.Key(); err != nil {
		return Directory{}, err
	}
	if err := h.recover(); err != nil {
		return Directory{}, err
	}
	for _, step := range []func() error{
		func() error { return h.putMissing(settings.WebhookSecret, "") },
		func() error { return h.putMissing(settings.SegmentWriteKey, InboxKeyPrefix) },
		h.makeKey,
		h.putSamples,
	} {
		if err := step(); err != nil {
			return Directory{}, fmt.Errorf("setting up the hub's directory %s: %w: choose one that you can write to with --dir", h.Dir, err)
		}
	}
	return h, nil
}

// recover completes and removes what killed processes have left.
func (d Directory) recover() error {
	release, err := d.Saving(context.Background())
	if err != nil {
		return err
	}
	defer release()
	if err := d.Recover(context.Background()); err != nil {
		return err
	}
	return d.RemoveTemporary()
}

// putMissing sets a parameter that is absent or blank to a prefix and a new
// secret.
func (d Directory) putMissing(name, prefix string) error {
	value, err := d.get(name)
	if err != nil || value != "" {
		return err
	}
	return d.Put(context.Background(), name, prefix+NewSecret())
}

// get is one parameter without the white space around it; empty where it is absent.
func (d Directory) get(name string) (string, error) {
	values, err := d.Parameters(context.Background(), []string{name})
	return strings.TrimSpace(values[name]), err
}

// First is the first line of a parameter: of two webhook secrets, the one that counts
// once the other is dropped. It is empty where the parameter is absent.
func (d Directory) First(name string) (string, error) {
	value, err := d.get(name)
	first, _, _ := strings.Cut(value, "\n")
	return strings.TrimSpace(first), err
}

// File is where a parameter is, for people.
func (d Directory) File(name string) string {
	return filepath.Join(string(d.Dir), filepath.FromSlash(name))
}

// SampleFile is where a bundled sample is put.
func (d Directory) SampleFile(name string) string {
	return filepath.Join(string(d.Dir), "samples", filepath.FromSlash(name)+".json")
}

// QueueFolder is where a hub's directory keeps its events.
const QueueFolder = "queue"

// Unread lists the files in the directory that nothing reads, sorted: a slip in a
// file's name otherwise leaves a default in force, and nobody hears of it.
func (d Directory) Unread() ([]string, error) {
	read := map[string]bool{}
	for _, name := range AllNames() {
		read[name] = true
	}
	var unread []string
	root := os.DirFS(string(d.Dir))
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "samples" || name == backfillFolder || name == QueueFolder || name == versionsFolder:
			return fs.SkipDir
		case !entry.IsDir() && !read[name] && !isOwnFile(name):
			unread = append(unread, d.File(name))
		}
		return nil
	})
	return unread, err
}

// putSamples writes the bundled samples for people to post and to edit. One that
// is there already stays as it is.
func (d Directory) putSamples() error {
	for _, sample := range templates.Samples() {
		file := d.SampleFile(sample.Name)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, sample.Body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Config is a tracking's settings as they are in the directory.
func (d Directory) Config(ctx context.Context, t tracking.Tracking, inbox string) (relay.Config, error) {
	parameters, err := d.Parameters(ctx, AllNames())
	if err != nil {
		return relay.Config{}, err
	}
	return ConfigOf(t, parameters, inbox)
}

// ConfigOf is a tracking's settings on this machine, of all the parameters there. Without a
// host, messages go to the inbox at that URL. Any template may ask Commerce here, and the
// credentials do not matter to a tracking that does not.
func ConfigOf(t tracking.Tracking, parameters map[string]string, inbox string) (relay.Config, error) {
	parameters = maps.Clone(parameters)
	if !settings.CallsCommerce(t, cmp.Or(parameters[settings.Template(t)], templates.Default(t.Name))) {
		delete(parameters, settings.CommerceClientSecret)
	}
	if inbox == "" || strings.TrimSpace(parameters[settings.SegmentHost]) != "" {
		return settings.Parse(t, parameters)
	}
	delete(parameters, settings.SegmentPath) // it is another host's
	config, err := settings.Parse(t, parameters)
	config.Segment.Host = inbox // which may be no loopback address, for Parse to refuse
	return config, err
}

// Check says what is wrong with the settings of any tracking, except the credentials of
// Commerce, which stop only those trackings that ask it.
func (d Directory) Check(ctx context.Context) error {
	parameters, err := d.Parameters(ctx, AllNames())
	if err != nil {
		return err
	}
	delete(parameters, settings.CommerceClientSecret)
	if err := Check(parameters); err != nil {
		return fmt.Errorf("the settings in %s: %w", d.Dir, err)
	}
	return nil
}

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
