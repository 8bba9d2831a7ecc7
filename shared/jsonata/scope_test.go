package jsonata

import "testing"

// TestVariablesKeepTheirScopes has a case for each place of a variable: a frame, a cell that
// functions share, and the scope of an element of a path.
func TestVariablesKeepTheirScopes(t *testing.T) {
	cases := map[string]struct{ source, want string }{
		"a lambda keeps the variables of its creation":      {`($f := function($x){function(){$x}}; $a := $f(1); $b := $f(2); [$a(), $b()])`, `[1,2]`},
		"a lambda sees what is assigned later":              {`($x := 1; $f := function(){$x}; $x := 2; $f())`, `2`},
		"lambdas call one that comes later":                 {`($f := function($n){$g($n) & "f"}; $g := function($n){$n & "g"}; $f("x"))`, `"xgf"`},
		"a lambda in a lambda calls the outer one":          {`($f := function($n){$n = 0 ? [] : $append($map([$n], function($m){$m * 2}), $f($n - 1))}; $f(3))`, `[6,4,2]`},
		"a lambda calls another in its tail":                {`($g := function($a, $b, $c, $d, $e, $h, $i, $j, $k){$a & $b & $k}; $f := function($x){$g($x, 1, 2, 3, 4, 5, 6, 7, 8)}; $f("x"))`, `"x18"`},
		"a lambda calls itself in its tail":                 {`($f := function($a, $n){$n = 0 ? $a : $f($a & "x", $n - 1)}; $f("", 3))`, `"xxx"`},
		"a partial call keeps its arguments":                {`($p := $append(?, ["b"]); $q := function($x, $y){$x & $y}(?, "z"); [$p("a"), $q("y")])`, `["a","b","yz"]`},
		"a block hides what has its name outside":           {`($x := 1; $y := ($x := 2; $x); [$x, $y])`, `[1,2]`},
		"a variable is the outer one until assigned":        {`($x := 1; ($y := $x; $x := 2; [$x, $y]))`, `[2,1]`},
		"a variable is computed from itself":                {`($x := 1; $x := $x + 1; $x := $x * 10; $x)`, `20`},
		"an assignment that is not made hides nothing":      {`($x := 1; (false ? $x := 2; $x))`, `1`},
		"an assignment that is made is seen":                {`($x := 1; (true ? $x := 2; $x))`, `2`},
		"each element has separate variables":               {`($x := 0; [1, 2].($y := $x; $x := $; [$y, $x]))`, `[0,1,0,2]`},
		"a parameter hides a variable":                      {`($x := 1; $f := function($x){$x}; [$f(2), $x])`, `[2,1]`},
		"a missing argument hides a variable too":           {`($x := 1; $f := function($x){$exists($x)}; $f())`, `false`},
		"the context of a lambda is where it stands":        {`orders.($id := id; $f := function($n){$id & id & $n}; $f("!"))`, `["o1o1!","o2o2!"]`},
		"a predicate sees variables around it":              {`($min := 6; orders.lines[price > $min].sku)`, `["a","c"]`},
		"a built-in that is assigned is not built in":       {`($sum := function($x){"mine"}; $sum([1, 2]))`, `"mine"`},
		"an assignment in a predicate is made in the block": {`($n := 0; orders[$n := id = "o1"]; $n)`, `false`},
		"an assignment that a branch of a predicate makes":  {`(orders[id = "o1" ? $y := "yes"]; $y)`, `"yes"`},
		"an assignment after ?? is made in the block":       {`($x := 1; missing ?? $x := 2; $x)`, `2`},
		"an assignment after ?: is made in the block":       {`(false ?: $z := 7; $z)`, `7`},
		"an assignment on an element with @ stays there":    {`(orders@$o[$w := $o.id = "o1"]; $exists($w))`, `false`},
		"the function of each element has its variable":     {`($fs := orders.lines.($x := sku; function(){$x}); $fs[1]())`, `"b"`},
		"a function sees what a later statement assigns":    {`($x := 1; ($f := function(){$x}; $x := 2; $f()))`, `2`},
		"an assignment in a function to its parameter":      {`($f := function($x){$x := 2}; [$f(5), 1])`, `[2,1]`},
		"two assignments in one statement":                  {`($a := $b := 3; $a + $b)`, `6`},
		"a function that an element makes sees the index":   {`orders#$i.(function(){$i})()`, `[0,1]`},
		"the values of an object do not mix":                {`{"a": {"b": 1 + 1, "c": {"d": 2 + 2}}, "e": 3 + 3}`, `{"a":{"b":2,"c":{"d":4}},"e":6}`},
		"a transformation keeps its variables":              {`($n := 5; $t := |$|{"n": $n}|; {"a": 1} ~> $t)`, `{"a":1,"n":5}`},
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
