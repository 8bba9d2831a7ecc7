// Package jsonata compiles and evaluates JSONata as its reference implementation
// (jsonata-js 2.2.2) defines it. If an expression is not supported, Compile returns an error
// with the line and with what to write instead.
//
//	source
//	  | syntax.Parse, syntax.Resolve
//	  v
//	*syntax.Node     a tree, by the rules of the reference implementation
//	  | evaluate.Compile
//	  v
//	*Expression      closures, with the functions of a functions.Library
//	  | Evaluate
//	  v
//	a value, or an *Error
//
// Every evaluation has a separate value.State, which limits its time, memory and depth. So
// any number of evaluations may run at the same time.
//
// To add a function to the language, open the file of its kind in package functions:
// text.go, number.go, list.go, object.go, higher.go, dates.go or general.go. At the top of
// the file, add a line with the name of the function, its signature in the letters of the
// JSONata documentation, the number of its parameters, and the Go function to run. The line
// calls Define, or, if the function returns undefined for undefined, defineStrict or
// DefineText. The arguments that the Go function receives match the signature, and the
// evaluation was charged for reading them. It must charge for its result with st.Allocate,
// st.AllocateItems or st.AllocateObject. A function that only one program needs belongs in
// the Library that this program passes to Compile, as $money does in package template. The
// tests of package template call every function with hostile arguments, and need an example
// of each.
package jsonata

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"commerce-segment/shared/jsonata/evaluate"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// Expression is a compiled expression, safe for use by many goroutines at once.
type Expression struct {
	program *evaluate.Plan
	// bindings are the variables that the expression reads and does not assign, without
	// functions, in the order of the program's parameters.
	bindings  []string
	functions functions.Library
	literals  map[string]bool // the string literals of the source
	fields    map[string]bool // the names of the fields that it reads
}

// Compile checks and compiles an expression that can call the functions of a library.
// Its error is an *Error.
func Compile(source string, functions functions.Library) (e *Expression, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = nil, fmt.Errorf("it cannot be compiled: %v", r)
		}
		err = asError(err)
	}()
	return compile(source, functions)
}

func compile(source string, functions functions.Library) (*Expression, error) {
	if len(source) > syntax.MaxSourceBytes {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a template may have", len(source), syntax.MaxSourceBytes)
	}
	if !utf8.ValidString(source) {
		return nil, errors.New("it is not valid UTF-8")
	}
	if strings.ContainsRune(source, utf8.RuneError) {
		return nil, errors.New("it has the character U+FFFD, which stands for one that could not be read: write that one again, or \\ufffd if it is meant")
	}
	tree, known, err := syntax.Parse(source)
	if err != nil {
		return nil, err
	}
	if tree, err = syntax.Resolve(tree); err != nil {
		return nil, err
	}
	program, bindings, err := evaluate.Compile(tree, functions)
	if err != nil {
		return nil, err
	}
	return &Expression{program: program, bindings: bindings, functions: functions, literals: known.Literals, fields: known.Fields}, nil
}

// Fields returns the names of the fields that the expression reads by name, in
// alphabetical order.
func (e *Expression) Fields() []string { return slices.Sorted(maps.Keys(e.fields)) }

// FewestArguments returns the smallest number of arguments with which a source calls the
// function of a name without $: 0 if it also uses the function otherwise, for example as an
// argument, and -1 if it does not use it. The error is an *Error.
func FewestArguments(source, function string) (int, error) {
	tree, _, err := syntax.Parse(source)
	if err != nil {
		return 0, asError(err)
	}
	return tree.FewestArguments(function), nil
}

// Evaluate evaluates the expression on a value. variables maps names of variables, without
// the $, to their values. known is the Host of the State, for the functions of the Library.
// The result is undefined (nil) or a value that may share parts with the input. Evaluate
// also returns the State of the evaluation, so that the caller can charge for its work on
// the result. The error is an *Error.
func (e *Expression) Evaluate(ctx context.Context, input any, variables map[string]any, known any) (v any, st *value.State, err error) {
	st = value.NewState(ctx, e.literals, known)
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("it cannot be evaluated: %v", r)
		}
		err = asError(err)
	}()
	if err := ctx.Err(); err != nil {
		return nil, st, err
	}
	args := make([]any, len(e.bindings))
	for i, name := range e.bindings {
		args[i] = variables[name]
		if name == "$" {
			args[i] = input
		}
	}
	v, err = host(func() (any, error) { return e.program.Run(st, input, args) })
	return v, st, err
}

// Eval evaluates the expression on any JSON, which may be empty for undefined, and
// returns the result as JSON, or nil if it is undefined. bindings has the values of
// variables as JSON. known returns the Host of the evaluation for the input. If the input is
// at fault, the error wraps value.ErrInput. Any other error is an *Error.
func (e *Expression) Eval(ctx context.Context, input []byte, bindings map[string][]byte, known func(input any) any) ([]byte, error) {
	document, err := value.FromJSON(input)
	if err != nil {
		return nil, err
	}
	variables, err := e.variables(bindings)
	if err != nil {
		return nil, err
	}
	v, st, err := e.Evaluate(ctx, document, variables, known(document))
	if err != nil || v == nil {
		return nil, err
	}
	text, err := value.ToJSON(st, v)
	return text, asError(err)
}

// variables parses the values of variables.
func (e *Expression) variables(bindings map[string][]byte) (map[string]any, error) {
	variables := make(map[string]any, len(bindings))
	for name, text := range bindings {
		if e.functions["$"+name] != nil {
			return nil, asError(fmt.Errorf("$%s is a built-in function: give the variable another name", name))
		}
		v, err := value.FromJSON(text)
		if err != nil {
			return nil, fmt.Errorf("variable $%s: %w", name, err)
		}
		variables[name] = v
	}
	return variables, nil
}
