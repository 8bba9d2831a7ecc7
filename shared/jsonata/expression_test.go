package jsonata

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/jsonata/functions"
)

// compileTest compiles an expression with the functions of the language.
func compileTest(source string) (*tested, error) {
	e, err := Compile(source, functions.Standard())
	return &tested{e}, err
}

// scale multiplies the work of the tests AtScale.
var scale = flag.Int("scale", 1, "multiply the work of the tests AtScale")

// tested is an expression whose evaluations have no Host.
type tested struct{ *Expression }

func (e *tested) eval(ctx context.Context, input string, bindings map[string][]byte) ([]byte, error) {
	return e.Expression.Eval(ctx, []byte(input), bindings, func(any) any { return nil })
}

func eval(t *testing.T, source, input string) (string, error) {
	t.Helper()
	e, err := compileTest(source)
	if err != nil {
		return "", err
	}
	got, err := e.eval(context.Background(), input, nil)
	if got == nil {
		return "undefined", err
	}
	return string(got), err
}

const shop = `{
	"orders": [
		{"id": "o1", "lines": [{"sku": "a", "price": 10, "n": 2}, {"sku": "b", "price": 5, "n": 1}]},
		{"id": "o2", "lines": [{"sku": "c", "price": 7, "n": 3}]}
	],
	"customer": {"name": "Ada", "e mail": "ada@example.com", "age": null, "tags": []},
	"nested": [[1, 2], [3]],
	"one": [7]
}`

// TestResultsAreThoseOfTheReference has a case for each difference between the JSONata
// library alone and the reference implementation.
func TestResultsAreThoseOfTheReference(t *testing.T) {
	cases := map[string]struct{ source, want string }{
		"a path collects":                               {`orders.lines.sku`, `["a","b","c"]`},
		"one result is not a list":                      {`orders[1].lines.sku`, `"c"`},
		"[] makes a list of one result":                 {`orders[1].lines.sku[]`, `["c"]`},
		"[] does not make a list of what a path gave":   {`($x := 5; $x[])`, `5`},
		"a path that leads nowhere is undefined":        {`orders.nothing`, `undefined`},
		"a path goes into lists in lists":               {`[[{"a": [1, 2]}, {"a": [3]}]].a`, `[1,2,3]`},
		"a step of a list in a list flattens one level": {`nested.$`, `[1,2,3]`},
		"a negative index is from the end":              {`orders.lines[-1].sku`, `["b","c"]`},
		"an index beyond the end gives nothing":         {`orders[9]`, `undefined`},
		"a fraction as index is rounded down":           {`one[0.9]`, `7`},
		"a list of indexes takes each":                  {`[10, 20, 30][[0, 2]]`, `[10,30]`},
		"a predicate sees the element":                  {`orders.lines[price > 6].sku`, `["a","c"]`},
		"predicates chain":                              {`orders.lines[price > 6][0].sku`, `["a","c"]`},
		"a sort is stable":                              {`orders.lines^(>n, sku).sku`, `["c","a","b"]`},
		"a group collects by key":                       {`orders.lines{sku: price}`, `{"a":10,"b":5,"c":7}`},
		"a group of nothing is an object":               {`nothing{"a": 1}`, `{"a":1}`},
		"an object leaves out what is undefined":        {`{"a": nothing, "b": 1}`, `{"b":1}`},
		"keys stay in the order they are written":       {`{"b": 1, "a": 2, "1": 3}`, `{"1":3,"b":1,"a":2}`},
		"keys that look like indexes come in order":     {`[{"2": 1, "10": 2, "1": 3}, {"1": 1, "a": 2, "2": 3}, {"1": 1, "2": 2, "a": 3}].$keys($)`, `["1","2","10","1","2","a","1","2","a"]`},
		"null is a value":                               {`{"e": $exists(customer.age), "v": customer.age}`, `{"e":true,"v":null}`},
		"null is not undefined in a comparison":         {`[null = null, customer.age = null, nothing = null]`, `[true,true,false]`},
		"a comparison with undefined is undefined":      {`nothing < 1`, `undefined`},
		"in finds null":                                 {`null in [1, null]`, `true`},
		"* gives values in document order":              {`{"z": 1, "y": [2, [3]], "x": 4}.*`, `[1,2,3,4]`},
		"** gives a value and its contents":             {`$count(customer.**)`, `4`},
		"a quoted step is a name":                       {`customer."e mail"`, `"ada@example.com"`},
		"a name in backticks is a name":                 {"customer.`e mail`", `"ada@example.com"`},
		"a quoted first step is a name":                 {`"customer".name`, `"Ada"`},
		"?? gives the other if undefined":               {`[nothing ?? 1, customer.age ?? 2, false ?? 3]`, `[1,null,false]`},
		"?: gives the other if not true":                {`[nothing ?: 1, "" ?: 2, "x" ?: 3]`, `[1,2,"x"]`},
		"?? binds less tightly than +":                  {`nothing ?? 1 + 2`, `3`},
		"and does not evaluate the rest":                {`false and $error("no")`, `false`},
		"or does not evaluate the rest":                 {`true or $error("no")`, `true`},
		"a comment is ignored":                          {"/* one\n two */ 1 /* three */ + /**/ 1", `2`},
		"~> calls":                                      {`"a,b" ~> $split(",") ~> $join("-")`, `"a-b"`},
		"~> composes":                                   {`($f := $trim ~> $uppercase; $f(" a "))`, `"A"`},
		"a partial application":                         {`($add := function($a, $b){$a + $b}; $inc := $add(?, 1); $inc(2))`, `3`},
		"a closure keeps its variables":                 {`($make := function($n){function(){$n}}; $a := $make(1); $b := $make(2); [$a(), $b()])`, `[1,2]`},
		"a block has its own variables":                 {`($x := 1; ($x := 2); $x)`, `1`},
		"a signature takes the context":                 {`customer.name.(function($s)<s->{$s & "!"}())`, `"Ada!"`},
		"a signature makes a list":                      {`function($l)<a<n>>{$count($l)}(1)`, `1`},
		"a transformation changes a copy":               {`[orders[0].lines[0] ~> |$|{"n": 9}, "price"|, orders[0].lines[0].n]`, `[{"sku":"a","n":9},2]`},
		"@ joins":                                       {`$$.orders@$a.$$.orders@$b[$a.id < $b.id].($a.id & $b.id)`, `"o1o2"`},
		"@ carries the element along":                   {`orders@$o.($o.id & $o.lines[0].sku)`, `["o1a","o2c"]`},
		"# is the index":                                {`orders.lines#$i.(sku & $i)`, `["a0","b1","c0"]`},
		"% is the parent":                               {`orders.lines.(%.id & sku)`, `["o1a","o1b","o2c"]`},
		"% in a predicate":                              {`orders.lines[%.id = "o2"].sku`, `"c"`},
		"a range":                                       {`[1..3, 7]`, `[1,2,3,7]`},
		"$map gives the index":                          {`$map(["x", "y"], function($v, $i){$v & $i})`, `["x0","y1"]`},
		"$keys in document order":                       {`$keys({"z": 1, "y": 2})`, `["z","y"]`},
		"$each in document order":                       {`$each({"z": 1, "y": 2}, function($v, $k){$k & $v})`, `["z1","y2"]`},
		"$sift keeps fields":                            {`$sift({"a": 1, "b": 2}, function($v){$v > 1})`, `{"b":2}`},
		"$spread in document order":                     {`$spread({"z": 1, "y": 2})`, `[{"z":1},{"y":2}]`},
		"$merge takes the last":                         {`$merge([{"a": 1}, {"a": 2}])`, `{"a":2}`},
		"$string hides the noise of fractions":          {`$string(0.1 + 0.2)`, `"0.3"`},
		"$string is as in JavaScript":                   {`[$string(1e21), $string(1e-7), $string(100)]`, `["1e+21","1e-7","100"]`},
		"$string keeps < > &":                           {`$string(["<&>"])`, `"[\"<&>\"]"`},
		"$string can be pretty":                         {`$string({"a": [1]}, true)`, `"{\n  \"a\": [\n    1\n  ]\n}"`},
		"$number reads other bases":                     {`[$number("0x1F"), $number("0b11"), $number("0o17")]`, `[31,3,15]`},
		"$round rounds half to even":                    {`[$round(2.5), $round(3.5), $round(1.005, 2), $round(125, -1)]`, `[2,4,1,120]`},
		"$length counts characters":                     {`$length("é😀")`, `2`},
		"$substring counts characters":                  {`$substring("a😀bc", 1, 2)`, `"😀b"`},
		"$pad counts characters":                        {`$pad("😀", 3, "ab") & $pad("x", -3)`, `"😀ab  x"`},
		"$split keeps what is between":                  {`$split("a, b", /,\s*/)`, `["a","b"]`},
		"$replace fills in groups":                      {`$replace("Ada Lovelace", /(\w+) (\w+)/, "$2, $1")`, `"Lovelace, Ada"`},
		"$split of a text into characters":              {`$split("aé😀", "")`, `["a","é","😀"]`},
		"$split with a limit":                           {`[$split("a,b,c", ",", 2), $split("a,b,c", /,/, 2)]`, `["a","b","a","b"]`},
		"a later match sees the text before it":         {`$replace("ab ab", /\bab?/, "x") & $replace("aab", /^a/, "x") & $replace("a\na", /^a/m, "x")`, `"x xxabx\nx"`},
		"$trim makes one space of many":                 {`$trim(" a \t b\n\nc ") & "|" & $trim(" a b ")`, `"a b c|a b"`},
		"$lowercase knows the final sigma":              {`$lowercase("ΟΔΟΣ ΣΣΑΣ.")`, `"οδος σσας."`},
		"texts are ordered by UTF-16":                   {`["😀" < "\uFB00", "é" < "😀", "a" < "ab", "b" < "a"]`, `[true,true,true,false]`},
		"a number keeps its digits beyond 2^53":         {`[$number("9007199254740992"), $number("9007199254740993"), $number("-0009007199254740993"), 9007199254740991 + 1]`, `[9007199254740992,9007199254740993,-9007199254740993,9007199254740992]`},
		"$replace calls a function":                     {`$replace("ab", /b/, function($m){$uppercase($m.match)})`, `"aB"`},
		"$match gives groups and offsets":               {`$match("é1", /([0-9])/)`, `{"match":"1","index":1,"groups":["1"]}`},
		"a regular expression gives the next match":     {`/a/("xaya").next().start`, `3`},
		"$contains finds without case":                  {`$contains("ADA", /ada/i)`, `true`},
		"$formatNumber groups":                          {`$formatNumber(-1234567.891, "#,##0.00")`, `"-1,234,567.89"`},
		"$formatNumber of zero with an exponent":        {`$formatNumber(0, "0e0")`, `"0e0"`},
		"$formatNumber in per cent":                     {`$formatNumber(0.14, "0%")`, `"14%"`},
		"$formatInteger in words":                       {`$formatInteger(2789, "w")`, `"two thousand, seven hundred and eighty-nine"`},
		"$formatInteger as an ordinal":                  {`[$formatInteger(21, "0;o"), $formatInteger(12, "w;o")]`, `["21st","twelfth"]`},
		"$formatInteger in Roman numerals and letters":  {`[$formatInteger(1999, "I"), $formatInteger(28, "a")]`, `["MCMXCIX","ab"]`},
		"$parseInteger reads words":                     {`$parseInteger("two thousand, seven hundred and eighty-nine", "w")`, `2789`},
		"$fromMillis without a picture":                 {`$fromMillis(1510067557121)`, `"2017-11-07T15:12:37.121Z"`},
		"$fromMillis with a picture and a zone":         {`$fromMillis(1510067557121, "[FNn], [D1o] [MNn] [Y] [h]:[m01] [PN] [z]", "+0100")`, `"Tuesday, 7th November 2017 4:12 PM GMT+01:00"`},
		"$fromMillis knows ISO weeks":                   {`$fromMillis(1104537600000, "[X]-W[W01]-[F1]")`, `"2004-W53-6"`},
		"$toMillis reads ISO 8601":                      {`[$toMillis("1970-01-01"), $toMillis("1970-01-01T00:00:01.5+01:00")]`, `[0,-3598500]`},
		"$toMillis reads a picture":                     {`$toMillis("7 November 2017", "[D] [MNn] [Y]")`, `1510012800000`},
		"$toMillis of what does not fit is undefined":   {`$toMillis("x", "[Y]")`, `undefined`},
		"$assert lets what is true pass":                {`($assert(1 = 1, "no"); 5)`, `5`},
		"$distinct compares by content":                 {`$distinct([{"a": 1}, {"a": 1}, 1, "1"])`, `[{"a":1},1,"1"]`},
		"$sort with a function":                         {`$sort(orders.lines, function($a, $b){$a.price > $b.price}).sku`, `["b","c","a"]`},
		"$zip stops at the shortest":                    {`$zip([1, 2], ["a"])`, `[[1,"a"]]`},
		"a hundred calls can nest":                      {`($f := function($n){$n = 0 ? 0 : 1 + $f($n - 1)}; $f(99))`, `99`},
		"a deep tail recursion needs no stack":          {`($f := function($n, $sum){$n = 0 ? $sum : $f($n - 1, $sum + $n)}; $f(50000, 0))`, `1250025000`},
		"a text that looks like a path stays a text":    {`"orders.id"`, `"orders.id"`},
		"escapes": {`"\u00e9\ud83d\ude00\n\"\\"`, `"é😀\n\"\\"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := eval(t, c.source, shop)
			if err != nil || got != c.want {
				t.Errorf("%s\n gives %s, %v\n want  %s", c.source, got, err, c.want)
			}
		})
	}
}

// TestErrorsNameTheLineAndTheProblem checks the messages that a merchant sees.
func TestErrorsNameTheLineAndTheProblem(t *testing.T) {
	cases := map[string]struct {
		source string
		line   int
		says   string
	}{
		"an unknown function":          {"(\n  1;\n  $nope(1)\n)", 3, "there is no function $nope"},
		"a forgotten $":                {"sum([1])", 1, "sum is not a function: write $sum"},
		"a wrong argument":             {"(1;\n$uppercase(1))", 2, "argument 1 of $uppercase cannot be a number"},
		"a missing argument":           {"$power(2)", 1, "$power"},
		"a number and a text":          {"1 +\n\"a\"", 1, "the right side of + must be a number, not a string"},
		"a division by zero":           {"\n\n1 / 0", 3, "no finite number"},
		"a key that is no text":        {"{1: 2}", 1, "must be a string"},
		"a key that stands twice":      {"{\"a\": 1,\n\"a\": 2}", 2, `"a" stands twice`},
		"$error":                       {"(\n$error(\"what the template says\"))", 2, "what the template says"},
		"$assert":                      {"$assert(false, \"must hold\")", 1, "must hold"},
		"an error within a function":   {"($f := function($x){\n$x + \"a\"};\n$f(1))", 2, "right side of +"},
		"one call too deep":            {"(\n$f := function($n){$n = 0 ? 0 : 1 + $f($n - 1)}; $f(100))", 2, "more than 100 deep"},
		"a missing bracket":            {"(1;\n[1, 2", 2, "expected ]"},
		"a missing comma in an object": {"{\"a\": 1\n\"b\": 2}", 2, "expected a comma or }, found \"b\""},
		"a missing comma in a list":    {"[1\n2]", 2, "expected a comma or ], found 2"},
		"a missing comma in a call":    {"$sum(a\nb)", 2, "expected a comma or ), found b"},
		"a stray bracket":              {"1\n)", 2, "unexpected )"},
		"an unfinished text":           {"\n\"abc", 2, "close it with \""},
		"an unfinished comment":        {"1 /* abc", 1, "close it with */"},
		"half of a surrogate pair":     {`"\ud83d"`, 1, "surrogate"},
		"a lone !":                     {"1 ! 2", 1, "unexpected !"},
		"lookahead":                    {"$match(\"a\", /a(?=b)/)", 1, "lookahead"},
		"a back reference":             {`/(a)\1/("aa")`, 1, "back reference"},
		"a group that may be skipped":  {`/(?:(a)|b)*/("ab")`, 1, "repetition may skip"},
		"a parent of nothing":          {"%.a", 1, "% has no parent here"},
		"a parent out of a function":   {"a.b.(function(){%.c}())", 1, "pass the parent to it"},
		"an assignment in an object":   {`{"a": $x := 1}`, 1, "Put it in a block"},
		"a predicate on ~> f()":        {"a ~> $f()[0]", 1, "in parentheses"},
		"a function in the result":     {"{\"total\": $sum}", 0, "contains a function"},
		"an empty template":            {" \n", 2, "template is empty"},
		"$eval":                        {"(1;\n$eval(\"1\"))", 2, "$eval is not supported"},
		"a function as a matcher":      {`$split("ab", function($s){{"match": "a", "start": 0, "end": 1}})`, 1, "a regular expression, such as"},
		"a regex that is too large":    {"1 +\n$count(/(?:[^b]{999})[^a]{999}[^c]{999}/)", 2, "too large"},
		"regexes too large together":   {"(1;\n" + strings.Repeat("/[^a]{900}/;\n", 30) + ")", 24, "too large together"},
		"a regex with many groups":     {"/" + strings.Repeat("(a)", 100) + "/", 1, "more than 99 groups"},
		"a literal picture":            {`$formatNumber(1, "a")`, 1, `has no digit: use 0 and # (in "a")`},
		"a zone that is not supported": {`$fromMillis(0, "[H]", "-0330")`, 1, "not supported"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := eval(t, c.source, `{}`)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v, want an *Error", err)
			}
			if e.Line != c.line || !strings.Contains(e.Message, c.says) {
				t.Errorf("got line %d: %s\nwant line %d and %q", e.Line, e.Message, c.line, c.says)
			}
		})
	}
}

func TestBindingsAreVariables(t *testing.T) {
	tmpl, err := compileTest(`[$a, $b.c, $none]`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.eval(context.Background(), "", map[string][]byte{"a": []byte(`1`), "b": []byte(`{"c": null}`)})
	if err != nil || string(got) != `[1,null]` {
		t.Errorf("got %s, %v", got, err)
	}
	var e *Error
	if _, err = tmpl.eval(context.Background(), "", map[string][]byte{"sum": []byte(`1`)}); !errors.As(err, &e) {
		t.Errorf("a variable with the name of a function: got %v, want an *Error", err)
	}
}

// TestEveryEvaluationHasTheSameResult fails if the JSONata library evaluates ~>: at every
// evaluation the library adds the left side to the arguments in its tree.
func TestEveryEvaluationHasTheSameResult(t *testing.T) {
	tmpl, err := compileTest(`["b", "a"] ~> $sort() ~> $join(",")`)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		got, err := tmpl.eval(context.Background(), `{}`, nil)
		if err != nil || string(got) != `"a,b"` {
			t.Fatalf("evaluation %d gives %s, %v", i+1, got, err)
		}
	}
}

func TestTheContextEndsAnEvaluation(t *testing.T) {
	tmpl, err := compileTest(`($f := function($n){$f($n + 1)}; $f(1))`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = tmpl.eval(ctx, `{}`, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline's error", err)
	}
	if took := time.Since(start); took > time.Second*slowdown {
		t.Errorf("took %v after a deadline of 10 ms", took)
	}
	if _, err := tmpl.eval(ctx, `{}`, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that has ended: got %v", err)
	}
}

// FuzzCompile searches for templates that end the process, that hang, or whose results
// differ from one evaluation to the next.
func FuzzCompile(f *testing.F) {
	for _, source := range []string{
		`orders.lines[price > 6]^(>n){sku: price}`,
		`orders@$o.lines#$i.{"o": $o.id, "i": $i, "p": %.id}`,
		`($f := function($x)<n-:n>{$x > 0 ? $f($x - 1) : $x}; [1..3].$f())`,
		`orders ~> |lines|{"t": price * n}, ["n"]| ~> $string()`,
		`$map([1..3], function($v, $i){$v ~> $formatInteger("w") & $i}) ~> $join(?, "-")`,
		`customer."e mail" ?? nothing ?: $match("a1", /([0-9])/).groups[0]`,
		`$fromMillis(0, "[FNn,*-3], [D1o] [Y]", "+0100") & $toMillis("1 May 2018", "[D] [MNn] [Y]")`,
		`$formatNumber(-1234.5, "#,##0.00;(0)") /* comment */ & "\u00e9"`,
		`$reduce(nested, $append) in **.*[]`,
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := compileTest(source)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || strings.Contains(e.Message, "it cannot be compiled") {
				t.Fatalf("Compile gives %v", err)
			}
			return
		}
		start := time.Now()
		first, err := tmpl.eval(context.Background(), shop, nil)
		var e *Error
		if err != nil && (!errors.As(err, &e) || strings.Contains(e.Message, "it cannot be evaluated")) {
			t.Fatalf("Eval gives %v", err)
		}
		if took := time.Since(start); took > 5*time.Second*slowdown {
			t.Fatalf("Eval took %v", took)
		}
		if strings.Contains(source, "random") || strings.Contains(source, "shuffle") ||
			strings.Contains(source, "now") || strings.Contains(source, "illis") {
			return
		}
		second, err2 := tmpl.eval(context.Background(), shop, nil)
		if !bytes.Equal(first, second) || (err == nil) != (err2 == nil) {
			t.Fatalf("gives %s, %v, then %s, %v", first, err, second, err2)
		}
	})
}

// TestErrorsQuoteOnlyTheTemplate checks that no error quotes the data of an evaluation.
// Errors are logged, and the data may be personal.
func TestErrorsQuoteOnlyTheTemplate(t *testing.T) {
	const secret = "ada@example.com"
	for _, source := range []string{
		`$formatNumber(1, s)`, `$formatNumber(1, "0", {s: "x"})`, `$formatNumber(1, "0", {"minus-sign": [s]})`,
		`$formatNumber(1, "0" & s & "0")`, `$formatInteger(1, s)`, `$parseInteger(s, "0")`, `$parseInteger("1", s)`,
		`$fromMillis(0, "[" & s & "]")`, `$fromMillis(0, "[Y," & s & "]")`, `$fromMillis(0, "[H]", s)`, `$now("[Y]", s)`,
		`$toMillis(s)`, `$toMillis("1", "[" & s & "]")`,
		`$error(s)`, `$assert(false, s)`, `$error("who: " & s)`, `s + 1`, `-s`, `s < 1`, `s()`, `$number(s)`, `$sum([s])`,
		`$round(s)`, `$power(2, s)`, `$merge([s])`, `$decodeUrl("%" & s)`,
		`$join([1, s])`, `{s: 1, s & "": 2}`, `[s, 1]^($)`, `$sort([s, 1])`, `[s..1]`, `s ~> s`, `$single([s, s])`,
		`$replace(s, /a/, 1)`, `$split(s, 1)`, `{"a": 1} ~> |$|$$.s|`, `$map(s, s)`, `$formatBase(1, s)`, `$$.s[0].$uppercase([$])`,
	} {
		_, err := eval(t, source, `{"s": "`+secret+`"}`)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got error %v, want an *Error", source, err)
			continue
		}
		for unwrapped := err; unwrapped != nil; unwrapped = errors.Unwrap(unwrapped) {
			if strings.Contains(unwrapped.Error(), "ada") || strings.Contains(unwrapped.Error(), "example") {
				t.Errorf("%s: the error quotes data: %v", source, unwrapped)
			}
		}
	}
}

func TestTheMessageOfATemplateIsNotInTheError(t *testing.T) {
	for source, want := range map[string]Error{
		`$error("no items")`:             {Message: "no items", Said: "no items"},
		`$assert(1 = 2, "no items")`:     {Message: "no items", Said: "no items"},
		`($m := "no items"; $error($m))`: {Message: "no items", Said: "no items"},
		`$error("no items of " & s)`:     {Message: "$error was called (its message is made at run time and may hold personal data: not shown)", Said: "no items of Ada"},
		`$assert(false, s)`:              {Message: "$assert was called (its message is made at run time and may hold personal data: not shown)", Said: "Ada"},
		`$error()`:                       {Message: "$error() function evaluated"},
	} {
		_, err := eval(t, source, `{"s": "Ada"}`)
		var e *Error
		if !errors.As(err, &e) || e.Message != want.Message || e.Said != want.Said {
			t.Errorf("%s: got %#v, want %#v", source, e, want)
		}
	}
}
