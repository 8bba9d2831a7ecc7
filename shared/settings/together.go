package settings

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// TogetherFile is the file of a Dir to which PutTogether writes all values before it writes
// each one to its file. No parameter's name begins with a dot.
const TogetherFile = ".together.json"

// together is the last change of several parameters. While Values is not empty, some of
// them may not be in their files yet.
type together struct {
	ID     string            `json:"id"` // random
	Values map[string]string `json:"values,omitempty"`
}

// PutTogether writes several parameters. A concurrent reader gets all old values or all new
// ones, even if this process is killed meanwhile.
func (d Dir) PutTogether(ctx context.Context, values map[string]string) error {
	if err := d.Recover(ctx); err != nil {
		return err
	}
	for name := range values {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if err := d.note(together{ID: rand.Text(), Values: values}); err != nil {
		return err
	}
	return d.Recover(ctx)
}

// Recover completes a PutTogether whose process was killed.
func (d Dir) Recover(_ context.Context) error {
	begun, err := d.lastTogether()
	if err != nil {
		return err
	}
	if len(begun.Values) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(begun.Values)) {
		path, err := d.path(name)
		if err != nil {
			return err
		}
		if err := replace(path, begun.Values[name]); err != nil {
			return fmt.Errorf("writing parameter %s: %w", name, err)
		}
	}
	return d.note(together{ID: rand.Text()})
}

// note writes TogetherFile.
func (d Dir) note(t together) error {
	content, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(string(d), TogetherFile), string(content)); err != nil {
		return fmt.Errorf("writing parameters together: %w", err)
	}
	return nil
}

// lastTogether returns the last change of several parameters. It is empty if there was
// none.
func (d Dir) lastTogether() (last together, err error) {
	file := filepath.Join(string(d), TogetherFile)
	content, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return together{}, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &last)
	}
	if err != nil {
		return together{}, fmt.Errorf("reading %s, which holds parameters that change together (remove it if it is damaged): %w", file, err)
	}
	return last, nil
}

// RemoveTemporary removes the temporary files of writers that were killed. Nothing may
// write at the same time.
func (d Dir) RemoveTemporary() error {
	err := filepath.WalkDir(string(d), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasPrefix(entry.Name(), temporaryPrefix) {
			err = os.Remove(path)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("removing temporary files below %s: %w", d, err)
	}
	return nil
}
