package compare

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
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

// read iterates over the messages of a file, and their sides. It ends after an error.
func (p *parts) read(i int) iter.Seq2[sideMessage, error] {
	return func(yield func(sideMessage, error) bool) {
		err := p.writers[i].Flush()
		if err == nil {
			_, err = p.files[i].Seek(0, io.SeekStart)
		}
		for in := bufio.NewReader(p.files[i]); err == nil; {
			var line []byte
			var m Message
			if line, err = in.ReadBytes('\n'); err == nil {
				m, err = Parse(line[1:])
			}
			if err == nil && !yield(sideMessage{line[0], m}, nil) {
				return
			}
		}
		if err != io.EOF {
			yield(sideMessage{}, err)
		}
	}
}

// sideMessage is a message of a side.
type sideMessage struct {
	side byte
	Message
}
