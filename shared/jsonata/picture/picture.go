// Package picture formats and parses numbers, whole numbers and times by the pictures of
// XPath, such as "#,##0.00" and "[Y0001]-[M01]-[D01]". It does not depend on the functions
// or the syntax of the language.
package picture

import (
	"fmt"

	"commerce-segment/shared/jsonata/value"
)

// charge charges for formatting or parsing by a picture.
func charge(st *value.State, source string) error {
	if len(source) > maxPicture {
		return fmt.Errorf("the picture has more than %d bytes", maxPicture)
	}
	if err := st.Spend(5 + len(source)*len(source)/16); err != nil {
		return err
	}
	return st.Allocate(64 + 4*len(source))
}

// parsed is the key under which an evaluation caches the pictures of a kind.
type parsed[P any] struct{}

// parsedOnce returns the picture that a key stands for. An evaluation parses a picture at
// its first use, and is charged for that once.
func parsedOnce[K comparable, P any](st *value.State, key K, source string, parse func() (P, error)) (p P, err error) {
	pictures, _ := st.Cached(parsed[P]{}).(map[K]P)
	if p, ok := pictures[key]; ok {
		return p, nil
	}
	if err := st.Allocate(1024 + 16*len(source)); err != nil {
		return p, err
	}
	if p, err = parse(); err != nil {
		return p, withPicture(st, source, err)
	}
	if pictures == nil {
		pictures = map[K]P{}
		st.Cache(parsed[P]{}, pictures)
	}
	pictures[key] = p
	return p, nil
}

// withPicture adds the text of the picture to an error, if an error may quote it.
func withPicture(st *value.State, source string, err error) error {
	if st.IsLiteral(source) {
		return fmt.Errorf("%w (in %q)", err, source)
	}
	return err
}

// Limits in bytes.
const (
	maxPicture = 256  // of a picture, which also limits the size of its results
	maxText    = 1000 // of a text that is parsed by a picture or as a timestamp
)
