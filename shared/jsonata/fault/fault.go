// Package fault says where in an expression something is wrong.
package fault

import (
	"errors"
	"fmt"
)

// Fault is an error at a line of the expression.
type Fault struct {
	Line int
	Err  error
}

func (f *Fault) Error() string { return f.Err.Error() }

func (f *Fault) Unwrap() error { return f.Err }

// At says where an error happened, unless it is known more precisely.
func At(line int, err error) error {
	if err == nil {
		return nil // before f, which errors.As moves to the heap
	}
	var f *Fault
	if errors.As(err, &f) {
		return err
	}
	return &Fault{Line: line, Err: err}
}

// Newf makes an error at a line.
func Newf(line int, format string, args ...any) error {
	return &Fault{Line: line, Err: fmt.Errorf(format, args...)}
}
