package cli

import (
	"fmt"
	"io"
	"strings"
)

// progress shows how far something has come: a bar where somebody watches, and
// elsewhere a line for each tenth.
type progress struct {
	w        io.Writer
	what     string
	total    int
	bar      bool
	reported int // tenths; -1 for nothing yet
}

func newProgress(w io.Writer, what string, total int) *progress {
	return &progress{w: w, what: what, total: total, bar: isTerminal(w), reported: -1}
}

const barWidth = 30

// at shows that so many of the total are done.
func (p *progress) at(count int) {
	count = min(count, p.total)
	if p.bar {
		p.reported = 0
		filled := barWidth * count / max(p.total, 1)
		fmt.Fprintf(p.w, "\r[%s%s] %d/%d %s", strings.Repeat("#", filled), strings.Repeat(" ", barWidth-filled), count, p.total, p.what)
		return
	}
	if tenth := 10 * count / max(p.total, 1); tenth > p.reported {
		p.reported = tenth
		fmt.Fprintf(p.w, "%s: %d of %d\n", p.what, count, p.total)
	}
}

// done leaves the bar's line, if there is one.
func (p *progress) done() {
	if p.bar && p.reported >= 0 {
		fmt.Fprintln(p.w)
	}
}
