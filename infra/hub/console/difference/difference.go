// Package difference compares two texts line by line, side by side.
package difference

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Sides is two texts side by side: the lines that differ, and three lines of context. It has no
// rows if the texts are the same.
type Sides struct {
	From, To string // the titles of the texts
	Rows     []row
}

// row is a line of both texts.
type row struct {
	Old, New  string
	OldLine   int  // 0 if only the new text has the line
	NewLine   int  // 0 if only the old text has the line
	Same, Gap bool // Gap stands for equal lines that are left out
}

// Compare compares two texts. The names from and to are their titles.
func Compare(from, before, to, after string) (Sides, error) {
	before, after = withEnd(before), withEnd(after)
	unified, err := udiff.ToUnifiedDiff("", "", before, udiff.Lines(before, after), udiff.DefaultContextLines)
	if err != nil {
		return Sides{}, fmt.Errorf("comparing two texts: %w", err)
	}
	both := Sides{From: from, To: to}
	for i, hunk := range unified.Hunks {
		if i > 0 || hunk.FromLine > 1 && hunk.ToLine > 1 {
			both.Rows = append(both.Rows, row{Gap: true})
		}
		both.Rows = append(both.Rows, sideBySide(hunk)...)
	}
	return both, nil
}

// withEnd returns a text with exactly one line end at its end: editors add one, and templates in
// a directory have none.
func withEnd(text string) string { return strings.TrimRight(text, "\r\n") + "\n" }

// sideBySide puts the deleted lines of a hunk next to the inserted ones.
func sideBySide(hunk *udiff.Hunk) []row {
	var rows []row
	old, now := hunk.FromLine, hunk.ToLine
	next := 0 // the first row without an inserted line
	for _, line := range hunk.Lines {
		content := strings.TrimSuffix(line.Content, "\n")
		switch line.Kind {
		case udiff.Delete:
			rows = append(rows, row{Old: content, OldLine: old})
			old++
		case udiff.Insert:
			if next == len(rows) {
				rows = append(rows, row{})
			}
			rows[next].New, rows[next].NewLine = content, now
			next++
			now++
		default:
			rows = append(rows, row{Old: content, New: content, OldLine: old, NewLine: now, Same: true})
			old++
			now++
			next = len(rows)
		}
	}
	return rows
}
