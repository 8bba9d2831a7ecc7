// Package store is what an operator can read and change in a store, on this machine or
// deployed on AWS. The commands and the pages of the hub call it.
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

// Location is the store that the command line names.
type Location struct {
	Dir, Prefix string
}

// Store is a store in the hub's directory on this machine, or a deployed store.
type Store struct {
	Backend
	Location
	// Name describes where the settings are, for messages.
	Name string
	// SecretCommand is a shell command that prints the webhook secret, if the user is
	// allowed to read it.
	SecretCommand string
	// Takes is how long it takes until a change is in effect everywhere.
	Takes time.Duration
	// Deployment is nil for a store on this machine.
	Deployment *Deployment

	address string // see At
}

// Backend reads and writes the settings of a store.
type Backend interface {
	settings.Store
	// List returns the parameters that are set, without the values of secrets.
	List(context.Context) ([]settings.Stored, error)
	// Versions returns the versions of a parameter, the newest first. The current value is
	// one of them.
	Versions(ctx context.Context, name string) ([]settings.Stored, error)
	// ApplyTagsAndKey gives each parameter the tags that the stack wants it to have, and encrypts
	// the secrets with the key of the stack. The caller holds Saving.
	ApplyTagsAndKey(context.Context) error
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

// Trackings returns the trackings that the store has, in the order of the catalogue: all of
// them on this machine.
func (s Store) Trackings() []tracking.Tracking {
	if s.Deployment == nil {
		return tracking.All()
	}
	return s.Deployment.Trackings()
}

// CheckHas returns an error with what to do if the store does not have one of the trackings.
func (s Store) CheckHas(trackings ...tracking.Tracking) error {
	if s.Deployment == nil {
		return nil
	}
	var wrong []error
	for _, t := range trackings {
		wrong = append(wrong, s.Deployment.checkHas(t))
	}
	return errors.Join(wrong...)
}

// InDirectory returns the store in a directory.
func InDirectory(h Directory) Store {
	return Store{
		Backend:       h,
		Location:      Location{Dir: string(h.Dir)},
		Name:          "the directory " + string(h.Dir),
		SecretCommand: "cat " + ShellQuote(h.File(settings.WebhookSecret)),
	}
}

// hubKnowsWithin is how long a hub on this machine takes at most to read a changed setting.
const hubKnowsWithin = time.Second

// AwaitHub waits until a hub that runs with the store's directory knows the settings that were
// just written. On AWS it does not wait: see Takes.
func (s Store) AwaitHub() {
	if d, isLocal := s.Backend.(Directory); isLocal && errors.Is(d.CheckRunning(), ErrRunning) {
		time.Sleep(hubKnowsWithin)
	}
}

// sharedNames are the parameters that a store has once, in the order in which the hub asks
// for them and shows them.
var sharedNames = []string{
	settings.SegmentWriteKey, settings.SegmentHost, settings.SegmentPath,
	settings.SegmentAPIToken, settings.SegmentAPIHost,
	settings.CommerceTokenURL, settings.CommerceClientID, settings.CommerceClientSecret,
	settings.CommerceCurrencies, settings.WebhookSecret,
}

// AllNames returns the names of all known parameters of a store, here or on AWS.
func AllNames() []string { return namesOf(tracking.All()) }

// namesOf returns the names of the parameters of a store with these trackings.
func namesOf(trackings []tracking.Tracking) []string {
	names := slices.Clone(sharedNames)
	for _, name := range ofTracking {
		for _, t := range trackings {
			names = append(names, name(t))
		}
	}
	return names
}

// ofTracking returns the names of the parameters that each tracking has.
var ofTracking = []func(tracking.Tracking) string{settings.Enabled, settings.Events, settings.Template}

// namesInDirectory returns the names of all parameters that a hub's directory may have.
func namesInDirectory() []string {
	return slices.Concat(AllNames(), PausedNames(), []string{settings.WebhookAddress}, settings.AlertNames())
}

// Check returns an error that lists what is wrong with parameters for the trackings. It
// lists each problem once.
func Check(parameters map[string]string) error {
	var wrong []error
	listed := map[string]bool{}
	for _, t := range tracking.All() {
		_, err := settings.Parse(t, parameters)
		for _, err := range parts(err) {
			if !listed[err.Error()] {
				listed[err.Error()] = true
				wrong = append(wrong, err)
			}
		}
	}
	return errors.Join(wrong...)
}

// Missing returns an error that lists the parameters that are not set and without which no
// event is delivered. Check accepts that, because events are kept until they are set.
func Missing(parameters map[string]string) error {
	var missing []error
	for _, one := range []struct{ name, what string }{{settings.SegmentWriteKey, "write key"}, {settings.WebhookSecret, "webhook secret"}} {
		if strings.TrimSpace(parameters[one.name]) == "" {
			missing = append(missing, fmt.Errorf("there is no %s (%s)", one.what, one.name))
		}
	}
	return errors.Join(missing...)
}

// parts returns the errors that were joined into one.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// List implements Backend. The files of a directory have no version number.
func (d Directory) List(ctx context.Context) ([]settings.Stored, error) {
	values, err := d.Parameters(ctx, namesInDirectory())
	if err != nil {
		return nil, err
	}
	var list []settings.Stored
	for _, name := range slices.Sorted(maps.Keys(values)) {
		info, err := os.Stat(d.File(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was deleted after Parameters read it
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

// Modified returns the time when a parameter was last written, or the zero time if it is
// not set.
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

// Flag returns the flag that names the store in a command, with a space before it, or "" if
// the command needs no flag.
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

// ShellQuote quotes a text as one word for a POSIX shell.
func ShellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
