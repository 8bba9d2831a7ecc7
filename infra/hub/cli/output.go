package cli

import (
	"encoding/json"
	"io"
	"strconv"

	"commerce-segment/shared/chars"
)

// screen is the output of a command. Much of it comes from other systems (ids of orders,
// names in Commerce, answers of Segment), and must not control the terminal.
type screen struct{ io.Writer }

// Write writes text and escapes its control characters.
func (s screen) Write(p []byte) (int, error) {
	if _, err := s.Writer.Write(chars.Escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unescaped returns the writer below a screen, for binary output and to find out whether
// it is a terminal.
func unescaped(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok {
		return s.Writer
	}
	return w
}

// printJSON prints a value as indented JSON.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// orDash returns a number for a table, and a dash for 0.
func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
