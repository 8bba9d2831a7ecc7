package regex

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// folds are the characters that the flag i takes for one another, by each of them:
// those with the same upper case. Characters beyond U+FFFF have none, because
// JavaScript sees their surrogates.
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

// canonical is Canonicalize of ECMA-262, for expressions without the flag u: the upper
// case, if that is one character and does not become ASCII. So U+017F is no s, and
// U+212A no k.
func canonical(r rune) rune {
	upper := unicode.ToUpper(r)
	if r >= unicode.MaxASCII+1 && upper <= unicode.MaxASCII || strings.ContainsRune(expanding, r) {
		return r
	}
	return upper
}

// expanding are the Greek letters whose upper case is several characters, though
// there is a title case of one.
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

// folded adds to what stands in a class the characters that the flag i takes for the
// same.
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
