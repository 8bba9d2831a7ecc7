// Package picture formats and parses numbers, whole numbers and times by the pictures of
// XPath, such as "#,##0.00" and "[Y0001]-[M01]-[D01]". It knows no other functions of the
// language, and no syntax.
package picture

import (
	"fmt"
	"regexp"
	"sync"

	"commerce-segment/shared/jsonata/value"
)

// charge charges for parsing a picture and for formatting with it.
func charge(st *value.State, source string) error {
	if len(source) > maxPicture {
		return fmt.Errorf("the picture has more than %d bytes", maxPicture)
	}
	if err := st.Spend(5 + len(source)*len(source)/16); err != nil {
		return err
	}
	return st.Allocate(1024 + 16*len(source))
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

// lazyRegexp returns a function that compiles a regular expression at its first call. A
// Lambda function must not spend its start on expressions that its template may never
// use.
func lazyRegexp(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
