package settings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"commerce-segment/shared/chars"
)

// Dir is a Source: a directory with a file for each parameter. The path of the file below
// the directory is the name of the parameter. Dir(".hub") has its write key in
// .hub/segment/write-key. A directory that does not exist has no parameters.
type Dir string

// Parameters reads the files, which are in UTF-8. A byte order mark at the beginning of a
// file and line ends at its end, which editors add, are not part of the value.
//
// It returns the parameters that PutTogether writes all from before a change, or all from
// after it.
func (d Dir) Parameters(ctx context.Context, names []string) (map[string]string, error) {
	for {
		before, err := d.lastTogether()
		if err != nil {
			return nil, err
		}
		parameters, err := d.read(names)
		if err != nil {
			return nil, err
		}
		after, err := d.lastTogether()
		if err != nil {
			return nil, err
		}
		if before.ID == after.ID {
			for _, name := range names {
				if value, isSet := after.Values[name]; isSet {
					parameters[name] = value
				}
			}
			return parameters, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// read reads the files without regard to PutTogether.
func (d Dir) read(names []string) (map[string]string, error) {
	parameters := make(map[string]string, len(names))
	for _, name := range names {
		path, err := d.path(name)
		if err != nil {
			return nil, err
		}
		content, err := readFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("reading parameter %s: %w", name, err)
		default:
			decoded, err := chars.Decode(content)
			if err != nil {
				return nil, fmt.Errorf("reading parameter %s: %w", name, err)
			}
			parameters[name] = strings.TrimRight(string(decoded), "\r\n")
		}
	}
	return parameters, nil
}

// readFile reads a regular file, or the one that a link names. It does not open a pipe,
// because that would wait for a writer.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file: replace it by a file with the value", path)
	}
	return os.ReadFile(path)
}

// Put writes a parameter to a file that only its owner can read. A concurrent reader gets
// the complete old value or the complete new one.
func (d Dir) Put(ctx context.Context, name, value string) error {
	path, err := d.path(name)
	if err == nil {
		err = d.Recover(ctx) // otherwise a later Recover would overwrite the value
	}
	if err != nil {
		return err
	}
	if err := replace(path, value); err != nil {
		return fmt.Errorf("writing parameter %s: %w", name, err)
	}
	return nil
}

// temporaryPrefix begins the names of files that are being written.
const temporaryPrefix = ".put-"

// replace writes a temporary file in the same directory and renames it to path.
func replace(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// No parameter's name begins with a dot, so this file is never read as a parameter.
	temporary, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // if it was not renamed
	_, err = temporary.WriteString(content)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// path returns the path of a parameter's file, always below the directory.
func (d Dir) path(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	return filepath.Join(string(d), filepath.FromSlash(name)), nil
}

// checkName accepts the names that Parameter Store allows: letters, digits, and . - _
// between slashes. It rejects an element that begins with a dot, which has another meaning
// in a directory.
func checkName(name string) error {
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element[0] == '.' || strings.ContainsFunc(element, notInName) {
			return fmt.Errorf("%q is not the name of a parameter: "+
				"use letters, digits, - _ . and slashes between them, as in %s", name, SegmentWriteKey)
		}
	}
	return nil
}

func notInName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		return false
	}
	return true
}
