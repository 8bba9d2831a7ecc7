package jsonata

import "testing"

// TestRegularExpressionsSearchEveryText has the results of jsonata-js 2.2.2. The text of a
// shopper may contain any character, and no character may make a template fail.
func TestRegularExpressionsSearchEveryText(t *testing.T) {
	for _, test := range []struct{ name, source, text, want string }{
		{"m without ^ or $ searches a text with CRLF", `$contains(t, /ring/im)`, `Leave\r\nRing`, `true`},
		{"^ matches after CR", `$contains(t, /^b/m)`, `a\rb`, `true`},
		{"^ matches after U+2028", `$contains(t, /^b/m)`, `a\u2028b`, `true`},
		{"^ matches after U+2029", `$contains(t, /^b/m)`, `a\u2029b`, `true`},
		{"^ matches after no other white space", `$contains(t, /^b/m)`, `a\u0085b\u000bb\u000cb`, `false`},
		{"$ matches before CR", `$replace(t, /[ab]$/m, "-")`, `a\rab`, `"-\ra-"`},
		{"^ and $ without m are the ends of the text", `[$contains(t, /^b/), $contains(t, /a$/)]`, `a\rb`, `[false,false]`},
		{"^ does not match at a place where a search goes on", `$replace(t, /^a*/, "x")`, `aab`, `"xb"`},
		{"each line separately", `$match(t, /^.+$/m).match`, `a\rb\r`, `["a","b"]`},
		{"a dot takes no line end", `$match(t, /./).match`, `a\r\u2028b`, `["a","b"]`},
		{"a literal CR under m", `$split(t, /\r\n?/m)`, `a\r\nb\rc`, `["a","b","c"]`},
		{"i does not take the long s for s", `$contains(t, /s/i)`, `\u017f`, `false`},
		{"i does not take the Kelvin sign for k", `$contains(t, /[j-l]/i)`, `\u212a`, `false`},
		{"i searches a text with a long s", `$contains(t, /RING/i)`, `\u017f ring`, `true`},
		{"i finds the long s itself", `$contains(t, /\u017f/i)`, `\u017f`, `true`},
		{"i leaves the long s in a negated class", `$replace(t, /[^s]/i, "-")`, `sS\u017fx`, `"sS--"`},
		{"i takes accents together", `$contains(t, /É/i)`, `é`, `true`},
		{"i takes the three sigmas together", `$replace(t, /Σ/i, "-")`, `σςΣ`, `"---"`},
		{"i does not take ẞ for ß", `$contains(t, /ß/i)`, `ẞ`, `false`},
		{"i does not take the Angstrom sign for å", `$contains(t, /å/i)`, `\u212b`, `false`},
		{"i folds no letter beyond U+FFFF", `$contains(t, /𐐀/i)`, `𐐨`, `false`},
		{"i leaves the names of groups alone", `$match(t, /(?<Name>A)/i).groups`, `a`, `["a"]`},
		{"i and an escaped letter", `$contains(t, /\x4b/i)`, `k`, `true`},
		{"an index is in UTF-16 units", `$match(t, /b/).index`, `😀b`, `2`},
		{"an anchored expression that may be empty ends", `$match(t, /^a*/).match`, `aab`, `"aa"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := eval(t, test.source, `{"t": "`+test.text+`"}`)
			if err != nil || string(got) != test.want {
				t.Errorf("%s: got %s, %v, want %s", test.source, got, err, test.want)
			}
		})
	}
}

func TestTextFunctionsAcceptEveryText(t *testing.T) {
	for _, test := range []struct{ name, source, text, want string }{
		{"base64 of characters above U+00FF has the lower bytes", `$base64encode(t)`, `日é😀`, `"5ek9AA=="`},
		{"base64 that is not padded", `$base64decode(t)`, `QUJDRA`, `"ABCD"`},
		{"base64 with other characters in between", `$base64decode(t)`, `Q!U@ J\n日D`, `"ABC"`},
		{"base64 for URLs", `$base64decode(t)`, `Q-_A`, `"CïÀ"`},
		{"base64 ends at =", `$base64decode(t)`, `QQ==QQ==`, `"A"`},
		{"a single digit of base64", `$base64decode(t)`, `Q`, `""`},
		{"a character that could not be read is encoded", `$encodeUrlComponent(t)`, `a\ufffd`, `"a%EF%BF%BD"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := eval(t, test.source, `{"t": "`+test.text+`"}`)
			if err != nil || string(got) != test.want {
				t.Errorf("%s: got %s, %v, want %s", test.source, got, err, test.want)
			}
		})
	}
}
