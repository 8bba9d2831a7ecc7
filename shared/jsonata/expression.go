// Package jsonata compiles and evaluates JSONata, as its reference implementation
// (jsonata-js 2.2.2) defines it. An expression that is not supported is refused at
// compile time, with its line and what to write instead.
//
//	source
//	  | syntax.Parse, syntax.Resolve        a tree, by the rules of the reference
//	  v
//	*syntax.Node
//	  | evaluate.Compile                    closures, with the functions of a Library
//	  v
//	*Expression
//	  | Evaluate (host, value.State)        bounded in time, memory and depth
//	  v
//	a value, or an *Error
//
// Every evaluation has a value.State, which pays for its work. Evaluations share
// nothing, so any number of them may run at once.
//
// To add a function to the language, write it next to its kind in package functions, as a
// func(st *value.State, args []any) (any, error), and define it at the top of that file:
// its name, its signature in the letters of the JSONata documentation, the number of its
// parameters. Its arguments fit the signature, and are looked at and paid for before it
// is called; what it makes, it pays for with st.Allocate, st.Collect or st.Build. A
// function that only one program has is defined in that program's Library, as package
// template does with $money.
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
	// bindings are the variables that the expression reads without having assigned to
	// them, other than functions, in the order of the program's parameters.
	bindings  []string
	functions functions.Library
	literals  map[string]bool // the texts that stand in the source
	fields    map[string]bool // the names of fields that it reads
}

// Compile checks and compiles an expression that may call the functions of a library.
// Its error is an *Error that says what to write instead.
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

// Fields are the names of the fields that the expression reads by name, by the alphabet.
func (e *Expression) Fields() []string { return slices.Sorted(maps.Keys(e.fields)) }

// Evaluate evaluates the expression on a value. Variables are values by the names that
// they have without the $; known is what registered functions find in the state as its
// host. The result is undefined (nil) or a value that may share parts with the input.
// With it comes the state of the evaluation, which pays for what is made of the result.
// Its error is an *Error.
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

// Eval evaluates the expression on any JSON and returns the result as JSON, nil where it
// is undefined. An empty input is undefined too. Bindings are JSON values for $name
// variables. What registered functions know of the evaluation is made by known of the
// input. An error that wraps value.ErrInput is the input's fault, any other an *Error.
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

// variables makes the variables of an evaluation of JSON values.
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
