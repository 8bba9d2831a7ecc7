package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"commerce-segment/shared/settings"
)

// versionsFolder is the folder in a hub's directory with the templates that were replaced.
// Version 2 of templates/order-completed is versions/templates/order-completed/2.
const versionsFolder = "versions"

// Put implements settings.Store. It keeps the template that it replaces as a version, also
// if an editor wrote it.
func (d Directory) Put(ctx context.Context, name, value string) error {
	if strings.HasPrefix(name, "templates/") {
		if err := d.keep(ctx, name); err != nil {
			return err
		}
	}
	return d.settled(ctx, d.Dir.Put(ctx, name, value))
}

// PutTogether implements settings.Store.
func (d Directory) PutTogether(ctx context.Context, values map[string]string) error {
	return d.settled(ctx, d.Dir.PutTogether(ctx, values))
}

// settled waits after a save, if there is something to wait for. The values are saved even if
// other files are still being changed when the context ends.
func (d Directory) settled(ctx context.Context, err error) error {
	if err == nil && d.Settle != nil {
		_ = d.Settle(ctx)
	}
	return err
}

// keep copies the current template into the folder of versions.
func (d Directory) keep(ctx context.Context, name string) error {
	versions, err := d.Versions(ctx, name)
	if err != nil || len(versions) == 0 {
		return err
	}
	return d.PutVersion(ctx, versions[0])
}

// PutVersion writes a version of a template that was replaced.
func (d Directory) PutVersion(ctx context.Context, v settings.Stored) error {
	file := versionName(v.Name, v.Version)
	if err := d.Dir.Put(ctx, file, v.Value); err != nil {
		return err
	}
	if err := os.Chtimes(d.File(file), v.Modified, v.Modified); err != nil {
		return fmt.Errorf("keeping version %d of parameter %s: %w", v.Version, v.Name, err)
	}
	return nil
}

// versionName returns the name under which a version of a parameter is kept.
func versionName(name string, version int64) string {
	return path.Join(versionsFolder, name, strconv.FormatInt(version, 10))
}

// ApplyTagsAndKey implements Backend. A directory has nothing to add.
func (d Directory) ApplyTagsAndKey(context.Context) error { return nil }

// Versions implements Backend. In a directory, only templates have versions: those that Put
// replaced, and the current one.
func (d Directory) Versions(ctx context.Context, name string) ([]settings.Stored, error) {
	entries, err := os.ReadDir(d.File(path.Join(versionsFolder, name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the versions of parameter %s: %w", name, err)
	}
	var versions []settings.Stored
	for _, entry := range entries {
		number, err := strconv.ParseInt(entry.Name(), 10, 64)
		if err != nil {
			continue // keep did not write it
		}
		version, err := d.version(ctx, versionName(name, number))
		if err != nil {
			return nil, err
		}
		version.Name, version.Version = name, number
		versions = append(versions, version)
	}
	slices.SortFunc(versions, func(a, b settings.Stored) int { return cmp.Compare(b.Version, a.Version) })
	current, err := d.version(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(current.Value) == "" {
		return versions, nil
	}
	current.Version = 1
	if len(versions) > 0 {
		current.Version = versions[0].Version + 1
	}
	return slices.Insert(versions, 0, current), err
}

// version reads one file as a version.
func (d Directory) version(ctx context.Context, name string) (settings.Stored, error) {
	info, err := os.Stat(d.File(name))
	if err != nil {
		return settings.Stored{}, fmt.Errorf("reading parameter %s: %w", name, err)
	}
	values, err := d.Parameters(ctx, []string{name})
	return settings.Stored{Name: name, Value: values[name], Modified: info.ModTime()}, err
}
