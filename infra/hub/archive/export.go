package archive

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// Events writes a store's waiting events and dead letters.
type Events func(ctx context.Context, write func(Line) error) error

// FromQueues returns the events of a hub's queues. It removes none of them.
func FromQueues(queues *queue.Store) Events {
	return func(ctx context.Context, write func(Line) error) error {
		for _, t := range tracking.All() {
			err := queues.Queue(t.Name).Copy(
				func(w queue.Event) error { return errors.Join(ctx.Err(), write(waitingLine(t, w))) },
				func(d queue.Dead) error { return errors.Join(ctx.Err(), write(deadLine(t, d))) },
			)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
		return nil
	}
}

// FromDeployment returns the dead letters of a deployed store. The waiting events are not
// included: SQS only hands them out to be delivered.
func FromDeployment(d *store.Deployment) Events {
	return func(ctx context.Context, write func(Line) error) error {
		for _, t := range d.Trackings() {
			letters, err := d.DeadLetterQueue(t)
			if err != nil {
				return err
			}
			list, err := letters.List(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			for _, l := range list {
				if err := write(messageLine(t, l)); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// waitingLine returns the line of a waiting event.
func waitingLine(t tracking.Tracking, w queue.Event) Line {
	event := eventOf(t.Name, w.Envelope)
	event.Record = w.Record
	return Line{Waiting: &Waiting{Event: event, Receives: w.Receives, Due: w.Due, Reason: w.Reason, NotBefore: w.NotBefore}}
}

// deadLine returns the line of a dead letter in a directory.
func deadLine(t tracking.Tracking, d queue.Dead) Line {
	event := eventOf(t.Name, d.Envelope)
	if event.Record = d.Record; d.Record != nil {
		event.Body = nil // the same
	}
	return Line{Dead: &Dead{Event: event, Failure: Failure(d.Failure), FailedAt: d.FailedAt}}
}

// messageLine returns the line of a dead letter on SQS.
func messageLine(t tracking.Tracking, l spool.DeadLetter) Line {
	event := eventOf(t.Name, l.Envelope)
	if l.Err != nil { // then the body is the text of the message
		event.Message, event.Body = string(l.Envelope.Body), nil
	}
	return Line{Dead: &Dead{Event: event, Failure: Failure(l.Failure), FailedAt: l.FailedAt}}
}

func (d Dead) letter() queue.Dead {
	letter := spool.DeadLetter{Envelope: d.envelope(), Failure: relay.Failure(d.Failure), FailedAt: d.FailedAt}
	return queue.Dead{DeadLetter: letter, Record: d.Record}
}

// Counts counts the contents of an archive.
type Counts struct {
	Settings                int // that differ from the defaults; not of an opened archive
	Versions, Waiting, Dead int
}

// add counts a line.
func (c *Counts) add(l Line) {
	switch {
	case l.Version != nil:
		c.Versions++
	case l.Waiting != nil:
		c.Waiting++
	case l.Dead != nil:
		c.Dead++
	}
}

// ExportFile writes a store into a new file that only its owner can read. The file appears
// when it is complete. Without events, the archive has only the settings and templates.
func ExportFile(ctx context.Context, file string, s store.Store, events Events, secrets bool) (counts Counts, err error) {
	if _, err := os.Lstat(file); err == nil {
		return Counts{}, fmt.Errorf("%s exists: choose another name", file)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // mode 0600
	if err != nil {
		return Counts{}, err
	}
	defer os.Remove(temporary.Name()) // if it was not renamed
	counts, err = Export(ctx, temporary, s, events, secrets)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return Counts{}, fmt.Errorf("exporting %s: %w", s.Name, err)
	}
	return counts, os.Rename(temporary.Name(), file)
}

// Export writes a store as an archive.
func Export(ctx context.Context, w io.Writer, s store.Store, events Events, secrets bool) (counts Counts, err error) {
	zipped, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // a valid level never fails
	lines := NewEncoder(zipped)
	write := func(l Line) error {
		counts.add(l)
		return lines.Write(l)
	}
	steps := []func() error{
		func() error {
			return lines.Write(Line{Begin: &Begin{format, version, rand.Text(), time.Now().UTC(), s.Name, secrets}})
		},
		func() (err error) {
			counts.Settings, err = exportSettings(ctx, s, secrets, write)
			return err
		},
		func() error { return exportVersions(ctx, s, write) },
		func() error {
			if events == nil {
				return nil
			}
			return events(ctx, write)
		},
		lines.End,
		zipped.Close,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Counts{}, err
		}
	}
	return counts, nil
}

// exportSettings writes the settings that are set, and returns how many of them differ from the
// defaults: a deployment sets the others too. The write key of a hub's own inbox is not one of
// them: each hub makes its own.
func exportSettings(ctx context.Context, s store.Store, secrets bool, write func(Line) error) (differ int, err error) {
	names := store.AllNames()
	if s.Deployment == nil { // on AWS no setting pauses a tracking
		names = append(names, store.PausedNames()...)
	}
	values, err := s.Parameters(ctx, names)
	if err != nil {
		return 0, err
	}
	defaults := s.Defaults()
	for _, name := range names {
		value := values[name]
		switch {
		case strings.TrimSpace(value) == "",
			settings.IsSecret(name) && !secrets,
			name == settings.SegmentWriteKey && store.IsInboxKey(value):
			continue
		}
		if err := write(Line{Setting: &Setting{name, value}}); err != nil {
			return 0, err
		}
		if !store.SameText(value, defaults[name]) {
			differ++
		}
	}
	return differ, nil
}

// exportVersions writes the versions of templates that were replaced, the oldest first.
func exportVersions(ctx context.Context, s store.Store, write func(Line) error) error {
	live, err := s.Parameters(ctx, templateNames())
	if err != nil {
		return err
	}
	for _, name := range templateNames() {
		versions, err := s.Versions(ctx, name)
		if err != nil {
			return err
		}
		for i, v := range slices.Backward(versions) {
			if i == 0 && store.SameText(v.Value, live[name]) {
				continue // it is one of the settings
			}
			if err := write(Line{Version: &Version{name, v.Version, v.Modified, v.Value}}); err != nil {
				return err
			}
		}
	}
	return nil
}
