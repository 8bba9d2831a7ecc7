//go:build unix && !race

// An evaluation has no goroutines, so the race detector cannot find anything here, and it
// would take minutes. `make test` runs these tests without it.

package jsonata

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"commerce-segment/shared/jsonata/syntax"
)

// hostile has templates that would hang, exhaust the memory or end the process if there
// were no limits. Each must end with an error, soon.
var hostile = map[string]string{
	"endless recursion":                         `($f := function($n){1 + $f($n)}; $f(1))`,
	"endless tail recursion":                    `($f := function($n){$f($n)}; $f(1))`,
	"mutual recursion":                          `($f := function($n){1 + $g($n)}; $g := function($n){1 + $f($n)}; $f(1))`,
	"recursion through $map":                    `($f := function($n){$map([1, 2], $f)}; $f(1))`,
	"recursion through $filter":                 `($f := function($n){$filter([1, 2], $f)}; $f(1))`,
	"recursion through $reduce":                 `($f := function($a, $b){$reduce([1, 2, 3], $f)}; $f(1, 1))`,
	"recursion through $sort":                   `($f := function($a, $b){$count($sort([2, 1], $f)) > 1}; $f(1, 2))`,
	"recursion through $replace":                `($f := function($m){$replace("aa", /a/, $f)}; $f(1))`,
	"recursion through $each":                   `($f := function($v){$each({"a": 1, "b": 2}, $f)}; $f(1))`,
	"recursion through $single":                 `($f := function($v){$single([1, 2], $f)}; $f(1))`,
	"recursion through a predicate":             `($f := function($v){[1, 2][$f($v)]}; $f(1))`,
	"recursion through a path":                  `($f := function($v){[1, 2].($f($v))}; $f(1))`,
	"recursion through a sort":                  `($f := function($v){[1, 2]^($f($))}; $f(1))`,
	"recursion through a group":                 `($f := function($v){[1, 2]{$string($): $f($)}}; $f(1))`,
	"recursion through a transformation":        `($f := function($v){$v ~> |$|{"a": $f($v)}|}; $f({}))`,
	"a transformation of itself":                `($t := |$|{"a": $t($)}|; $t({}))`,
	"recursion through a partial application":   `($f := function($a, $b){1 + $f(?, 1)($a)}; $f(1, 2))`,
	"recursion through ~>":                      `($f := function($a){1 + ($a ~> $f)}; 1 ~> $f)`,
	"a fixed-point combinator":                  `($y := function($f){(function($x){$f(function($v){($x($x))($v)})})(function($x){$f(function($v){($x($x))($v)})})}; $y(function($self){function($n){1 + $self($n)}})(1))`,
	"a composition that doubles":                `($f := $reduce($append([function($x){$x}], [1..60]), function($g, $i){$g ~> $g}); $f(1))`,
	"a long composition":                        `($f := $reduce($append([function($x){$x}], [1..100000]), function($g, $i){$g ~> function($x){$x}}); $f(1))`,
	"nested ranges":                             `[1..1000].[1..1000].[1..1000]`,
	"joins over variables":                      `($d := [1..1000]; $d.$d.$d)`,
	"joins with variables":                      `($d := {"d": [1..1000]}; $d.d@$a.$d.d@$b.$d.d@$c[$a = $b])`,
	"a large range":                             `[1..10000000]`,
	"a text that doubles with &":                `$reduce([1..60], function($a, $i){$a & $a}, "x")`,
	"a text that doubles with $join":            `$reduce([1..60], function($a, $i){$join([$a, $a])}, "x")`,
	"a text that doubles with $replace":         `$reduce([1..60], function($a, $i){$replace($a, "x", "xx")}, "x")`,
	"a text that doubles with a regex":          `$reduce([1..60], function($a, $i){$replace($a, /x/, "$0$0")}, "x")`,
	"a text that doubles with $pad":             `$reduce([1..60], function($a, $i){$pad($a, 2 * $length($a))}, "x")`,
	"a text that grows with $encodeUrl":         `$reduce([1..60], function($a, $i){$encodeUrlComponent($a & $a)}, "%")`,
	"a text that grows with $base64encode":      `$reduce([1..200], function($a, $i){$base64encode($a)}, "x")`,
	"a text that grows with $string":            `$reduce([1..60], function($a, $i){$string([$a])}, "\"")`,
	"a text that grows with $uppercase":         `$reduce([1..60], function($a, $i){$uppercase($a & $a)}, "ß")`,
	"a list that doubles with $append":          `$reduce([1..60], function($a, $i){$append($a, $a)}, [1])`,
	"a list that doubles with [ ]":              `$reduce([1..60], function($a, $i){[$a, $a]}, [1])`,
	"a list that doubles with $zip":             `$reduce([1..60], function($a, $i){$zip($a, $a).*}, [1, 2])`,
	"a tree that doubles, written as text":      `$string($reduce([1..60], function($a, $i){{"a": $a, "b": $a}}, 1))`,
	"a tree that doubles, compared":             `($t := function(){$reduce([1..60], function($a, $i){{"a": $a, "b": $a}}, 1)}; $t() = $t())`,
	"a tree that doubles, walked by **":         `$count($reduce([1..60], function($a, $i){{"a": $a, "b": $a}}, 1).**)`,
	"a tree that doubles, flattened by *":       `$reduce([1..60], function($a, $i){[[$a, $a]]}, 1).*`,
	"a tree that doubles, cloned":               `$reduce([1..60], function($a, $i){{"a": $a, "b": $a}}, 1) ~> |a|{"c": 1}|`,
	"a tree that doubles, as the result":        `$reduce([1..60], function($a, $i){{"a": $a, "b": $a}}, 1)`,
	"a tree that is deep, as the result":        `$reduce([1..100000], function($a, $i){{"a": $a}}, 1)`,
	"a list that is deep, written as text":      `$string($reduce([1..100000], function($a, $i){[[$a]]}, 1))`,
	"a list that is deep, looked into":          `$reduce([1..100000], function($a, $i){[[$a]]}, 1).a`,
	"a list that is deep, as a condition":       `$reduce([1..100000], function($a, $i){[[$a]]}, 0) ? 1 : 2`,
	"a list that is deep, compared":             `($t := function(){$reduce([1..100000], function($a, $i){[[$a]]}, 1)}; $t() = $t())`,
	"a list that is deep, made distinct":        `$distinct([[$reduce([1..100000], function($a, $i){[[$a]]}, 1)], [$reduce([1..100000], function($a, $i){[[$a]]}, 1)]])`,
	"** of ** of **":                            `($d := $reduce([1..300], function($a, $i){{"a": $a}}, 1); $d.**.**.**.**)`,
	"a padding of two billion":                  `$pad("x", 2e9)`,
	"a padding of more than can be counted":     `$pad("x", 1e300)`,
	"a picture with no end":                     `$formatInteger(1, $pad("", 1e6, "0"))`,
	"a distinct of many lists":                  `$distinct([1..1000000].[[$]])`,
	"a sort with a costly comparison":           `$sort([1..10000], function($a, $b){$sum([1..1000]) > $a})`,
	"a regex over a long text, again and again": `($t := $pad("", 100000, "ab"); [1..10000].($match($t, /(a|b)*c/)))`,
	"a large regex over a long text":            `$match($pad("", 1e6, "a"), /(?:(?:a{1,30}){1,30}b)|c/)`,
	// Memory that would be allocated before it is charged.
	"a replacement of a replacement":     `$replace($pad("", 1000000, "a"), /a+/, $pad("", 1000000, "$0"))`,
	"a replacement of empty groups":      `$replace($pad("", 100000, "a"), /a()/, $pad("", 1000000, "$1"))`,
	"a matcher that gives wrong places":  `$split($pad("é", 1000000, "a"), function($s){{"match": "a", "start": 1e9, "end": 0, "groups": [], "next": function(){{"match": "a", "start": 1e9, "end": 0}}}})`,
	"regexes made at run time":           "[1..100000].($eval(\"/(?:[^b]{999})[^a]{999}/\"))",
	"large regexes":                      `[` + strings.Repeat(`1 ~> /(?:[^a]{1000})/, `, 60) + `1]`,
	"a regex of nested repetitions":      `$match("a", /(?:(?:(?:a{1,31}){1,31}){1,31}){1,31}/)`,
	"64 KiB of ranges in a regex":        "$match(\"a\", /" + strings.Repeat(`\S`, 32000) + "/)",
	"64 KiB of groups in a regex":        "$match(\"a\", /" + strings.Repeat(`(`, 32000) + strings.Repeat(`)`, 32000) + "/)",
	"a text joined to itself":            `($s := $pad("", 3e7, "a"); [1..10].($s & $s))`,
	"control characters written as JSON": `($s := $pad("", 1.5e7, "\u0001"); $string([$s]))`,
	"objects of one field":               `[1..400000].{"a": $}`,
	"functions that are kept":            `[1..400000].(function($x){$x})`,
	"matches that are kept":              `$match($pad("", 2000000, "a"), /a/)`,
	"pieces that are kept":               `$split($pad("", 4000000, "a,"), /,/)`,
	"tuples that are kept":               `[1..500000]@$a#$b`,
	"a long option":                      `($s := $pad("", 1e7, "-"); [1..1000].$formatNumber(-1, "0", {"minus-sign": $s}))`,
	"a text that shrinks with $trim":     `($s := $pad("", 1e7, "a "); [1..100].$trim($s))`,

	// Time that would not be charged.
	"a distinct of a long text":                    `($s := $pad("", 1.6e7, "a"); $distinct($map([1..100000], function($i){$s})))`,
	"$number of a long text":                       `($s := $pad("", 1.6e7, "1"); [1..100000].($number($s)))`,
	"long texts in <":                              `($s := $pad("", 2e6, "😀"); [1..100000].($s < $s))`,
	"long texts in =":                              `($s := $pad("", 8e6, "a"); $t := $pad("", 8e6, "a"); [1..100000].($s = $t))`,
	"long texts in in":                             `($s := $pad("", 8e6, "a"); $t := $pad("", 8e6, "a"); [1..100000].($s in [$t]))`,
	"long texts in a sort":                         `($s := $pad("", 1e6, "a"); [1..10000]^($s & ""))`,
	"equal long texts in a sort":                   `($s := $pad("", 6e6, "a"); $t := $pad("", 6e6, "a"); [1..50000]^($ % 2 = 0 ? $s : $t))`,
	"a long name for $lookup":                      `($s := $pad("", 8e6, "a"); [1..100000].($lookup({"a": 1}, $s)))`,
	"a long key":                                   `($s := $pad("", 8e6, "a"); [1..100000]{$s: $})`,
	"a signature with a long list":                 `($l := [1..500000]; $f := function($x)<a<n>:n>{1}; [1..100000].($f($l)))`,
	"an aggregate of a long list":                  `($l := [1..500000]; [1..100000].($sum($l)))`,
	"many capital sigmas":                          `($s := $pad("", 8e6, "Σ"); [1..100].$lowercase($s))`,
	"many characters with two capitals":            `($s := $pad("", 4e6, "ß"); [1..100].$uppercase($s))`,
	"a regex that reads to the end each time":      `$match($pad("", 1000000, "a"), /a(?:a*b)?/)`,
	"a regex that looks back":                      `($s := $pad("", 1000000, "a b"); [1..1000].$match($s, /\b./))`,
	"a regex with a flag":                          `($s := $pad("", 4e6, "é"); [1..100000].$contains($s, /^x/im))`,
	"$length of a long text":                       `($s := $pad("", 4e6, "😀"); [1..100000].$length($s))`,
	"$substring of a long text":                    `($s := $pad("", 4e6, "😀"); [1..100000].$substring($s, 3999999))`,
	"$contains in a long text":                     `($s := $pad("", 1.6e7, "ab"); [1..100000].$contains($s, "aab"))`,
	"$split of a long text":                        `($s := $pad("", 1.6e7, "ab"); [1..100000].$split($s, "c"))`,
	"$decodeUrl of a long text":                    `($s := $pad("", 1.6e7, "%41"); [1..100000].$decodeUrl($s))`,
	"$base64decode of a long text":                 `($s := $pad("", 1.6e7, "QUJD"); [1..100000].$base64decode($s))`,
	"$parseInteger of a long text":                 `($s := $pad("", 1.6e7, "one "); [1..100000].$parseInteger($s, "w"))`,
	"$toMillis of a long text":                     `($s := $pad("", 1.6e7, "1"); [1..100000].$toMillis($s, "[Y]"))`,
	"a date picture of many words for a long text": `[1..100000].$toMillis($pad("", 900, "one ") & "!", $pad("", 256, "[Yw]"))`,
	"a date picture of many words":                 `[1..100000].$toMillis("1", $pad("", 256, "[Yw]"))`,
	"a number picture of many separators":          `[1..100000].$formatNumber(1, $pad("", 256, "0,"))`,
	"an integer picture of many separators":        `[1..100000].$formatInteger(1, $pad("", 255, "0,"))`,
	"fields removed one by one":                    `($o := [1..50000]{"k" & $: 1}; [1..100].($o ~> |$|{}, $keys($)|))`,
	"keys that look like numbers":                  `($o := [1..50000]{$string($): 1}; [1..1000].$keys($o))`,
	"a group with many variables":                  `[1..1000]` + manyVariables(200) + `{"a": [1..10000].[1..10000]}`,
	"a partial application of much":                `($g := function(){1}; $f := $g(` + strings.Repeat("?,", 20000) + `?); [1..100000].($f(1)))`,
	"a call with many arguments":                   `($g := function(){1}; [1..100000].($g(` + strings.Repeat("1,", 20000) + `1)))`,
	"a built-in with many arguments":               `[1..100000].$zip(` + strings.Repeat("$,", 20000) + `1)`,
	"many cheap expressions in a loop":             `($f := function($x){(` + strings.Repeat("$x;", 10000) + `)}; [1..100000].($f(1)))`,
	"a lone ! in a signature":                      `function($x)<!>{$x}`,
	"a lone !":                                     `!`,
	"a step of a function":                         `$sum.* ~> $sum(1)`,
	"64 KiB of (":                                  strings.Repeat("(", syntax.MaxSourceBytes),
	"64 KiB of [":                                  strings.Repeat("[", syntax.MaxSourceBytes),
	"64 KiB of {":                                  strings.Repeat("{", syntax.MaxSourceBytes),
	"64 KiB of -":                                  strings.Repeat("-", syntax.MaxSourceBytes),
	"64 KiB of |":                                  strings.Repeat("|", syntax.MaxSourceBytes),
	"64 KiB of a?":                                 strings.Repeat("a?", syntax.MaxSourceBytes/2),
	"64 KiB of function(){":                        strings.Repeat("function(){", syntax.MaxSourceBytes/11),
	"64 KiB of a[":                                 strings.Repeat("a[", syntax.MaxSourceBytes/2),
	"64 KiB of 1+":                                 strings.Repeat("1+", syntax.MaxSourceBytes/2) + "1",
	"64 KiB of nested chains":                      strings.Repeat("(", 240) + "1" + strings.Repeat(strings.Repeat("+1", 130)+")", 240),
	"more than 64 KiB":                             strings.Repeat("1 ", syntax.MaxSourceBytes),
}

// manyVariables binds n variables along a path.
func manyVariables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "#$i%d", i)
	}
	return b.String()
}

// TestHostileTemplatesEndSoonWithAnError compares the processor time of each template with
// that of a plain template that uses all the fuel on the same machine.
func TestHostileTemplatesEndSoonWithAnError(t *testing.T) {
	const most = 10
	before := runtime.NumGoroutine()
	plain := min(attack(t, hostile["endless tail recursion"]), attack(t, hostile["endless tail recursion"]))
	var worst time.Duration
	for name, source := range hostile {
		t.Run(name, func(t *testing.T) {
			took := attack(t, source)
			if took > most*plain {
				took = attack(t, source) // without garbage of the other templates
			}
			if took > most*plain {
				t.Errorf("took %v of processor time, %d times that of a plain template that uses all the fuel", took, took/plain)
			}
			if took > worst {
				worst = took
				t.Logf("%v of processor time; a plain template that uses all the fuel takes %v", took, plain)
			}
		})
	}
	// No goroutine may be left, for example one that waits for a deadline. That of the last
	// subtest takes a moment to end.
	for patience := 200; runtime.NumGoroutine() > before; patience-- {
		if patience == 0 {
			t.Fatalf("%d goroutines are left, want %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// attack compiles and evaluates a template that must end in an *Error, and returns the
// processor time that it took.
func attack(t *testing.T, source string) time.Duration {
	t.Helper()
	start := processorTime(t)
	tmpl, err := compileTest(source)
	if err == nil {
		_, err = tmpl.eval(context.Background(), `{}`, nil)
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("got error %v, want an *Error", err)
	}
	return processorTime(t) - start
}

// processorTime returns the processor time that the process has used so far, including its
// garbage collector. Unlike wall-clock time, it is not longer on a busy machine.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestADeadlineEndsCallsOnLongTexts checks that no single call goes on long after the
// deadline. Each of these calls works on texts of megabytes.
func TestADeadlineEndsCallsOnLongTexts(t *testing.T) {
	for _, call := range []string{
		`$lowercase($pad("", 4e6, "Σ"))`, `$uppercase($pad("", 4e6, "ß"))`, `$trim($s)`, `$encodeUrl($s)`, `$decodeUrl($s)`,
		`$base64decode($s)`, `$match($s, /(a| )*c/)`, `$split($s, " ")`, `$replace($s, "a", "b")`, `$s < $s & "a"`,
	} {
		tmpl, err := compileTest(`($s := $pad("", 8e6, "a "); [1..100000].(` + call + `))`)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		start := processorTime(t)
		_, err = tmpl.eval(ctx, `{}`, nil)
		cancel()
		if err == nil {
			t.Errorf("%s: no error", call)
		}
		if took := processorTime(t) - start; took > time.Second {
			t.Errorf("%s took %v of processor time after a deadline of 50 ms", call, took)
		}
	}
}
