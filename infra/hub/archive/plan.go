package archive

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Archive is a complete archive that this release can import.
type Archive struct {
	Begin
	Counts
	file     *os.File
	settings map[string]string
	versions []Version
}

// Open opens an archive and reads all of it. It returns an error if any part of it is damaged
// or missing, or if a later release wrote it. It keeps no event in memory.
func Open(file string) (*Archive, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	a := &Archive{file: f, settings: map[string]string{}}
	for line, err := range a.lines() {
		if err == nil {
			err = line.check()
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s cannot be imported: %w", file, err)
		}
		a.add(line)
		switch {
		case line.Setting != nil:
			a.settings[line.Setting.Name] = line.Setting.Value
		case line.Version != nil:
			a.versions = append(a.versions, *line.Version)
		}
	}
	return a, nil
}

// Close closes the file.
func (a *Archive) Close() error { return a.file.Close() }

// lines returns the lines after the first, which it checks and keeps.
func (a *Archive) lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if _, err := a.file.Seek(0, io.SeekStart); err != nil {
			yield(Line{}, err)
			return
		}
		unzipped, err := gzip.NewReader(a.file)
		if err != nil {
			yield(Line{}, checkBegin(nil))
			return
		}
		first := true
		for line, err := range Decode(unzipped) {
			if first && err == nil {
				first = false
				if err = checkBegin(line.Begin); err == nil {
					a.Begin = *line.Begin
					continue
				}
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// Action is what an import does with a setting.
type Action string

// The actions.
const (
	Add     Action = "add"
	Replace Action = "replace"
	Keep    Action = "keep"
)

// Change is a setting whose value in the store differs from that in the archive.
type Change struct {
	Action        Action
	Name          string
	Before, After string // empty for a secret
	Why           string // why the value of the store is kept
}

// Plan is what an import does.
type Plan struct {
	Changes  []Change
	Same     int      // settings that are equal already
	Missing  []string // secrets that neither the archive nor the store has
	Versions int      // of templates, to be added
	// LeftVersions are versions of templates that are not imported.
	LeftVersions int
	// Imported is how many events an earlier import from this machine put into the store.
	Imported int

	archive  *Archive
	store    store.Store
	current  map[string]string
	wanted   map[string]string
	versions []Version
	pauses   []tracking.Tracking // to be paused before the events are added
}

// Plan compares the archive with a store.
func (a *Archive) Plan(ctx context.Context, s store.Store) (*Plan, error) {
	current, err := s.Parameters(ctx, store.AllNames())
	if err != nil {
		return nil, err
	}
	p := &Plan{archive: a, store: s, current: current, wanted: map[string]string{}}
	for _, name := range store.AllNames() {
		p.compare(name, a.settings[name])
	}
	if p.Imported, err = s.Imported(ctx, a.ID); err != nil {
		return nil, fmt.Errorf("reading how many events were imported already: %w", err)
	}
	return p, errors.Join(p.planPauses(ctx), p.planVersions(ctx))
}

// Events returns how many events are still to be put into the store.
func (p *Plan) Events() int { return p.archive.Waiting + p.archive.Dead - p.Imported }

// IsEmpty reports whether there is nothing to import.
func (p *Plan) IsEmpty() bool {
	return len(p.wanted) == 0 && len(p.pauses) == 0 && p.Versions == 0 && p.Events() <= 0
}

// needsAPIToken reports whether the store will have a tracking that deletes users, which needs the
// token of Segment's Public API.
func (p *Plan) needsAPIToken() bool {
	return slices.ContainsFunc(tracking.All(), func(t tracking.Tracking) bool {
		name := settings.Enabled(t)
		return t.Call == tracking.Delete && p.store.CheckSetting(name) == nil && cmp.Or(p.archive.settings[name], p.current[name]) == "true"
	})
}

// compare plans what happens with one setting.
func (p *Plan) compare(name, value string) {
	if missing := p.store.CheckSetting(name); missing != nil && value != "" {
		p.Changes = append(p.Changes, Change{Action: Keep, Name: name, Why: missing.Error()})
		return
	}
	now := strings.TrimSpace(p.current[name])
	isInbox := name == settings.SegmentWriteKey && store.IsInboxKey(now)
	change := Change{Action: Add, Name: name, Before: p.current[name], After: value}
	switch {
	case value == "" && settings.IsSecret(name) && (name != settings.SegmentAPIToken || p.needsAPIToken()) && (now == "" || isInbox):
		p.Missing = append(p.Missing, name)
		return
	case value == "":
		return
	case now == strings.TrimSpace(value):
		p.Same++
		return
	case now != "" && name == settings.WebhookSecret:
		change.Action, change.Why = Keep, "Commerce may already send it: hub webhooks sync gives it to every webhook"
	case now != "":
		change.Action = Replace
	}
	if change.Action != Keep {
		p.wanted[name] = value
	}
	if settings.IsSecret(name) {
		change.Before, change.After = "", ""
	}
	p.Changes = append(p.Changes, change)
}

// planPauses plans which trackings are paused. An import resumes none.
func (p *Plan) planPauses(ctx context.Context) error {
	paused := slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return !settings.IsPaused(t, p.archive.settings) })
	if len(paused) == 0 {
		return nil
	}
	now, err := p.store.Pauses(ctx)
	if err != nil {
		return err
	}
	for _, t := range paused {
		if slices.ContainsFunc(now, func(pause store.Pause) bool { return pause.Tracking.Name == t.Name }) {
			p.Same++
			continue
		}
		p.pauses = append(p.pauses, t)
		p.Changes = append(p.Changes, Change{Action: Add, Name: settings.Paused(t), After: "true"})
	}
	return nil
}

// planVersions plans which versions of templates are written. In Parameter Store each would be
// live for a moment, and in a directory with versions of its own the numbers would clash.
func (p *Plan) planVersions(ctx context.Context) error {
	for _, name := range templateNames() {
		of := slices.DeleteFunc(slices.Clone(p.archive.versions), func(v Version) bool { return v.Name != name })
		if len(of) == 0 {
			continue
		}
		there, err := p.store.Versions(ctx, name)
		if err != nil {
			return err
		}
		if p.store.Deployment == nil && len(there) == 0 {
			p.versions = append(p.versions, of...)
			continue
		}
		for _, v := range of {
			if !slices.ContainsFunc(there, func(t settings.Stored) bool { return store.SameText(t.Value, v.Value) }) {
				p.LeftVersions++
			}
		}
	}
	p.Versions = len(p.versions)
	return nil
}

// writeSettings pauses trackings, and writes the versions and the settings. It returns the
// names of the settings that it wrote, also with an error.
func (p *Plan) writeSettings(ctx context.Context) (written []string, err error) {
	release, err := p.store.Saving(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	now, err := p.store.Parameters(ctx, store.AllNames())
	if err != nil {
		return nil, err
	}
	if err := store.CheckUnchanged(p.current, now, p.wanted); err != nil {
		return nil, fmt.Errorf("nothing was imported: %w", err)
	}
	if err := p.store.SetPaused(ctx, p.pauses, true); err != nil {
		return nil, fmt.Errorf("no event was imported: %w", err)
	}
	if err := p.store.AwaitPaused(ctx, p.pauses); err != nil {
		return nil, err
	}
	for _, t := range p.pauses {
		written = append(written, settings.Paused(t))
	}
	if d, isHere := p.store.Backend.(store.Directory); isHere {
		for _, v := range p.versions {
			if err := d.PutVersion(ctx, settings.Stored{Name: v.Name, Version: v.Version, Value: v.Value, Modified: v.Modified}); err != nil {
				return written, err
			}
		}
	}
	if len(p.wanted) == 0 {
		return written, nil
	}
	others, err := p.store.Write(ctx, now, p.wanted)
	return append(written, others...), err
}

var errChanged = errors.New("the file was changed during the import")
