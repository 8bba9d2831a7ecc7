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

// Position is how far a backfill has come. It is kept in a file, for the next run to go
// on from where one was killed.
type Position struct {
	Kind      Kind      `json:"kind"`
	Source    string    `json:"source"` // names the Commerce store and its Segment source
	Only      []string  `json:"only,omitempty"`
	To        []string  `json:"to,omitempty"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
	Events    int       `json:"events"` // to send, as they were counted
	Resources int       `json:"resources"`
	Sent      int       `json:"sent"`
	Rejected  int       `json:"rejected"`
	Refusals  []Refusal `json:"refusals,omitempty"` // the first of them
	// At is the creation of the last order or customer that was told, and Passed are
	// the ids of those that were created at that very moment.
	At     string   `json:"at,omitempty"`
	Passed []string `json:"passed,omitempty"`

	file string
}

// NewPosition is the beginning of a backfill.
func NewPosition(file string, kind Kind, since, until time.Time, events int) *Position {
	return &Position{Kind: kind, Since: since, Until: until, Events: events, file: file}
}

// OpenPosition reads where a backfill was left; nil where none was.
func OpenPosition(file string) (*Position, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading how far the backfill has come: %w", err)
	}
	p := &Position{file: file}
	if err := json.Unmarshal(content, p); err != nil {
		return nil, fmt.Errorf("%s does not say how far the backfill has come (%w): remove it to begin anew", file, err)
	}
	return p, nil
}

// File is where it is kept.
func (p *Position) File() string { return p.file }

// from is where the list goes on.
func (p *Position) from() time.Time {
	at, err := time.Parse(time.RFC3339, p.At)
	if err != nil {
		return p.Since
	}
	return at
}

// isBehind says that a resource was told.
func (p *Position) isBehind(r *resource) bool {
	return r.CreatedAt == p.At && slices.Contains(p.Passed, r.ID)
}

// pass moves the position behind a resource.
func (p *Position) pass(r *resource) {
	if r.CreatedAt != p.At {
		p.At, p.Passed = r.CreatedAt, nil
	}
	p.Passed = append(p.Passed, r.ID)
	p.Resources++
}

// keep writes the position down. The file is whole whenever the program is killed.
func (p *Position) keep() error {
	content, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing how far the backfill has come: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.file), 0o700); err != nil {
		return fmt.Errorf("writing how far the backfill has come: %w", err)
	}
	if err := replaceWhole(p.file, content); err != nil {
		return fmt.Errorf("writing how far the backfill has come: %w", err)
	}
	return nil
}

// Forget removes the position: the backfill is done, or somebody begins it anew.
func (p *Position) Forget() error {
	if err := os.Remove(p.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting how far the backfill had come: %w", err)
	}
	return nil
}

// replaceWhole puts a file in another's place, and not before it is on the disk: whoever
// writes it too, or is killed, leaves a whole one.
func replaceWhole(name string, content []byte) error {
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
