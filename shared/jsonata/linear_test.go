package jsonata

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/jsonata/value"
)

// growing has programs whose time is in proportion to the number of lines.
var growing = map[string]string{
	"$distinct of texts":                 `$count($distinct(lines.sku))`,
	"$distinct of objects":               `$count($distinct(lines))`,
	"$distinct of the same":              `$count($distinct(lines.type))`,
	"in, with texts":                     `($all := lines.sku; $count($all[$ in $all]))`,
	"in, with numbers":                   `($all := lines.n; $count($all[$ in $all]))`,
	"$keys":                              `$count($keys(lines))`,
	"$merge":                             `$count($keys($merge(lines)))`,
	"an index that is a variable":        `($a := lines.n; $sum($map($a, function($v, $i) { $a[$i] })))`,
	"an index that is computed":          `($a := lines.n; $sum($map($a, function($v, $i) { $a[-$i - 1] })))`,
	"$reduce with $append":               `$count($reduce(lines.n, $append))`,
	"$reduce with $append by a function": `$count($reduce(lines.n, function($a, $v) { $append($a, [$v]) }, []))`,
	"$reduce with $merge":                `$count($keys($reduce([1..n], function($a, $v) { $merge([$a, {"k" & $v: $v}]) }, {})))`,
	"$reduce with &":                     `$length($reduce(lines.sku, function($a, $v) { $a & "," & $v }, ""))`,
}

// readLines returns an order of n lines. Each line has a field that no other line has.
func readLines(tb testing.TB, n int) any {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `,{"type":"order_item","sku":"sku-%d","n":%[1]d,"field-%[1]d":true}`, i)
	}
	input, err := value.FromJSON([]byte(`{"lines":[` + lines.String()[1:] + `]}`))
	if err != nil {
		tb.Fatal(err)
	}
	return input
}

// TestLargeOrdersStayWithinTheLimits evaluates what a template may do with each line of an
// order, for orders of many thousand lines.
func TestLargeOrdersStayWithinTheLimits(t *testing.T) {
	for _, n := range []int{10_000, 100_000} {
		input := readLines(t, n)
		for name, source := range growing {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				compiled, err := compileTest(source)
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := compiled.Evaluate(t.Context(), input, nil, nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// BenchmarkGrowing skips a program for a size at which it exceeds the limits of an
// evaluation.
func BenchmarkGrowing(b *testing.B) {
	programs := maps.Clone(growing)
	programs["$reduce with $merge"] = `$count($keys($reduce(lines, function($a, $v) { $merge([$a, $v]) })))`
	for _, n := range []int{1_000, 100_000} {
		input := readLines(b, n)
		for _, name := range slices.Sorted(maps.Keys(programs)) {
			compiled, err := compileTest(programs[name])
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := compiled.Evaluate(b.Context(), input, nil, nil); err != nil {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if _, _, err := compiled.Evaluate(b.Context(), input, nil, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestAppendingDoesNotChangeOtherValues has lists, objects and texts that share memory. What
// is appended to one of them must not appear in another.
func TestAppendingDoesNotChangeOtherValues(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"two lists with the same beginning", `($a := $append([1], 2); $b := $append($a, 3); $c := $append($a, 4); $d := $append($b, 5); [[$a], [$b], [$c], [$d]])`,
			`[[1,2],[1,2,3],[1,2,4],[1,2,3,5]]`},
		{"a list appended to itself", `($a := $append([1], 2); $b := $append($a, 3); $c := $append($b, $b); [[$b], [$c]])`,
			`[[1,2,3],[1,2,3,1,2,3]]`},
		{"two objects with the same beginning", `($a := $merge([{"a": 1}, {"b": 2}]); $b := $merge([$a, {"c": 3}]); $c := $merge([$a, {"d": 4}]); $d := $merge([$b, {"a": 5}]);
			$clone := function($x){$x}; $e := $b ~> |$|{"b": 6}|; $f := $merge([$b, {"f": 7}]); [$a, $b, $c, $d, $e, $f])`,
			`[{"a":1,"b":2},{"a":1,"b":6,"c":3},{"a":1,"b":2,"d":4},{"a":5,"b":2,"c":3},{"a":1,"b":6,"c":3},{"a":1,"b":6,"c":3,"f":7}]`},
		{"two large objects with the same beginning", `($a := $merge([1..20].{"k" & $: $}); $b := $merge([$a, {"x": 1}]); $c := $merge([$a, {"y": 2}]); $d := $merge([$b, {"y": 3}]);
			[$a.x, $b.x, $b.y, $c.x, $c.y, $d.x, $d.y, $count($keys($a)), $count($keys($d))])`, `[1,2,1,3,20,22]`},
		{"two long texts with the same beginning", `($t := $pad("", 2000, "x"); $a := $t & "1"; $b := $a & "2"; $c := $b & "3"; $d := $b & "4";
			[$a, $b, $c, $d].$substring($, 2000))`, `["1","12","123","124"]`},
		{"an index that is a variable", `($a := [[1], 2, 3]; $i := -1; $f := 0.9; [$a[$i], $a[$f], [$a[$i - 9]], [$a[true]]])`, `[3,1,[],[[1],2,3]]`},
		{"objects are equal in any order of their fields", `$distinct([{"a": 1, "b": [1]}, {"b": [1], "a": 1}, {"a": "1", "b": [1]}, -0, 0, 0.0])`,
			`[{"a":1,"b":[1]},{"a":"1","b":[1]},0]`},
		{"in does not mix types", `($l := $append([1..99], ["7", null, true]); [7 in $l, "7" in $l, "8" in $l, null in $l, false in $l, [7] in $l])`,
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
