package cli

import (
	"io"

	"commerce-segment/shared/chars"
)

// screen is the output of a command. Much of it comes from outside (ids of orders,
// names in Commerce, answers of Segment), and must not control the terminal.
type screen struct{ io.Writer }

// Write writes a text with its control characters escaped.
func (s screen) Write(p []byte) (int, error) {
	if _, err := s.Writer.Write(chars.Escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// below returns the writer of a screen, for binary output and to ask what it is.
func below(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok {
		return s.Writer
	}
	return w
}
