package main

import (
	"io"

	"commerce-segment/shared/chars"
)

// screen is where a command's output goes. Much of it comes from outside (ids of orders,
// names in Commerce, answers of Segment), and none of that may command the terminal.
type screen struct{ io.Writer }

// Write writes a text whose control characters are spelled out.
func (s screen) Write(p []byte) (int, error) {
	if _, err := s.Writer.Write(chars.Escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// below is what a screen writes to: for what is not a text, or asks what it is.
func below(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok {
		return s.Writer
	}
	return w
}
