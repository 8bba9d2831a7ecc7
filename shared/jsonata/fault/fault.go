// Package fault attaches a line of the expression to an error. It is the only room that
// all others may import, because each of them can find an error. It knows nothing of
// what an expression means.
package fault

import (
	"errors"
	"fmt"
)

// Error is an error at a line of the expression.
type Error struct {
	Line int // 1-based
	Err  error
}

// Error returns the message of Err, without the line.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// At returns err with a line, or err itself if it is nil or has a line already, which
// is then the more precise one.
func At(line int, err error) error {
	if err == nil {
		return nil // before e, which errors.As moves to the heap
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Line: line, Err: err}
}

// Newf returns an error at a line.
func Newf(line int, format string, args ...any) error {
	return &Error{Line: line, Err: fmt.Errorf(format, args...)}
}

// Stop ends a compilation with an error at a line, if there is an error. Catch returns it.
func Stop(line int, err error) {
	if err != nil {
		panic(stop{At(line, err)})
	}
}

// Stopf is Stop for a new error.
func Stopf(line int, format string, args ...any) {
	panic(stop{Newf(line, format, args...)})
}

// stop is what Stop panics with.
type stop struct{ err error }

// Catch sets err to the error of a Stop. It must be deferred.
func Catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case stop:
		*err = r.err
	default:
		panic(r)
	}
}
