// Package template compiles and applies JSONata templates, safely.
package template

import (
	"context"
	"errors"
)

// ErrInput means that the input itself cannot be given to any template, for
// example a number beyond the range of a double. Nobody can mend that in a template.
var ErrInput = errors.New("input")

// Template is a compiled template, safe for use by many goroutines at once.
type Template struct{}

// Compile checks and compiles a template. The name appears in errors. Its error
// is an *Error that says template, line, construct and what to write instead.
func Compile(name, source string) (*Template, error) { panic("not yet") }

// Error is what is wrong with a template, at compile time or while applying it.
type Error struct {
	Template string
	Line     int // 1-based; 0 where it is not known
	Message  string
}

func (e *Error) Error() string { panic("not yet") }

// Apply gives the template a webhook body and returns the Segment messages that
// it wrote, in order: none, one, or several. It takes the body over (it may
// change it). Each message is an object ready for encoding/json; whatever else
// the template gave (a number, a list of lists …) is an *Error.
func (t *Template) Apply(ctx context.Context, body map[string]any) ([]map[string]any, error) {
	panic("not yet")
}

// Eval evaluates the template on any JSON and returns the result as JSON, nil
// where it is undefined. Bindings are JSON values for $name variables.
func (t *Template) Eval(ctx context.Context, input []byte, bindings map[string][]byte) ([]byte, error) {
	panic("not yet")
}
