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

// Dir is a Source: a directory with a file for each parameter, whose path below
// the directory is the parameter's name. Dir(".hub") has its write key in
// .hub/segment/write-key. A directory that does not exist holds no parameters.
type Dir string

// Parameters reads the files, which are in UTF-8. A byte order mark at the beginning of
// a file and line ends at its end, which editors add, are not part of the value.
//
// Of parameters that PutTogether writes it gives one state.
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

// read reads the files as they are.
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

// readFile reads an ordinary file, or what a link to one names. To open a pipe would wait
// for who writes to it.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file: put a file with the value in its place", path)
	}
	return os.ReadFile(path)
}

// Put writes a parameter, readable by its owner only. Whoever reads it meanwhile
// gets the old value or the new one whole.
func (d Dir) Put(ctx context.Context, name, value string) error {
	path, err := d.path(name)
	if err == nil {
		err = d.Recover(ctx) // which would write over it later
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

// replace writes a file beside its final place and moves it there.
func replace(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// The names of parameters never begin with a dot: nobody reads this file.
	temporary, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // where it has not been moved away
	_, err = temporary.WriteString(content)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// path is where a parameter's file is: always below the directory.
func (d Dir) path(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	return filepath.Join(string(d), filepath.FromSlash(name)), nil
}

// checkName takes what Parameter Store allows in a name (letters, digits, and
// . - _ between slashes), less what a directory would take for something else: an
// element that begins with a dot.
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
