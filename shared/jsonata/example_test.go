package jsonata_test

import (
	"context"
	"fmt"

	"commerce-segment/shared/jsonata"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/value"
)

func Example() {
	library := functions.Standard()
	library.Define("twice", "n-:n", 1, func(_ *value.State, args []any) (any, error) {
		f, _ := value.Number(args[0])
		return 2 * f, nil
	})
	expression, err := jsonata.Compile(`{"sum": $sum(lines.price), "first": $twice(lines[0].price)}`, library)
	if err != nil {
		fmt.Println(err)
		return
	}
	input := []byte(`{"lines": [{"price": 3}, {"price": 4}]}`)
	result, err := expression.Eval(context.Background(), input, nil, func(any) any { return nil })
	fmt.Println(string(result), err)
	// Output: {"sum":7,"first":6} <nil>
}
