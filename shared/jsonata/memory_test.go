package jsonata

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/value"
)

// fieldsOf returns the source of an object with n fields.
func fieldsOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"field%d":$`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestTheChargeForDataIsTheMemoryThatItTakes(t *testing.T) {
	if slowdown > 1 {
		t.Skip("the race detector allocates memory too")
	}
	for name, source := range map[string]string{
		"no field":                      `$map([1..2000], function($n) { $sift({"a": 1}, function() { false }) })`,
		"one field":                     `[1..2000].{"a": $}`,
		"four fields":                   `[1..2000].` + fieldsOf(4),
		"the most without an index":     `[1..2000].` + fieldsOf(12),
		"the fewest with an index":      `[1..2000].` + fieldsOf(13),
		"a large index":                 `[1..500].` + fieldsOf(100),
		"an index with spare room":      `[1..300].` + fieldsOf(130),
		"a group of many keys":          `[1..10000]{$string($): $}`,
		"a group of few keys":           `[1..10000]{$string($ % 10): $}`,
		"$merge of many objects":        `$merge([1..10000].{$string($): $})`,
		"$sift that keeps many fields":  `$sift([1..10000]{$string($): $}, function() { true })`,
		"$spread of many fields":        `$spread([1..10000]{$string($): $})`,
		"elements with a position":      `($l := [1..2000]; $l#$i.$i)`,
		"elements with three variables": `($l := [1..2000]; $one := 1; $l@$a#$b.$one@$c.($a + $b + $c))`,
		"joined lists":                  `($l := [1..200]; $k := [1..20]; $l@$a.$k@$b.($a + $b))`,
		"a number in words":             `[1..2000].$formatInteger(1e300, "w")`,
		"an ordinal in words":           `[1..2000].$formatInteger(1.2345e308, "W;o")`,
		"a number in Roman numerals":    `[1..2000].$formatInteger(999999, "I")`,
		"positions of a filter":         `($l := [1..2000]; $l@$a[true]#$i.($a + $i))`,
	} {
		expression, err := Compile(source, functions.Standard())
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, st, err := expression.Evaluate(context.Background(), nil, nil, nil)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		taken, charged := float64(after.TotalAlloc-before.TotalAlloc), float64(value.MaxBytes-st.Bytes)
		if charged < taken || charged > 2.5*taken {
			t.Errorf("%s: %.0f bytes are charged, and %.0f are allocated", name, charged, taken)
		}
	}
}
