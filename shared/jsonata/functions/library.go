// Package functions has the functions of the language, such as $sum and $map, and what
// their signatures say of arguments. It knows no syntax; a function that it is given, it
// calls by value.Invoke.
package functions

import (
	"errors"

	"commerce-segment/shared/jsonata/value"
)

// Library has the functions that an expression can call, by name with the $.
type Library map[string]*Builtin

// Define adds a function. params is how many parameters the reference gives it: a
// higher-order function passes a callback no more arguments than that. The signature is
// in the letters of the JSONata documentation. The arguments that run gets fit it, an
// argument that is missing is nil, and are looked at and paid for.
func (l Library) Define(name, signature string, params int, run func(st *value.State, args []any) (any, error)) {
	l["$"+name] = &Builtin{Name: "$" + name, signature: MustSignature(signature), Params: params, run: run}
}

// defined is define for functions that give undefined for an undefined first
// argument, which are most.
func (l Library) defined(name, signature string, params int, run func(st *value.State, args []any) (any, error)) {
	l.Define(name, signature, params, func(st *value.State, args []any) (any, error) {
		if args[0] == nil {
			return nil, nil
		}
		return run(st, args)
	})
}

// TextFunction is defined for functions of a string.
func (l Library) TextFunction(name, signature string, params int, run func(st *value.State, s string, args []any) (any, error)) {
	l.defined(name, signature, params, func(st *value.State, args []any) (any, error) {
		return run(st, args[0].(string), args[1:])
	})
}

// Standard returns the functions of the language, in a library of its own.
func Standard() Library {
	l := Library{}
	l.text()
	l.numbers()
	l.lists()
	l.objects()
	l.higherOrder()
	l.dates()
	l.truth()
	return l
}

func (l Library) truth() {
	l.defined("boolean", "x-:b", 1, func(st *value.State, args []any) (any, error) { return value.Truth(st, args[0]) })
	l.defined("not", "x-:b", 1, func(st *value.State, args []any) (any, error) {
		yes, err := value.Truth(st, args[0])
		return !yes, err
	})
	l.Define("exists", "x:b", 1, func(_ *value.State, args []any) (any, error) { return args[0] != nil, nil })
	l.defined("type", "x:s", 1, func(_ *value.State, args []any) (any, error) { return value.TypeName(args[0]), nil })
	l.Define("error", "s?:x", 1, func(st *value.State, args []any) (any, error) {
		return nil, said(st, "$error", args[0])
	})
	l.Define("assert", "bs?:x", 2, func(st *value.State, args []any) (any, error) {
		if args[0] == true {
			return nil, nil
		}
		return nil, said(st, "$assert", args[1])
	})
}

// SaidError is what $error or $assert says. Its message is safe to log.
type SaidError struct{ message, Text string }

func (e *SaidError) Error() string { return e.message }

func said(st *value.State, name string, v any) error {
	text, _ := v.(string)
	switch {
	case text == "" && name == "$error":
		return errors.New("$error() function evaluated")
	case text == "":
		return errors.New("$assert() statement failed")
	case st.Literal(text):
		return &SaidError{message: text, Text: text}
	}
	return &SaidError{Text: text,
		message: name + " was called (its message is made at run time and may hold personal data: not shown)"}
}
