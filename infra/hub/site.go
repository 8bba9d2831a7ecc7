package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// where says on the command line which store a command is about.
type where struct {
	dir, prefix string
}

// addWhere adds --dir and --prefix, of which one may be given.
func addWhere(cmd *cobra.Command, w *where) {
	addDir(cmd, &w.dir)
	addPrefix(cmd, w, "")
	cmd.MarkFlagsMutuallyExclusive("dir", "prefix")
}

func addPrefix(cmd *cobra.Command, w *where, otherwise string) {
	cmd.Flags().StringVar(&w.prefix, "prefix", otherwise,
		"the `prefix` of a store that is deployed on AWS, for example "+defaultPrefix+"; the AWS CLI's variables and profiles count")
}

// site is a store as its operator reaches it: in the hub's directory on this
// machine, or deployed.
type site struct {
	settingsStore
	where
	// Name says where the settings are, for people.
	Name string
	// SecretCommand prints the webhook secret to whoever may see it, in a shell.
	SecretCommand string
	// Takes is how long it takes until everything has heard of a change.
	Takes time.Duration
	// Deployment is nil on this machine.
	Deployment *deployment
}

// settingsStore is where a site's settings are.
type settingsStore interface {
	settings.Store
	// List says what is set, without secrets' values.
	List(context.Context) ([]settings.Stored, error)
}

// openSite opens the store that the command line names.
func openSite(ctx context.Context, w where) (site, error) {
	if w.prefix != "" {
		return openDeployed(ctx, w.prefix)
	}
	h, err := openHome(w.dir)
	if err != nil {
		return site{}, err
	}
	return site{
		settingsStore: h,
		where:         w,
		Name:          "the directory " + string(h.Dir),
		SecretCommand: "cat " + shellQuote(h.file(settings.WebhookSecret)),
	}, nil
}

// sharedNames are the parameters that a store has once, in the order in which
// people are asked for them and shown them.
var sharedNames = []string{
	settings.SegmentWriteKey, settings.SegmentHost, settings.SegmentPath,
	settings.CommerceClientID, settings.CommerceClientSecret, settings.CommerceTokenURL,
	settings.WebhookSecret,
}

// allNames are the names of all parameters that there are.
func allNames() []string {
	names := slices.Clone(sharedNames)
	for _, name := range []func(tracking.Tracking) string{settings.Enabled, settings.Events, settings.Template} {
		for _, t := range tracking.All() {
			names = append(names, name(t))
		}
	}
	return names
}

// read reads any number of parameters, where Parameter Store reads ten at once.
func (s site) read(ctx context.Context, names []string) (map[string]string, error) {
	all := make(map[string]string, len(names))
	for some := range slices.Chunk(names, 10) {
		values, err := s.Parameters(ctx, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, values)
	}
	return all, nil
}

// check says what is wrong with parameters for any tracking; each of it once.
func check(parameters map[string]string) error {
	var wrong []error
	said := map[string]bool{}
	for _, t := range tracking.All() {
		_, err := settings.Parse(t, parameters)
		for _, err := range parts(err) {
			if !said[err.Error()] {
				said[err.Error()] = true
				wrong = append(wrong, err)
			}
		}
	}
	return errors.Join(wrong...)
}

// parts are the errors that were joined into one.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// List implements settingsStore. A file has no version.
func (h home) List(ctx context.Context) ([]settings.Stored, error) {
	values, err := h.Parameters(ctx, allNames())
	if err != nil {
		return nil, err
	}
	var list []settings.Stored
	for _, name := range slices.Sorted(maps.Keys(values)) {
		info, err := os.Stat(h.file(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was deleted since
		}
		if err != nil {
			return nil, fmt.Errorf("reading parameter %s: %w", name, err)
		}
		stored := settings.Stored{Name: name, Modified: info.ModTime()}
		if !settings.IsSecret(name) {
			stored.Value = values[name]
		}
		list = append(list, stored)
	}
	return list, nil
}

// modified is when a parameter was last written; the zero time where it is not set.
func (s site) modified(ctx context.Context, name string) (time.Time, error) {
	list, err := s.List(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, stored := range list {
		if stored.Name == name {
			return stored.Modified, nil
		}
	}
	return time.Time{}, nil
}

// flag names the site on a command line that is shown to people, with a space before
// it; empty where it need not be named.
func (w where) flag() string {
	switch {
	case w.prefix != "":
		return " --prefix " + w.prefix
	case w.dir != defaultDir:
		return " --dir " + shellQuote(w.dir)
	default:
		return ""
	}
}
