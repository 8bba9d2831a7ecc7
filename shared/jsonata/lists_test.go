package jsonata

import (
	"context"
	"testing"

	"commerce-segment/shared/jsonata/functions"
)

const stock = `{
	"parts": [
		{"brand": "Nord", "code": "n1", "left": 4},
		{"brand": "Sued", "code": "s1", "left": 7},
		{"brand": "Nord", "code": "n2", "left": 1}
	],
	"baskets": [{"tags": ["x"]}, {"tags": ["y", "z"]}],
	"empty": [],
	"lists": [[{"code": "a"}, {"code": "b"}], [{"code": "c"}]]
}`

// TestAPathFromAVariableIsEvaluatedOnceForAList has paths that begin with a variable and
// whose context is a list: in a group, in a list in a list, and with no element.
func TestAPathFromAVariableIsEvaluatedOnceForAList(t *testing.T) {
	checkOnStock(t, map[string]struct{ source, want string }{
		"a predicate of $ takes from the group":          {`parts{brand: $[0].code}`, `{"Nord":"n1","Sued":"s1"}`},
		"an index from the end takes from the group":     {`parts{brand: $[-1].code}`, `{"Nord":"n2","Sued":"s1"}`},
		"a condition on $ takes from the group":          {`parts{brand: $[left > 3].code}`, `{"Nord":"n1","Sued":"s1"}`},
		"#$i numbers the elements of the group":          {`parts{brand: $#$i.(code & $i)}`, `{"Nord":["n10","n21"],"Sued":"s10"}`},
		"@$v goes through the group once":                {`parts{brand: $@$p.(code & $p.left)}`, `{"Nord":["[\"n1\",\"n2\"]4","[\"n1\",\"n2\"]1"],"Sued":"s17"}`},
		"a sort of $ sorts the group":                    {`parts{brand: $^(left).code}`, `{"Nord":["n2","n1"],"Sued":"s1"}`},
		"a group of $ groups the group":                  {`parts{brand: $.code{$: 1}}`, `{"Nord":{"n1":1,"n2":1},"Sued":{"s1":1}}`},
		"a predicate of $$ is not about the group":       {`parts{brand: $count($$[0].parts)}`, `{"Nord":3,"Sued":3}`},
		"a predicate of a variable is not counted twice": {`($p := parts; parts{brand: $sum($p[code = "s1"].left)})`, `{"Nord":7,"Sued":7}`},
		"a sort of a variable is not made twice":         {`($p := parts; parts{brand: $p^(left).code})`, `{"Nord":["n2","n1","s1"],"Sued":["n2","n1","s1"]}`},
		"a list in a list":                               {`lists.[$[0].code]`, `[["a"],["c"]]`},
		"an empty list does not remove the field":        {`($p := parts; empty{"all": $p[0].code})`, `{"all":"n1"}`},
	})
}

func TestTheResultOfATailCallStaysAList(t *testing.T) {
	checkOnStock(t, map[string]struct{ source, want string }{
		"f ?: x":            {`$map(baskets, function($b){ $filter($b.tags, function($t){ true }) ?: [] })`, `[["x"],["y","z"]]`},
		"f ?? x":            {`$map(baskets, function($b){ $map($b.tags, function($t){ $uppercase($t) }) ?? 0 })`, `[["X"],["Y","Z"]]`},
		"0 ?: f":            {`$map(baskets, function($b){ 0 ?: $map($b.tags, function($t){ $uppercase($t) }) })`, `[["X"],["Y","Z"]]`},
		"missing ?? f":      {`$map(baskets, function($b){ missing ?? $map($b.tags, function($t){ $uppercase($t) }) })`, `[["X"],["Y","Z"]]`},
		"(f) ?: x":          {`$map(baskets, function($b){ ($map($b.tags, function($t){ $uppercase($t) })) ?: 0 })`, `[["X"],["Y","Z"]]`},
		"(a ? f) ?? x":      {`$map(baskets, function($b){ (true ? $map($b.tags, function($t){ $uppercase($t) })) ?? 0 })`, `[["X"],["Y","Z"]]`},
		"f ?: x, no result": {`$map(baskets, function($b){ $filter($b.tags, function($t){ false }) ?: 0 })`, `[0,0]`},
		"$match ?: x":       {`$map(baskets, function($b){ $match($b.tags[0], /x/) ?: 0 }).match`, `"x"`},
	})
}

func TestABuiltInTailCallSeesTheContextOfTheCaller(t *testing.T) {
	checkOnStock(t, map[string]struct{ source, want string }{
		"alone":      {`($f := function(){ $uppercase() }; parts.code.$f())`, `["N1","S1","N2"]`},
		"in a block": {`($f := function(){ (1; $length()) }; parts[0].code.$f())`, `2`},
	})
}

// TestAPartKeepsItsVariables fails if a part of an expression is evaluated after the
// operation that it belongs to has ended.
func TestAPartKeepsItsVariables(t *testing.T) {
	checkOnStock(t, map[string]struct{ source, want string }{
		"a key":       {`{$string(1): (function($v){ ($w := $v) })(2)}`, `{"1":2}`},
		"a predicate": {`parts[$boolean(left > 1)].(left ~> function($v){ ($w := $v) })`, `[4,7]`},
	})
}

func TestValuesThatTemplatesRelyOn(t *testing.T) {
	checkOnStock(t, map[string]struct{ source, want string }{
		"groups in groups":                           {`parts{brand: ${code: left}}`, `{"Nord":{"n1":4,"n2":1},"Sued":{"s1":7}}`},
		"an index of one value":                      {`parts[0].code[0]`, `"n1"`},
		"equal keys keep the order of the path":      {`[{"k": 1, "v": "a"}, {"k": 1, "v": "b"}, {"k": 0, "v": "c"}]^(k).v`, `["c","a","b"]`},
		"a partial regular expression in $map":       {`$map(["ab", "cd"], $contains(?, "a"))`, `[true,false]`},
		"half to even in a picture":                  {`[$formatNumber(0.125, "0.00"), $formatNumber(0.375, "0.00")]`, `["0.12","0.38"]`},
		"amounts in the exponent form":               {`[1e3, 2.5E-1, $number("1e2")]`, `[1000,0.25,100]`},
		"fields with names that JavaScript uses":     {`{"constructor": 1, "toString": 2, "length": 3}.[constructor, toString, length, hasOwnProperty]`, `[1,2,3]`},
		"pairs of texts":                             {`$zip(["a", "b"], ["c", "d"])`, `[["a","c"],["b","d"]]`},
		"$substring without a start is the text":     {`[$substring("abc", missing), $substring("abc", missing, 2)]`, `["abc",""]`},
		"$base64decode of a text not in base64":      {`[$base64decode("YWJj\u00e9ZGVm"), $base64decode("YWJj\u013dZGVm")]`, `["abcdef","abc"]`},
		"a fraction of a millisecond in a time zone": {`$fromMillis(-2.5, "[s01].[f001]", "+0100")`, `"59.997"`},
	})
}

// checkOnStock checks the results of templates for the input stock.
func checkOnStock(t *testing.T, cases map[string]struct{ source, want string }) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := eval(t, c.source, stock)
			if err != nil || got != c.want {
				t.Errorf("%s\n gives %s, %v\n want  %s", c.source, got, err, c.want)
			}
		})
	}
}

func TestConstantIndexesSelectTheSameAsIndexesInAVariable(t *testing.T) {
	for _, indexes := range []string{
		"[0]", "[-1]", "[0, 0]", "[-1, 0..1, 0]", "[5..1]", "[2..9]", "[-9..-3]", "[-2..1]", "[1..1, 7]", "[-1..0]",
	} {
		e, err := Compile(`($l := ["a", "b", ["c"], "d"]; $i := `+indexes+`; [$l[`+indexes+`]] = [$l[$i]])`, functions.Standard())
		if err != nil {
			t.Fatal(err)
		}
		if same, _, err := e.Evaluate(context.Background(), nil, nil, nil); same != true || err != nil {
			t.Errorf("%s: got %v, %v", indexes, same, err)
		}
	}
}
