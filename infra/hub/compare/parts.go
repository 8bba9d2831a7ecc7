package compare

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// partCount is the number of files into which messages are divided.
const partCount = 64

// parts divide the messages of both sides into temporary files: all messages with the same key
// are in the same file. So one file at a time is compared, in a small part of the memory that
// all messages need. Only the user can read the files.
type parts struct {
	dir     string
	files   [partCount]*os.File
	writers [partCount]*bufio.Writer
}

// newParts makes the files. The caller removes them.
func newParts() (*parts, error) {
	dir, err := os.MkdirTemp("", "hub-compare-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for temporary files: %w", err)
	}
	p := &parts{dir: dir}
	for i := range p.files {
		if p.files[i], err = os.Create(filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return nil, errors.Join(err, p.remove())
		}
		p.writers[i] = bufio.NewWriter(p.files[i])
		// Nothing is left if the program is killed. On Windows an open file cannot be removed:
		// there remove does it.
		_ = os.Remove(p.files[i].Name())
	}
	return p, nil
}

// remove closes and removes the files.
func (p *parts) remove() error {
	for _, file := range p.files {
		if file != nil {
			file.Close() // nothing reads it any more
		}
	}
	return os.RemoveAll(p.dir)
}

// The sides of a comparison, as the first byte of a line.
const (
	theirSide = 'T'
	ourSide   = 'O'
)

// add writes a message of a side.
func (p *parts) add(side byte, m Message) error {
	hash := fnv.New32a()
	io.WriteString(hash, m.key())
	w := p.writers[hash.Sum32()%partCount]
	var line bytes.Buffer
	line.WriteByte(side)
	if err := json.Compact(&line, m.json); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := w.Write(line.Bytes())
	return err
}

// keyMessages are the messages with the same key.
type keyMessages struct{ theirs, ours []Message }

// read returns the messages of a file by their keys.
func (p *parts) read(i int) (map[string]*keyMessages, error) {
	if err := p.writers[i].Flush(); err != nil {
		return nil, err
	}
	if _, err := p.files[i].Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	byKey := map[string]*keyMessages{}
	for in := bufio.NewReader(p.files[i]); ; {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return byKey, nil
		}
		if err != nil {
			return nil, err
		}
		m, err := Parse(line[1:])
		if err != nil {
			return nil, err
		}
		both := byKey[m.key()]
		if both == nil {
			both = &keyMessages{}
			byKey[m.key()] = both
		}
		if line[0] == theirSide {
			both.theirs = append(both.theirs, m)
		} else {
			both.ours = append(both.ours, m)
		}
	}
}
