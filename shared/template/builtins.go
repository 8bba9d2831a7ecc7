package template

import "errors"

// builtins are the functions that a template can call, by name with the $.
var builtins = map[string]*builtin{}

// define adds a built-in. params is how many parameters the reference gives it: a
// higher-order function passes a callback no more arguments than that.
func define(name, signature string, params int, run func(st *state, args []any) (any, error)) {
	builtins["$"+name] = &builtin{name: "$" + name, signature: mustSignature(signature), params: params, run: run}
}

// defined is define for functions that give undefined for an undefined first
// argument, which are most.
func defined(name, signature string, params int, run func(st *state, args []any) (any, error)) {
	define(name, signature, params, func(st *state, args []any) (any, error) {
		if args[0] == nil {
			return nil, nil
		}
		return run(st, args)
	})
}

// textFunction is defined for functions of a string.
func textFunction(name, signature string, params int, run func(st *state, s string, args []any) (any, error)) {
	defined(name, signature, params, func(st *state, args []any) (any, error) {
		return run(st, args[0].(string), args[1:])
	})
}

func init() {
	defineText()
	defineNumbers()
	defineLists()
	defineObjects()
	defineHigherOrder()
	defineDates()
	defineMoney()
	defineCommerce()

	defined("boolean", "x-:b", 1, func(st *state, args []any) (any, error) { return truth(st, args[0]) })
	defined("not", "x-:b", 1, func(st *state, args []any) (any, error) {
		yes, err := truth(st, args[0])
		return !yes, err
	})
	define("exists", "x:b", 1, func(_ *state, args []any) (any, error) { return args[0] != nil, nil })
	defined("type", "x:s", 1, func(_ *state, args []any) (any, error) { return typeName(args[0]), nil })
	define("error", "s?:x", 1, func(st *state, args []any) (any, error) {
		return nil, said(st, "$error", args[0])
	})
	define("assert", "bs?:x", 2, func(st *state, args []any) (any, error) {
		if args[0] == true {
			return nil, nil
		}
		return nil, said(st, "$assert", args[1])
	})
}

// saidError is what $error or $assert says. Its message is safe to log.
type saidError struct{ message, text string }

func (e *saidError) Error() string { return e.message }

func said(st *state, name string, v any) error {
	text, _ := v.(string)
	switch {
	case text == "" && name == "$error":
		return errors.New("$error() function evaluated")
	case text == "":
		return errors.New("$assert() statement failed")
	case st.literal(text):
		return &saidError{message: text, text: text}
	}
	return &saidError{text: text,
		message: name + " was called (its message is made at run time and may hold personal data: not shown)"}
}

func typeName(v any) string {
	switch letter(v) {
	case 's':
		return "string"
	case 'n':
		return "number"
	case 'b':
		return "boolean"
	case 'l':
		return "null"
	case 'a':
		return "array"
	case 'f':
		return "function"
	}
	return "object"
}
