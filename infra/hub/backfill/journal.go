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

// Journal is a file that lists the facts which were sent from here. No function has
// seen them, so its log does not have them: without the journal they would be missing
// for ever, and be sent again.
type Journal struct{ file string }

// OpenJournal is the journal in a file, which need not exist.
func OpenJournal(file string) *Journal { return &Journal{file} }

// key names a fact of a resource.
func key(tracking, resource string) string { return tracking + " " + resource }

// key names the fact; of an order's parts that were refunded, how much it was by then.
func (f fact) key() string {
	k := key(f.by.Name, f.resource.ID)
	if f.isPart() {
		k += " " + strconv.FormatFloat(commerce.RefundOf(f.resource.payments).Amount, 'f', -1, 64)
	}
	return k
}

// add writes down what was sent. Each key begins its line, lest a line that was cut off
// spoil the one behind it.
func (j *Journal) add(keys []string) error {
	var lines bytes.Buffer
	for _, k := range keys {
		lines.WriteString("\n" + k)
	}
	if err := os.MkdirAll(filepath.Dir(j.file), 0o700); err != nil {
		return fmt.Errorf("writing down what was sent: %w", err)
	}
	file, err := os.OpenFile(j.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("writing down what was sent: %w", err)
	}
	_, err = file.Write(lines.Bytes())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing down what was sent: %w", err)
	}
	return nil
}

// read gives what was sent. A last line that was cut off names nothing, and so is sent
// again.
func (j *Journal) read() (map[string]bool, error) {
	sent := map[string]bool{}
	file, err := os.Open(j.file)
	if errors.Is(err, fs.ErrNotExist) {
		return sent, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was sent from here: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		sent[lines.Text()] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading what was sent from here: %w", err)
	}
	return sent, nil
}
