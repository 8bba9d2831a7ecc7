package executions

import (
	"strings"
	"testing"
)

func TestATextIsFoundWhateverItsCase(t *testing.T) {
	texts := []string{"", "a", "A", "zz", "zzz", "Order-Completed:0b6f", "kp-10482", "KP-10482", "1310.00 EUR", "xAxaXa", "\xff\x00Z", "[`{@", "æÆ"}
	for _, text := range texts {
		for _, within := range texts {
			for _, around := range []string{"", "-", "Zq"} {
				body := around + within + around
				want := strings.Contains(foldASCII(body), foldASCII(text))
				if got := NewSearchText(text).IsIn([]byte(body)); got != want {
					t.Errorf("%q in %q: %t, want %t", text, body, got, want)
				}
			}
		}
	}
}

// foldASCII is the simple way to do it.
func foldASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, text)
}
