package picture

import (
	"fmt"
	"regexp"
	"sync"

	"commerce-segment/shared/jsonata/value"
)

// PayForPicture pays for reading a picture and for what it makes.
func PayForPicture(st *value.State, source string) error {
	if len(source) > maxPicture {
		return fmt.Errorf("the picture has more than %d bytes", maxPicture)
	}
	if err := st.Spend(5 + len(source)*len(source)/16); err != nil {
		return err
	}
	return st.Allocate(1024 + 16*len(source))
}

// InPicture adds to an error the picture that it is about, if that may be quoted.
func InPicture(st *value.State, source string, err error) error {
	if st.Literal(source) {
		return fmt.Errorf("%w (in %q)", err, source)
	}
	return err
}

// maxPicture bounds pictures, so that nothing they ask for is large.
const maxPicture = 256

// lazily is a regular expression that is compiled when it is first used. A function
// that starts has no time for those that its template may never use.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
