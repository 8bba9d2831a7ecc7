package regex

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// folds maps a character to the characters that the flag i makes equal to it: those with
// the same upper case. Characters above U+FFFF have none, because JavaScript folds their
// two surrogates separately.
var folds = sync.OnceValue(func() map[rune][]rune {
	lower := map[rune][]rune{}
	for r := rune(0); r <= 0xFFFF; r++ {
		if upper := canonical(r); upper != r {
			lower[upper] = append(lower[upper], r)
		}
	}
	all := map[rune][]rune{}
	for upper, same := range lower {
		same = append(same, upper)
		for _, r := range same {
			all[r] = same
		}
	}
	return all
})

// canonical is Canonicalize of ECMA-262 for expressions without the flag u. It returns the
// upper case, unless that is several characters or turns another character into ASCII. So
// U+017F is not equal to s, and U+212A is not equal to k.
func canonical(r rune) rune {
	upper := unicode.ToUpper(r)
	if r >= unicode.MaxASCII+1 && upper <= unicode.MaxASCII || strings.ContainsRune(expanding, r) {
		return r
	}
	return upper
}

// expanding lists the Greek letters whose upper case is several characters, although
// their title case is one.
// Source: Unicode SpecialCasing.txt, iota subscript.
const expanding = "ᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾳῃῳ"

// classOf writes a class of single characters.
func classOf(characters []rune) string {
	return "[" + inClass(characters) + "]"
}

func inClass(characters []rune) string {
	var b strings.Builder
	for _, r := range characters {
		fmt.Fprintf(&b, `\x{%x}`, r)
	}
	return b.String()
}

// folded returns the body of a class, extended by the characters that the flag i makes
// equal to those in it.
func folded(body string) string {
	tree, err := syntax.Parse("["+body+"]", syntax.Perl)
	if err != nil || tree.Op != syntax.OpCharClass && tree.Op != syntax.OpLiteral {
		return body // newRegex finds the error; any other class has all characters
	}
	ranges := tree.Rune
	if tree.Op == syntax.OpLiteral { // one character, or with the flag i two that are the same
		ranges = []rune{tree.Rune[0], tree.Rune[0]}
	}
	var same []rune
	for i := 0; i < len(ranges); i += 2 {
		if from, to := ranges[i], ranges[i+1]; int(to-from) < len(folds()) {
			for r := from; r <= to; r++ {
				same = append(same, folds()[r]...)
			}
			continue
		}
		for r, others := range folds() {
			if ranges[i] <= r && r <= ranges[i+1] {
				same = append(same, others...)
			}
		}
	}
	slices.Sort(same)
	return body + inClass(slices.Compact(same))
}
