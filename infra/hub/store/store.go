// Package store is a store as its operator reaches it, on this machine or deployed on
// AWS: what can be looked at and changed there. The commands and the pages of the hub
// are its two faces.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Location says on the command line which store a command is about.
type Location struct {
	Dir, Prefix string
}

// Store is a store as its operator reaches it: in the hub's directory on this
// machine, or deployed.
type Store struct {
	Backend
	Location
	// Name says where the settings are, for people.
	Name string
	// SecretCommand prints the webhook secret to whoever may see it, in a shell.
	SecretCommand string
	// Takes is how long it takes until everything has heard of a change.
	Takes time.Duration
	// Deployment is nil on this machine.
	Deployment *Deployment
}

// Backend is where a store's settings are.
type Backend interface {
	settings.Store
	// List says what is set, without secrets' values.
	List(context.Context) ([]settings.Stored, error)
	// Versions is what a parameter has been, the newest first and with the one that it is.
	Versions(ctx context.Context, name string) ([]settings.Stored, error)
}

// Open opens the store that the command line names.
func Open(ctx context.Context, w Location) (Store, error) {
	if w.Prefix != "" {
		return OpenDeployed(ctx, w.Prefix)
	}
	h, err := OpenDirectory(w.Dir)
	if err != nil {
		return Store{}, err
	}
	s := InDirectory(h)
	s.Location = w
	return s, nil
}

// InDirectory is the store in a directory.
func InDirectory(h Directory) Store {
	return Store{
		Backend:       h,
		Location:      Location{Dir: string(h.Dir)},
		Name:          "the directory " + string(h.Dir),
		SecretCommand: "cat " + ShellQuote(h.File(settings.WebhookSecret)),
	}
}

// sharedNames are the parameters that a store has once, in the order in which
// people are asked for them and shown them.
var sharedNames = []string{
	settings.SegmentWriteKey, settings.SegmentHost, settings.SegmentPath,
	settings.CommerceTokenURL, settings.CommerceClientID, settings.CommerceClientSecret,
	settings.CommerceCurrencies, settings.WebhookSecret,
}

// AllNames are the names of all parameters that there are.
func AllNames() []string {
	names := slices.Clone(sharedNames)
	for _, name := range []func(tracking.Tracking) string{settings.Enabled, settings.Events, settings.Template} {
		for _, t := range tracking.All() {
			names = append(names, name(t))
		}
	}
	return names
}

// Check says what is wrong with parameters for any tracking; each of it once.
func Check(parameters map[string]string) error {
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

// List implements Backend. A file has no version.
func (d Directory) List(ctx context.Context) ([]settings.Stored, error) {
	values, err := d.Parameters(ctx, AllNames())
	if err != nil {
		return nil, err
	}
	var list []settings.Stored
	for _, name := range slices.Sorted(maps.Keys(values)) {
		info, err := os.Stat(d.File(name))
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

// Modified is when a parameter was last written; the zero time where it is not set.
func (s Store) Modified(ctx context.Context, name string) (time.Time, error) {
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

// Flag names the store on a command line that is shown to people, with a space before
// it; empty where it need not be named.
func (w Location) Flag() string {
	switch {
	case w.Prefix != "":
		return " --prefix " + w.Prefix
	case w.Dir != DefaultDir:
		return " --dir " + ShellQuote(w.Dir)
	default:
		return ""
	}
}

// ShellQuote makes one word of a text for a POSIX shell.
func ShellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
