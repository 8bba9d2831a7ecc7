package cli

import (
	"fmt"
	"io"
	"strings"
)

// progress shows how much is done: as a bar on a terminal, and otherwise as a line for
// each tenth.
type progress struct {
	w        io.Writer
	unit     string // what is counted, in the plural
	total    int
	bar      bool
	reported int // tenths; -1 at first
}

func newProgress(w io.Writer, unit string, total int) *progress {
	return &progress{w: w, unit: unit, total: total, bar: isTerminal(w), reported: -1}
}

const barWidth = 30

// at shows that count of the total are done.
func (p *progress) at(count int) {
	count = min(count, p.total)
	if p.bar {
		p.reported = 0
		filled := barWidth * count / max(p.total, 1)
		fmt.Fprintf(p.w, "\r[%s%s] %d/%d %s", strings.Repeat("#", filled), strings.Repeat(" ", barWidth-filled), count, p.total, p.unit)
		return
	}
	if tenth := 10 * count / max(p.total, 1); tenth > p.reported {
		p.reported = tenth
		fmt.Fprintf(p.w, "%s: %d of %d\n", p.unit, count, p.total)
	}
}

// done ends the line of the bar, if there is one.
func (p *progress) done() {
	if p.bar && p.reported >= 0 {
		fmt.Fprintln(p.w)
	}
}
