// Package picture formats and parses numbers, whole numbers and times by the pictures of
// XPath, such as "#,##0.00" and "[Y0001]-[M01]-[D01]". It knows no other functions of the
// language, and no syntax.
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

// parsedOnce returns the picture that a key stands for. An evaluation parses it, and is
// charged for that, when it is first used.
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

// withPicture adds the picture to an error about it, if the picture may be quoted.
func withPicture(st *value.State, source string, err error) error {
	if st.IsLiteral(source) {
		return fmt.Errorf("%w (in %q)", err, source)
	}
	return err
}

// Limits in bytes.
const (
	maxPicture = 256  // of a picture, which bounds what it can ask for
	maxText    = 1000 // of a text that is parsed by a picture or as a timestamp
)
