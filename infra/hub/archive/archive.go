// Package archive writes a store into one file, and reads the file into another store: for a
// backup, and to move a store from a machine to AWS or back.
//
// The file is JSON Lines, compressed with gzip. The first line is a Begin, the last an End with
// the number of the lines between them:
//
//	{"begin":{"format":"commerce-segment","version":1,"id":"…","at":"…","from":"…"}}
//	{"setting":{"name":"tracking/order-updated/enabled","value":"false"}}
//	{"version":{"name":"templates/order-completed","version":3,"modified":"…","value":"…"}}
//	{"waiting":{"tracking":"order-completed","received":"…","body":"…","receives":2,"due":"…"}}
//	{"dead":{"tracking":"order-completed","received":"…","body":"…","failure":{…},"failed_at":"…"}}
//	{"end":{"lines":4}}
//
// A file without its End, or with a wrong checksum of gzip, is not complete, and nothing of it
// is imported. A new field needs no new version: unknown fields are ignored.
package archive

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

const (
	format  = "commerce-segment"
	version = 1
	// maxLine is the longest line that is read, in bytes: a body or a record in base64, and what
	// is around it.
	maxLine = relay.MaxBody/3*4 + 1<<20
)

// Line is a line of an archive. Exactly one of its fields is set.
type Line struct {
	Begin   *Begin   `json:"begin,omitempty"`
	Setting *Setting `json:"setting,omitempty"`
	Version *Version `json:"version,omitempty"`
	Waiting *Waiting `json:"waiting,omitempty"`
	Dead    *Dead    `json:"dead,omitempty"`
	End     *End     `json:"end,omitempty"`
}

// Begin describes an archive.
type Begin struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	ID      string    `json:"id"` // random
	At      time.Time `json:"at"`
	From    string    `json:"from"`    // the store, in words
	Secrets bool      `json:"secrets"` // the archive contains the secrets that are set
}

// Setting is the value of a parameter.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Version is a version of a template that was replaced.
type Version struct {
	Name     string    `json:"name"`
	Version  int64     `json:"version"`
	Modified time.Time `json:"modified"`
	Value    string    `json:"value"`
}

// Event is an envelope and its tracking.
type Event struct {
	Tracking  string    `json:"tracking"`
	Received  time.Time `json:"received"`
	Presented []byte    `json:"presented,omitempty"` // the SHA-256 of a key that was not verified yet
	Body      []byte    `json:"body"`
	// Record is what a directory stores of an event that this release cannot read, and Message
	// is what SQS stores. Another release wrote it, or it is damaged. It is imported unchanged,
	// and only into a store of the same kind. The body is then empty.
	Record  []byte `json:"record,omitempty"`
	Message string `json:"message,omitempty"`
}

// Waiting is a waiting event.
type Waiting struct {
	Event
	Receives int       `json:"receives"`
	Due      time.Time `json:"due,omitzero"`     // the next attempt
	Reason   string    `json:"reason,omitempty"` // of the last failure
	// NotBefore is until when the receiver asked not to be sent the event.
	NotBefore time.Time `json:"not_before,omitzero"`
}

// Dead is a dead letter.
type Dead struct {
	Event
	Failure  Failure   `json:"failure"`
	FailedAt time.Time `json:"failed_at,omitzero"`
}

// Failure is a relay.Failure.
type Failure struct {
	Tracking string `json:"tracking,omitempty"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail,omitempty"`
	Resource string `json:"resource,omitempty"`
	Receives int    `json:"receives"`
}

// End has the number of lines between the first and the last.
type End struct {
	Lines int `json:"lines"`
}

func eventOf(name string, e relay.Envelope) Event {
	event := Event{Tracking: name, Received: e.Received, Body: e.Body}
	if e.Presented != nil {
		event.Presented = e.Presented[:]
	}
	return event
}

// envelope returns the envelope of an event that check accepted.
func (e Event) envelope() relay.Envelope {
	envelope := relay.Envelope{Received: e.Received, Body: e.Body}
	if e.Presented != nil {
		envelope.Presented = (*commerce.Digest)(e.Presented)
	}
	return envelope
}

// check returns an error if an event cannot be imported.
func (e Event) check() error {
	if e.Presented != nil && len(e.Presented) != len(commerce.Digest{}) {
		return fmt.Errorf("an event has a digest of %d bytes instead of %d", len(e.Presented), len(commerce.Digest{}))
	}
	if len(e.Body) > relay.MaxBody {
		return fmt.Errorf("the body of an event has %d bytes, and at most %d are allowed", len(e.Body), relay.MaxBody)
	}
	_, err := tracking.ByName(e.Tracking)
	return err
}

// check returns an error if the line is none that this release imports.
func (l Line) check() error {
	switch {
	case l.Waiting != nil:
		return l.Waiting.check()
	case l.Dead != nil:
		return l.Dead.check()
	case l.Setting != nil:
		if slices.Contains(store.AllNames(), l.Setting.Name) || slices.Contains(store.PausedNames(), l.Setting.Name) {
			return nil
		}
	case l.Version != nil:
		if slices.Contains(templateNames(), l.Version.Name) && l.Version.Version > 0 {
			return nil
		}
	}
	return errors.New("it has a line that this release does not know: import it with the release that wrote it")
}

// Encoder writes lines, and counts them.
type Encoder struct {
	lines int
	json  *json.Encoder
}

// NewEncoder returns an Encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &Encoder{json: encoder}
}

// Write writes a line.
func (e *Encoder) Write(l Line) error {
	e.lines++
	return e.json.Encode(l)
}

// End writes the last line. Without it, a reader knows that the lines are not complete.
func (e *Encoder) End() error { return e.json.Encode(Line{End: &End{e.lines}}) }

var errTorn = errors.New("it ends too early. Nothing was imported: export the store again, or copy the file again")

// Decode returns the lines until the End, without it. The error of the last one says why the
// lines are not complete.
func Decode(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
		lines := 0
		for scanner.Scan() {
			var line Line
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				yield(Line{}, fmt.Errorf("line %d is not JSON as this program writes it", lines+1))
				return
			}
			if line.End != nil {
				more := scanner.Scan() // the checksum of gzip is after the last line
				switch err := scanner.Err(); {
				case err != nil:
					yield(Line{}, readError(err))
				case line.End.Lines != lines || more:
					yield(Line{}, fmt.Errorf("it has %d lines, and its last line says %d: it was changed after the export", lines, line.End.Lines))
				}
				return
			}
			lines++
			if !yield(line, nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield(Line{}, readError(err))
			return
		}
		yield(Line{}, errTorn)
	}
}

// readError returns the error of a reader in words.
func readError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errTorn
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("its checksum is wrong: it was damaged after the export")
	}
	return err
}

// checkBegin returns an error if this release cannot read the archive.
func checkBegin(b *Begin) error {
	switch {
	case b == nil || b.Format != format || b.ID == "":
		return errors.New("it is not a file of hub export")
	case b.Version > version:
		return fmt.Errorf("a later release of hub wrote it (version %d, and this release reads version %d): import it with that release", b.Version, version)
	}
	return nil
}

// templateNames returns the names of the parameters with templates.
func templateNames() []string {
	var names []string
	for _, t := range tracking.All() {
		names = append(names, settings.Template(t))
	}
	return names
}
