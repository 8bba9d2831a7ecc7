package jsonata

import (
	"context"
	"fmt"
	"testing"
)

// growing are programs whose time is in proportion to the number of elements.
var growing = map[string]string{
	"$distinct of texts":                 `$count($distinct([1..n].("code-" & $string($))))`,
	"$distinct of objects":               `$count($distinct([1..n].{"sku": $}))`,
	"$distinct of the same":              `$count($distinct([1..n].{"sku": 1}))`,
	"in, with texts":                     `($all := [1..n].("code-" & $string($)); $count($all[$ in $all]))`,
	"in, with numbers":                   `($all := [1..n]; $count($all[$ in $all]))`,
	"an index that is a variable":        `($a := [1..n]; $sum($map($a, function($v, $i) { $a[$i] })))`,
	"an index that is computed":          `($a := [1..n]; $sum($map($a, function($v, $i) { $a[-$i - 1] })))`,
	"$reduce with $append":               `$count($reduce([1..n], $append))`,
	"$reduce with $append by a function": `$count($reduce([1..n], function($a, $v) { $append($a, [$v]) }, []))`,
	"$reduce with &":                     `$length($reduce([1..n], function($a, $v) { $a & "," & $v }, ""))`,
}

// An order of thousands of lines goes through what a template may do with each.
func TestLargeListsGoThrough(t *testing.T) {
	for name, source := range growing {
		t.Run(name, func(t *testing.T) {
			for _, n := range []string{"10000", "50000"} {
				if _, err := eval(t, source, `{"n": `+n+`}`); err != nil {
					t.Errorf("%s elements: %v", n, err)
				}
			}
		})
	}
}

func BenchmarkGrowing(b *testing.B) {
	for name, source := range growing {
		for _, n := range []int{1_000, 10_000, 50_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				compiled, err := compileTest(source)
				if err != nil {
					b.Fatal(err)
				}
				input := fmt.Sprintf(`{"n": %d}`, n)
				for b.Loop() {
					if _, err := compiled.eval(context.Background(), input, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// What $append and & write behind a list or a text must be seen in no other.
func TestWhatIsAppendedStaysApart(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"two lists that begin alike", `($a := $append([1], 2); $b := $append($a, 3); $c := $append($a, 4); $d := $append($b, 5); [[$a], [$b], [$c], [$d]])`,
			`[[1,2],[1,2,3],[1,2,4],[1,2,3,5]]`},
		{"a list appended to itself", `($a := $append([1], 2); $b := $append($a, 3); $c := $append($b, $b); [[$b], [$c]])`,
			`[[1,2,3],[1,2,3,1,2,3]]`},
		{"two long texts that begin alike", `($t := $pad("", 2000, "x"); $a := $t & "1"; $b := $a & "2"; $c := $b & "3"; $d := $b & "4";
			[$a, $b, $c, $d].$substring($, 2000))`, `["1","12","123","124"]`},
		{"an index that is a variable", `($a := [[1], 2, 3]; $i := -1; $f := 0.9; [$a[$i], $a[$f], [$a[$i - 9]], [$a[true]]])`, `[3,1,[],[[1],2,3]]`},
		{"equal objects are one, whatever their order", `$distinct([{"a": 1, "b": [1]}, {"b": [1], "a": 1}, {"a": "1", "b": [1]}, -0, 0, 0.0])`,
			`[{"a":1,"b":[1]},{"a":"1","b":[1]},0]`},
		{"kinds are kept apart by in", `($l := $append([1..99], ["7", null, true]); [7 in $l, "7" in $l, "8" in $l, null in $l, false in $l, [7] in $l])`,
			`[true,true,false,true,false,false]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := eval(t, test.source, `{}`)
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}
