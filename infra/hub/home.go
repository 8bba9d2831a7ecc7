package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// defaultDir is where the hub keeps its settings; git ignores it.
const defaultDir = ".hub"

func addDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", defaultDir, "the `directory` of the hub's settings, a file for each")
}

// inboxKeyPrefix begins the write keys that the hub makes for its own inbox, to
// tell them from a Segment source's.
const inboxKeyPrefix = "inbox_"

// home is a hub's directory: its settings, and the samples that people post.
type home struct {
	settings.Dir // absolute
}

func openHome(dir string) (home, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return home{}, fmt.Errorf("looking for the hub's directory %s: %w", dir, err)
	}
	return home{settings.Dir(absolute)}, nil
}

// makeHome opens a home and puts there what a hub needs and is missing.
func makeHome(dir string) (home, error) {
	h, err := openHome(dir)
	if err != nil {
		return home{}, err
	}
	for _, step := range []func() error{
		func() error { return h.putMissing(settings.WebhookSecret, "") },
		func() error { return h.putMissing(settings.SegmentWriteKey, inboxKeyPrefix) },
		h.putSamples,
	} {
		if err := step(); err != nil {
			return home{}, fmt.Errorf("setting up the hub's directory %s: %w: choose one that you can write to with --dir", h.Dir, err)
		}
	}
	return h, nil
}

// putMissing sets a parameter that is absent or blank to a prefix and a new
// secret.
func (h home) putMissing(name, prefix string) error {
	value, err := h.get(name)
	if err != nil || value != "" {
		return err
	}
	return h.Put(context.Background(), name, prefix+newSecret())
}

// get is one parameter without the white space around it; empty where it is absent.
func (h home) get(name string) (string, error) {
	values, err := h.Parameters(context.Background(), []string{name})
	return strings.TrimSpace(values[name]), err
}

// file is where a parameter is, for people.
func (h home) file(name string) string {
	return filepath.Join(string(h.Dir), filepath.FromSlash(name))
}

// sampleFile is where a bundled sample is put.
func (h home) sampleFile(name string) string {
	return filepath.Join(string(h.Dir), "samples", filepath.FromSlash(name)+".json")
}

// unread lists the files in the directory that nothing reads, sorted: a slip in a
// file's name otherwise leaves a default in force, and nobody hears of it.
func (h home) unread() ([]string, error) {
	read := map[string]bool{
		settings.CommerceClientID: true, settings.CommerceClientSecret: true, settings.CommerceTokenURL: true,
	}
	for _, t := range tracking.All() {
		for _, name := range settings.Names(t) {
			read[name] = true
		}
	}
	var unread []string
	root := os.DirFS(string(h.Dir))
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "samples":
			return fs.SkipDir
		case !entry.IsDir() && !read[name]:
			unread = append(unread, h.file(name))
		}
		return nil
	})
	return unread, err
}

// putSamples writes the bundled samples for people to post and to edit. One that
// is there already stays as it is.
func (h home) putSamples() error {
	for _, sample := range templates.Samples() {
		file := h.sampleFile(sample.Name)
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

// config is a tracking's settings as they are in the directory. Without a host
// there, messages go to the inbox at that URL.
func (h home) config(ctx context.Context, t tracking.Tracking, inbox string) (relay.Config, error) {
	parameters, err := h.Parameters(ctx, settings.Names(t))
	if err != nil {
		return relay.Config{}, err
	}
	if inbox == "" || strings.TrimSpace(parameters[settings.SegmentHost]) != "" {
		return settings.Parse(t, parameters)
	}
	delete(parameters, settings.SegmentPath) // it is another host's
	config, err := settings.Parse(t, parameters)
	config.Segment.Host = inbox // which may be no loopback address, for Parse to refuse
	return config, err
}

// check says what is wrong with the settings of any tracking.
func (h home) check(ctx context.Context) error {
	for _, t := range tracking.All() {
		if _, err := h.config(ctx, t, ""); err != nil {
			return fmt.Errorf("the settings in %s: %w", h.Dir, err)
		}
	}
	return nil
}

// live is the relay.Configuration of one tracking. Unlike settings.Cache, which
// spares Parameter Store, it shows what somebody has just written to the
// directory at once.
type live struct {
	tracking tracking.Tracking
	home     home
	inbox    string // the hub's own URL

	mu     sync.Mutex
	read   time.Time
	config relay.Config
	err    error
}

const liveFor = 200 * time.Millisecond

// Current implements relay.Configuration.
func (l *live) Current(ctx context.Context) (relay.Config, error) {
	return l.notOlderThan(ctx, liveFor)
}

// Reload implements relay.Configuration.
func (l *live) Reload(ctx context.Context) (relay.Config, error) { return l.notOlderThan(ctx, 0) }

func (l *live) notOlderThan(ctx context.Context, age time.Duration) (relay.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.read.IsZero() || now.Sub(l.read) >= age {
		l.config, l.err = l.home.config(ctx, l.tracking, l.inbox)
		l.read = now
	}
	return l.config, l.err
}
