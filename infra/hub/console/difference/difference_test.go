package difference

import (
	"fmt"
	"strings"
	"testing"
)

func TestTextsAreComparedSideBySide(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"the same", "a\nb", "a\nb\n", ""},
		{"a changed line", "a\nb\nc", "a\nx\nc", "1a=1a|2b~2x|3c=3c"},
		{"an inserted line", "a\nc", "a\nb\nc", "1a=1a|0~2b|2c=3c"},
		{"a deleted line", "a\nb\nc", "a\nc", "1a=1a|2b~0|3c=2c"},
		{"one line replaced by two", "a\nb", "a\nx\ny", "1a=1a|2b~2x|0~3y"},
		{"changes far apart", "1\n2\n3\n4\n5\n6\n7\n8\n9", "x\n2\n3\n4\n5\n6\n7\n8\ny",
			"11~1x|22=22|33=33|44=44|…|66=66|77=77|88=88|99~9y"},
		{"a change at the end", "1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\nx", "…|33=33|44=44|55=55|66~6x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			both, err := Compare("Before", c.before, "After", c.after)
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for _, r := range both.Rows {
				sign := "~"
				if r.Same {
					sign = "="
				}
				row := fmt.Sprint(r.OldLine, r.Old, sign, r.NewLine, r.New)
				if r.Gap {
					row = "…"
				}
				rows = append(rows, strings.ReplaceAll(row, " ", ""))
			}
			if got := strings.Join(rows, "|"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
