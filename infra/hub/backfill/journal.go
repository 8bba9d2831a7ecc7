package backfill

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"commerce-segment/shared/commerce"
)

// Journal is a file that lists the facts that a backfill or a reconciliation has sent. The
// logs of the functions do not contain these facts: without the journal, each
// reconciliation would find them missing and send them again.
type Journal struct{ file string }

// OpenJournal returns the journal in a file. The file need not exist.
func OpenJournal(file string) *Journal { return &Journal{file} }

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

// add appends the keys of facts that were sent. It writes the line break before each key:
// an incomplete last line does not damage the next one.
func (j *Journal) add(keys []string) error {
	var lines bytes.Buffer
	for _, k := range keys {
		lines.WriteString("\n" + k)
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

// read returns the keys of the facts that were sent. An incomplete last line matches no
// fact, so that fact is sent again.
func (j *Journal) read() (map[string]bool, error) {
	sent := map[string]bool{}
	file, err := os.Open(j.file)
	if errors.Is(err, fs.ErrNotExist) {
		return sent, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal of sent events: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		sent[lines.Text()] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the journal of sent events: %w", err)
	}
	return sent, nil
}
