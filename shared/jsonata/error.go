package jsonata

import (
	"errors"
	"fmt"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/functions"
)

// Error is what is wrong with an expression, at compile time or while it is evaluated.
type Error struct {
	Line    int // 1-based; 0 where it is not known
	Message string
	// Said is what the expression gave to $error or $assert, if that was it. Unlike
	// Message it may hold personal data: show it to who asked, never log it.
	Said string

	cause error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// Unwrap returns the cause, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// asError makes an *Error of an error of the rooms below; nil stays nil.
func asError(err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Message: err.Error(), cause: err}
	var f *fault.Error
	if errors.As(err, &f) {
		e.Line, e.Message = f.Line, f.Err.Error()
	}
	var s *functions.RaisedError
	if errors.As(err, &s) {
		e.Said = s.Text
	}
	return e
}
