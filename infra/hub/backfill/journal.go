package backfill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/commerce"
)

// Journal is a file that lists the facts that a backfill or a reconciliation has sent, each with
// its key and a line about it. The logs of the functions do not contain these facts: without the
// journal, each reconciliation would find them missing and send them again, and a trace would
// not show that they were sent.
type Journal struct {
	file string
	by   string // who sends now
}

// OpenJournal returns the journal in a file, for the events that the user or session by sends.
// The file need not exist.
func OpenJournal(file, by string) *Journal { return &Journal{file, by} }

// key returns the journal's name for a fact: the tracking and the resource.
func key(tracking, resource string) string { return tracking + " " + resource }

// key returns the journal's name for the fact. For a partial refund it includes the amount
// that was refunded in total.
func (f fact) key() string {
	k := key(f.by.Name, f.resource.ID)
	if f.isPartialRefund() {
		k += " " + strconv.FormatFloat(commerce.RefundOf(f.resource.payments).Amount, 'f', -1, 64)
	}
	return k
}

// entry is what the journal has about a fact.
type entry struct {
	// key is the fact's; empty if the fact is still missing in Segment, or in some of its
	// integrations.
	key  string
	line executions.Line
}

// text returns the entry as a line of the file. Those of an earlier release have only the key.
func (e entry) text() ([]byte, error) {
	line, err := json.Marshal(e.line)
	return slices.Concat([]byte(e.key), []byte{'\t'}, line), err
}

// add appends entries. It writes the line break before each one: an incomplete last line does
// not damage the next one.
func (j *Journal) add(entries []entry) error {
	var lines bytes.Buffer
	for _, e := range entries {
		text, err := e.text()
		if err != nil {
			return fmt.Errorf("writing the journal of sent events: %w", err)
		}
		lines.WriteByte('\n')
		lines.Write(text)
	}
	if err := os.MkdirAll(filepath.Dir(j.file), 0o700); err != nil {
		return fmt.Errorf("writing the journal of sent events: %w", err)
	}
	file, err := os.OpenFile(j.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("writing the journal of sent events: %w", err)
	}
	_, err = file.Write(lines.Bytes())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing the journal of sent events: %w", err)
	}
	return nil
}

// each calls do with the key and the rest of each line.
func (j *Journal) each(do func(key, line []byte)) error {
	file, err := os.Open(j.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the journal of sent events: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, line, _ := bytes.Cut(lines.Bytes(), []byte{'\t'})
		do(key, line)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the journal of sent events: %w", err)
	}
	return nil
}

// read returns the keys of the facts that were sent. An incomplete last line matches no
// fact, so that fact is sent again.
func (j *Journal) read() (map[string]bool, error) {
	sent := map[string]bool{}
	err := j.each(func(key, _ []byte) { sent[string(key)] = true })
	return sent, err
}

// linesOf returns the lines about the facts of a tracking that were sent, by the resources. What
// an earlier release has sent has an empty line.
func (j *Journal) linesOf(tracking string) (map[string]executions.Line, error) {
	lines := map[string]executions.Line{}
	err := j.each(func(key, text []byte) {
		if resource, ok := bytes.CutPrefix(key, []byte(tracking+" ")); ok {
			var line executions.Line
			_ = json.Unmarshal(text, &line) // an incomplete line is like an empty one
			lines[string(resource)] = line
		}
	})
	return lines, err
}

// Find returns the lines about an order or a customer, by its id or the beginning of it. What an
// earlier release has sent has no line.
func (j *Journal) Find(id string) (found []executions.Line, err error) {
	query := executions.Query{ID: id}
	err = j.each(func(_, text []byte) {
		if !bytes.Contains(text, []byte(id)) {
			return
		}
		var line executions.Line
		if json.Unmarshal(text, &line) == nil && query.Names(line.Resource) { // not an incomplete line
			found = append(found, line)
		}
	})
	return found, err
}

// Since returns the lines about what was sent since a time, the oldest first. What an earlier
// release has sent has no line.
func (j *Journal) Since(since time.Time) (found []executions.Line, err error) {
	err = j.each(func(_, text []byte) {
		var line executions.Line
		if json.Unmarshal(text, &line) == nil && !line.Time.Before(since) { // not an incomplete line
			found = append(found, line)
		}
	})
	return found, err
}
