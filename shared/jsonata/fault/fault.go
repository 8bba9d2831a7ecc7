// Package fault attaches a line of the expression to an error. It is the only package of
// shared/jsonata that all others may import, because each of them can find an error. It
// does not depend on what an expression means.
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

// At returns err with a line. It returns err unchanged if it is nil, or if it already has a
// line, because that line is more precise.
func At(line int, err error) error {
	if err == nil {
		return nil // before e is declared: errors.As moves it to the heap
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

// Stop ends a compilation with an error at a line, which Catch returns. It does nothing if
// err is nil.
func Stop(line int, err error) {
	if err != nil {
		panic(stop{At(line, err)})
	}
}

// Stopf is Stop for a new error.
func Stopf(line int, format string, args ...any) {
	panic(stop{Newf(line, format, args...)})
}

// stop is the value with which Stop panics.
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
