// Package functions has the built-in functions of the language, such as $sum and $map, and
// checks arguments against signatures. It does not depend on the syntax. It calls the
// functions of an expression with value.Invoke.
package functions

import (
	"strings"

	"commerce-segment/shared/jsonata/value"
)

// Library maps the names of the functions that an expression can call, with the $, to
// the functions.
type Library map[string]*Builtin

// Define adds a function. The signature is in the letters of the JSONata documentation.
// params is the number of parameters in the reference implementation: a higher-order
// function passes at most that many arguments. The arguments that run receives match the
// signature, and the evaluation was charged for reading everything in them. A missing
// argument is nil.
func (l Library) Define(name, signature string, params int, run func(st *value.State, args []any) (any, error)) {
	l["$"+name] = &Builtin{Name: "$" + name, signature: MustParseSignature(signature), Params: params, run: run}
}

// defineStrict is Define for functions that return undefined if their first argument is
// undefined, as most do.
func (l Library) defineStrict(name, signature string, params int, run func(st *value.State, args []any) (any, error)) {
	l.Define(name, signature, params, func(st *value.State, args []any) (any, error) {
		if args[0] == nil {
			return nil, nil
		}
		return run(st, args)
	})
}

// DefineText is Define for functions whose first argument is a string. They return
// undefined if it is undefined.
func (l Library) DefineText(name, signature string, params int, run func(st *value.State, s string, args []any) (any, error)) {
	l.defineStrict(name, signature, params, func(st *value.State, args []any) (any, error) {
		return run(st, args[0].(string), args[1:])
	})
}

// Standard returns a new library with the functions of the language.
func Standard() Library {
	l := Library{}
	l.addText()
	l.addNumbers()
	l.addLists()
	l.addObjects()
	l.addHigherOrder()
	l.addDates()
	l.addGeneral()
	for _, name := range strings.Fields(inParts) {
		l["$"+name].charged = surface
	}
	l["$append"].charged = nothing
	return l
}

// inParts lists the functions that may read only a part of a large argument, as in
// $lookup($prices, sku) for each line of an order. They charge for that part.
const inParts = `
	assert boolean clone count distinct each error exists filter keys lookup map
	merge not reduce reverse shuffle sift single sort spread string type zip`
