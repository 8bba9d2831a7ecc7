package template

import (
	"errors"
	"fmt"
	"strings"
)

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

// textFunction is defined for functions of a string that cost its length.
func textFunction(name, signature string, params int, run func(st *state, s string, args []any) (any, error)) {
	defined(name, signature, params, func(st *state, args []any) (any, error) {
		s := args[0].(string)
		if err := st.allocate(len(s)); err != nil {
			return nil, err
		}
		return run(st, s, args[1:])
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

	defined("boolean", "x-:b", 1, func(st *state, args []any) (any, error) { return truth(st, args[0]) })
	defined("not", "x-:b", 1, func(st *state, args []any) (any, error) {
		yes, err := truth(st, args[0])
		return !yes, err
	})
	define("exists", "x:b", 1, func(_ *state, args []any) (any, error) { return args[0] != nil, nil })
	defined("type", "x:s", 1, func(_ *state, args []any) (any, error) { return typeName(args[0]), nil })
	define("error", "s?:x", 1, func(_ *state, args []any) (any, error) {
		return nil, errors.New(messageOr(args[0], "$error() function evaluated"))
	})
	define("assert", "bs?:x", 2, func(_ *state, args []any) (any, error) {
		if args[0] == true {
			return nil, nil
		}
		return nil, errors.New(messageOr(args[1], "$assert() statement failed"))
	})
	define("eval", "sx?:x", 2, evaluateText)
	builtins["$eval"].contextual = true
}

// messageOr gives the message of $error or $assert, unless it is missing or empty.
func messageOr(v any, instead string) string {
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	return instead
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

// evaluateText is $eval. The text sees the built-in functions and its own
// variables, not those of the template around it, and so must not use any other.
func evaluateText(st *state, args []any) (any, error) {
	source, ok := args[0].(string)
	if !ok {
		return nil, nil
	}
	if err := st.spend(20 * len(source)); err != nil {
		return nil, err
	}
	t, e, err := compileProgram("$eval", source)
	if err != nil {
		return nil, evalError(err)
	}
	for _, name := range t.bindings {
		if !e.bound[name] {
			return nil, fmt.Errorf("$eval: the text uses $%s, which it cannot see: pass an object as second argument and use its fields", name)
		}
	}
	input := args[1]
	if input == nil && len(args) > 2 {
		input = args[2]
	}
	if list, ok := input.(*array); ok && list.root {
		input = list.items[0]
	}
	if err := st.nest(maxDepth / 50); err != nil {
		return nil, err
	}
	v, err := t.run(st, input, nil)
	st.depth -= maxDepth / 50
	if err != nil {
		return nil, evalError(err)
	}
	return v, nil
}

// evalError takes the place off an error, because it is one within another text.
func evalError(err error) error {
	var f *fault
	if errors.As(err, &f) {
		err = f.err
	}
	if strings.HasPrefix(err.Error(), "$eval: ") {
		return err
	}
	return fmt.Errorf("$eval: %w", err)
}
