// Package difference puts two texts side by side.
package difference

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Sides is two texts side by side: the lines that differ, and three around them. There
// are no rows where none differs.
type Sides struct {
	From, To string // what the texts are
	Rows     []row
}

// row is a line of both.
type row struct {
	Old, New  string
	OldLine   int // 0 where the old text has no such line
	NewLine   int
	Same, Gap bool // Gap stands for lines that are the same, and left out
}

// Compare puts two texts side by side.
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
		both.Rows = append(both.Rows, beside(hunk)...)
	}
	return both, nil
}

// withEnd is a text that ends with one line end, as a directory's templates do not and
// those of editors do.
func withEnd(text string) string { return strings.TrimRight(text, "\r\n") + "\n" }

// beside puts the lines that a hunk takes away beside those that it puts in their place.
func beside(hunk *udiff.Hunk) []row {
	var rows []row
	old, now := hunk.FromLine, hunk.ToLine
	next := 0 // the first row that still lacks a new line
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
