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

// TogetherFile is in a Dir where PutTogether writes all values before it writes each to its file.
// The names of parameters never begin with a dot.
const TogetherFile = ".together.json"

// together is the last change of several parameters. While Values is not empty, some of
// them may not be in their files yet.
type together struct {
	ID     string            `json:"id"` // random
	Values map[string]string `json:"values,omitempty"`
}

// PutTogether writes several parameters. Whoever reads them meanwhile gets the old values
// of all or the new ones of all, also where this process is killed halfway.
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

// Recover completes what PutTogether has begun, where its process was killed.
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

// lastTogether reads the last change of several parameters; nothing where there was none.
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

// RemoveTemporary removes the files of writers that were killed. Nothing may write
// meanwhile.
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
