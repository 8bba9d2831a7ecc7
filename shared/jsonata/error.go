package jsonata

import (
	"errors"
	"fmt"

	"commerce-segment/shared/jsonata/fault"
	"commerce-segment/shared/jsonata/functions"
)

// Error is an error of an expression, at compile time or during an evaluation.
type Error struct {
	Line    int // 1-based; 0 if it is not known
	Message string
	// Said is the message that the expression passed to $error or $assert. Unlike Message,
	// it may contain personal data: show it to the user who made the request, and never log
	// it.
	Said string

	cause error
}

// Error returns the line, if it is known, and the message.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// Unwrap returns the cause, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// asError converts an error of one of the packages below to an *Error. It returns nil for
// nil.
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
