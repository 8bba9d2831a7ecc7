package backfill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Position is the progress of a backfill. It is saved in a file, so that the next run can
// continue after one that was killed.
type Position struct {
	Kind       Kind        `json:"kind"`
	Source     string      `json:"source"` // names the Commerce store and its Segment source
	Only       []string    `json:"only,omitempty"`
	To         []string    `json:"to,omitempty"`
	Again      bool        `json:"again,omitempty"` // also what was sent before
	Since      time.Time   `json:"since"`
	Until      time.Time   `json:"until"`
	Events     int         `json:"events"` // the number of events to send, from the plan
	Resources  int         `json:"resources"`
	Sent       int         `json:"sent"`
	Lacking    int         `json:"lacking,omitempty"` // sent messages that lack optional fields
	Rejected   int         `json:"rejected"`
	Rejections []Rejection `json:"rejections,omitempty"` // the first of the rejected facts
	// At is when the last processed order or customer was created, and Passed has the ids
	// of the processed ones that were created at that time.
	At     string   `json:"at,omitempty"`
	Passed []string `json:"passed,omitempty"`

	file string
}

// NewPosition returns the position of a backfill that has not begun.
func NewPosition(file string, kind Kind, since, until time.Time, events int) *Position {
	return &Position{Kind: kind, Since: since, Until: until, Events: events, file: file}
}

// OpenPosition reads the position of an unfinished backfill. It returns nil if there is none.
func OpenPosition(file string) (*Position, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the position of the backfill: %w", err)
	}
	p := &Position{file: file}
	if err := json.Unmarshal(content, p); err != nil {
		return nil, fmt.Errorf("%s is not a valid position of a backfill (%w): remove the file to start again", file, err)
	}
	return p, nil
}

// File returns the name of the file of the position.
func (p *Position) File() string { return p.file }

// from returns the creation time from which the list continues.
func (p *Position) from() time.Time {
	at, err := time.Parse(time.RFC3339, p.At)
	if err != nil {
		return p.Since
	}
	return at
}

// hasPassed reports whether the resource was processed.
func (p *Position) hasPassed(r *resource) bool {
	return r.CreatedAt == p.At && slices.Contains(p.Passed, r.ID)
}

// pass moves the position past a resource.
func (p *Position) pass(r *resource) {
	if r.CreatedAt != p.At {
		p.At, p.Passed = r.CreatedAt, nil
	}
	p.Passed = append(p.Passed, r.ID)
	p.Resources++
}

// save writes the position to its file. The file stays complete if the program is killed.
func (p *Position) save() error {
	content, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("saving the position of the backfill: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.file), 0o700); err != nil {
		return fmt.Errorf("saving the position of the backfill: %w", err)
	}
	if err := replaceFile(p.file, content); err != nil {
		return fmt.Errorf("saving the position of the backfill: %w", err)
	}
	return nil
}

// Forget removes the file of the position: the backfill is done, or the user starts it
// again.
func (p *Position) Forget() error {
	if err := os.Remove(p.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the position of the backfill: %w", err)
	}
	return nil
}

// replaceFile replaces the content of a file in one step, after the new content is on the
// disk: the file stays complete if the program is killed, or if another one writes it too.
func replaceFile(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
