package cli

import (
	"strings"
	"testing"
)

func TestProgressIsABarOnATerminalAndLinesOtherwise(t *testing.T) {
	for _, c := range []struct {
		name   string
		bar    bool
		total  int
		counts []int
		shows  string
	}{
		{"a bar that grows on one line", true, 2, []int{1, 2}, "\r[" + strings.Repeat("#", 15) + strings.Repeat(" ", 15) + "] 1/2 eggs\r[" + strings.Repeat("#", 30) + "] 2/2 eggs\n"},
		{"no bar without progress", true, 0, nil, ""},
		{"a line for each tenth", false, 100, []int{1, 2, 9, 10, 11, 25, 100}, "eggs: 1 of 100\neggs: 10 of 100\neggs: 25 of 100\neggs: 100 of 100\n"},
		{"a line for each of a few", false, 2, []int{1, 2}, "eggs: 1 of 2\neggs: 2 of 2\n"},
		{"never more than the total", false, 2, []int{3}, "eggs: 2 of 2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var shown strings.Builder
			p := newProgress(&shown, "eggs", c.total)
			p.bar = c.bar
			for _, count := range c.counts {
				p.at(count)
			}
			p.done()
			if shown.String() != c.shows {
				t.Errorf("it shows %q, want %q", shown.String(), c.shows)
			}
		})
	}
}
