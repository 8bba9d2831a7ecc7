package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// DefaultDir is the directory in which the hub keeps its settings. Git ignores it.
const DefaultDir = ".hub"

// InboxKeyPrefix is the prefix of the write keys that the hub makes for its inbox. It
// distinguishes them from the write key of a Segment source.
const InboxKeyPrefix = "inbox_"

// IsInboxKey reports whether a write key was made for the inbox of a hub. With it, Segment
// answers 200 and drops everything.
func IsInboxKey(key string) bool { return strings.HasPrefix(strings.TrimSpace(key), InboxKeyPrefix) }

// IsSourceKey reports whether a write key can be that of a source in Segment: it is not empty, and
// it was not made for the inbox of a hub.
func IsSourceKey(key string) bool { return strings.TrimSpace(key) != "" && !IsInboxKey(key) }

// Directory is a hub's directory. It holds the settings, the versions of templates and the
// samples.
type Directory struct {
	settings.Dir // absolute
	// Settle, if the hub of the directory runs in this process, waits until what was saved
	// is in effect there, so that the next webhook sees it.
	Settle func(context.Context) error
}

// OpenDirectory returns the directory with its absolute path. It reads and writes nothing.
func OpenDirectory(dir string) (Directory, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return Directory{}, fmt.Errorf("looking for the hub's directory %s: %w", dir, err)
	}
	return Directory{Dir: settings.Dir(absolute)}, nil
}

// SetUpDirectory opens a directory and creates what a hub needs there, if it is missing.
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
		func() error { return h.putSamples(time.Now()) },
	} {
		if err := step(); err != nil {
			return Directory{}, fmt.Errorf("setting up the hub's directory %s: %w: choose one that you can write to with --dir", h.Dir, err)
		}
	}
	return h, nil
}

// recover completes writes that a killed process began, and removes temporary files.
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

// putMissing sets a parameter that is absent or blank to a prefix and a new secret.
func (d Directory) putMissing(name, prefix string) error {
	value, err := d.get(name)
	if err != nil || value != "" {
		return err
	}
	return d.Put(context.Background(), name, prefix+NewSecret())
}

// get returns one parameter without the white space around it, or "" if it is absent.
func (d Directory) get(name string) (string, error) {
	values, err := d.Parameters(context.Background(), []string{name})
	return strings.TrimSpace(values[name]), err
}

// First returns the first line of a parameter, or "" if it is absent. During a rotation of
// the webhook secret, that is the new secret.
func (d Directory) First(name string) (string, error) {
	value, err := d.get(name)
	first, _, _ := strings.Cut(value, "\n")
	return strings.TrimSpace(first), err
}

// File returns the path of the file of a parameter.
func (d Directory) File(name string) string {
	return filepath.Join(string(d.Dir), filepath.FromSlash(name))
}

// SampleFile returns the path of the file of a bundled sample.
func (d Directory) SampleFile(name string) string {
	return filepath.Join(string(d.Dir), "samples", filepath.FromSlash(name)+".json")
}

// QueueFolder is the folder in a hub's directory with its queued events.
const QueueFolder = "queue"

// ReceivedFolder is the folder in a hub's directory with what it received and shows: the
// batches in the inbox and the latest webhooks.
const ReceivedFolder = "received"

// ExecutionsFolder is the folder in a hub's directory with what happened to its webhooks.
const ExecutionsFolder = "executions"

// exportedInfix is in the name of a folder of queued events that SetQueueAside renamed.
const exportedInfix = ".exported-"

// SetQueueAside renames the folder with the queued events, so that the next hub does not
// deliver them. It returns the new path. The caller has locked the directory.
func (d Directory) SetQueueAside() (string, error) {
	aside := d.File(QueueFolder + exportedInfix + time.Now().UTC().Format("20060102T150405.000"))
	return aside, os.Rename(d.File(QueueFolder), aside)
}

// isOwnFolder reports whether the hub keeps other things than settings in a folder.
func isOwnFolder(name string) bool {
	return slices.Contains([]string{"samples", backfillFolder, QueueFolder, ExecutionsFolder, ReceivedFolder, versionsFolder, importsFolder}, name) ||
		strings.HasPrefix(name, QueueFolder+exportedInfix)
}

// Unread returns the sorted paths of the files in the directory that nothing reads. With a
// typing error in the name of a file, the default stays in effect, so the hub reports it.
func (d Directory) Unread() ([]string, error) {
	read := map[string]bool{}
	for _, name := range namesInDirectory() {
		read[name] = true
	}
	var unread []string
	root := os.DirFS(string(d.Dir))
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case isOwnFolder(name):
			return fs.SkipDir
		case !entry.IsDir() && !read[name] && !isOwnFile(name):
			unread = append(unread, d.File(name))
		}
		return nil
	})
	return unread, err
}

// importsFolder is the folder in a hub's directory with the positions of imports.
const importsFolder = "imports"

// Imported returns how many events of an archive were put into the store from this machine.
func (s Store) Imported(ctx context.Context, archive string) (int, error) {
	name := s.importFile(archive)
	values, err := s.positions().Parameters(ctx, []string{name})
	if err != nil || values[name] == "" {
		return 0, err
	}
	return strconv.Atoi(values[name])
}

// SetImported writes how many events of an archive were put into the store.
func (s Store) SetImported(ctx context.Context, archive string, events int) error {
	return s.positions().Put(ctx, s.importFile(archive), strconv.Itoa(events))
}

// importFile returns the name of the file with the position of an import.
func (s Store) importFile(archive string) string {
	return path.Join(importsFolder, digest(s.Prefix, archive))
}

// ImportFile returns the path of the file with the position of an import.
func (s Store) ImportFile(archive string) string {
	return filepath.Join(string(s.positions()), filepath.FromSlash(s.importFile(archive)))
}

// positions returns the directory of this machine with the positions of imports. For a
// deployed store it is the default directory.
func (s Store) positions() settings.Dir { return settings.Dir(cmp.Or(s.Dir, DefaultDir)) }

// putSamples writes the bundled samples, which can be posted and edited, as if they happened
// now. It does not change a sample that was edited.
func (d Directory) putSamples(now time.Time) error {
	for _, sample := range templates.Samples() {
		file := d.SampleFile(sample.Name)
		if content, err := os.ReadFile(file); err == nil && !sample.HasBody(content) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, sample.At(now).Body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Config returns a tracking's settings from the directory.
func (d Directory) Config(ctx context.Context, t tracking.Tracking, inbox string) (relay.Config, error) {
	parameters, err := d.Parameters(ctx, AllNames())
	if err != nil {
		return relay.Config{}, err
	}
	return ConfigOf(t, parameters, inbox)
}

// ConfigOf returns a tracking's settings on this machine, read from all parameters. Without
// a Segment host, messages are sent to the inbox at the given URL, and Segment is not asked to
// delete anyone. Any template can call Commerce on this machine. If a template does not, the
// credentials are ignored.
func ConfigOf(t tracking.Tracking, parameters map[string]string, inbox string) (relay.Config, error) {
	parameters = maps.Clone(parameters)
	if !settings.CallsCommerce(t, cmp.Or(parameters[settings.Template(t)], templates.Default(t.Name))) {
		delete(parameters, settings.CommerceClientSecret)
	}
	hasHost := strings.TrimSpace(parameters[settings.SegmentHost]) != ""
	if !hasHost && inbox != "" {
		delete(parameters, settings.SegmentPath) // it belongs to another host
	}
	config, err := settings.Parse(t, parameters)
	switch {
	case hasHost:
		config.Segment = withoutInboxKey(config.Segment)
	case inbox != "":
		config.Segment.Host = inbox // set after Parse, which can reject an address that is not loopback
		config.Segment.IsInbox = true
	}
	return config, err
}

// withoutInboxKey removes the key of a hub's inbox if the messages go to another machine.
// Segment would answer 200 and drop them. Without a key, their events are retried.
func withoutInboxKey(to segment.Endpoint) segment.Endpoint {
	if host, err := url.Parse(to.Host); IsInboxKey(to.WriteKey) && (err != nil || !settings.IsThisMachine(host.Hostname())) {
		to.WriteKey = ""
	}
	return to
}

// Check returns an error that lists what is wrong with the settings of the trackings. It
// does not check the credentials of Commerce: only some trackings need them.
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

// keyName is the file in a hub's directory with the key of its console. It is not a
// parameter, because it belongs to the hub and not to the store.
const keyName = "console-key"

// shortestKey is the minimum length of a key, in characters. A key of this length cannot be
// guessed. The keys that a hub makes are longer.
const shortestKey = 32

// Key returns the key with which programs call the hub of this directory, or "" if no hub
// has run yet. It returns an error if the key is not in a regular file or can be guessed.
func (d Directory) Key() (string, error) {
	const remedy = "remove it, and the hub makes a new one when it starts"
	info, err := os.Lstat(d.KeyFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file: %s", d.KeyFile(), remedy)
	}
	key, err := d.get(keyName)
	if err == nil && key != "" && len(key) < shortestKey {
		return "", fmt.Errorf("%s holds a key of %d characters, which can be guessed: %s", d.KeyFile(), len(key), remedy)
	}
	return key, err
}

// KeyFile returns the path of the file with the key.
func (d Directory) KeyFile() string { return d.File(keyName) }

// makeKey makes the key if there is none. It also sets the permissions of a file that
// exists, because other users of the machine must not read it.
func (d Directory) makeKey() error {
	if err := d.putMissing(keyName, ""); err != nil {
		return err
	}
	return os.Chmod(d.KeyFile(), 0o600)
}
