// Package template compiles and applies JSONata templates, safely.
//
// The language is JSONata as its reference implementation (jsonata-js 2.2.2)
// defines it. A template is parsed, resolved by the reference's rules, and compiled
// into closures (see compiler). What cannot be had is refused by Compile, with its
// line and what to write instead.
//
// Every evaluation is bounded in time, data and depth, without goroutines: see
// maxFuel, maxBytes and maxDepth. Evaluations share nothing, so any number of them
// may run at once.
package template

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/money"
)

// ErrInput means that the input itself cannot be given to any template, for
// example a number beyond the range of a double. Nobody can mend that in a template.
var ErrInput = errors.New("input")

// Template is a compiled template, safe for use by many goroutines at once.
type Template struct {
	name    string
	program *plan
	// bindings are the variables that the template reads without having assigned to
	// them, other than built-in ones, in the order of the program's parameters.
	bindings []string
	literals map[string]bool // the texts that stand in the source
	fields   map[string]bool // the names of fields that it reads
	fetch    Fetch           // what $commerce asks; nil: nothing
	// currencies are the decimals of the store's currencies, by its settings.
	currencies money.Decimals
}

// Error is what is wrong with a template, at compile time or while applying it.
type Error struct {
	Template string
	Line     int // 1-based; 0 where it is not known
	Message  string
	// Said is what the template gave to $error or $assert, if that was it. Unlike
	// Message it may hold personal data: show it to who asked, never log it.
	Said string

	cause error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("template %s: %s", e.Template, e.Message)
	}
	return fmt.Sprintf("template %s, line %d: %s", e.Template, e.Line, e.Message)
}

// Unwrap gives the cause, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

func newError(name string, err error) *Error {
	e := &Error{Template: name, Message: err.Error(), cause: err}
	var f *fault
	if errors.As(err, &f) {
		e.Line, e.Message = f.line, f.err.Error()
	}
	var s *saidError
	if errors.As(err, &s) {
		e.Said = s.text
	}
	return e
}

// Compile checks and compiles a template. The name appears in errors. Its error
// is an *Error that says template, line, construct and what to write instead.
func Compile(name, source string) (*Template, error) {
	t, err := compile(name, source)
	if err != nil {
		return nil, newError(name, err)
	}
	return t, nil
}

func compile(name, source string) (t *Template, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("it cannot be compiled: %v", r)
		}
	}()
	return compileProgram(name, source)
}

func compileProgram(name, source string) (*Template, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a template may have", len(source), maxSource)
	}
	decoded, err := chars.Decode([]byte(source))
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(decoded) {
		return nil, errors.New("it is not valid UTF-8")
	}
	if bytes.ContainsRune(decoded, utf8.RuneError) {
		return nil, errors.New("it has the character U+FFFD, which stands for one that could not be read: write that one again, or \\ufffd if it is meant")
	}
	tree, known, err := parse(string(decoded))
	if err != nil {
		return nil, err
	}
	if tree, err = resolve(tree); err != nil {
		return nil, err
	}
	program, bindings, err := compileTree(tree)
	if err != nil {
		return nil, err
	}
	return &Template{name: name, program: program, bindings: bindings, literals: known.literals, fields: known.fields}, nil
}

// Fields are the names of the fields that the template reads by name, by the alphabet.
func (t *Template) Fields() []string { return slices.Sorted(maps.Keys(t.fields)) }

// Apply gives the template a webhook body and returns the Segment messages that
// it wrote, in order: none, one, or several. It takes the body over (it may
// change it). Numbers of the body are json.Number or float64. Each message is an
// object ready for encoding/json; whatever else the template gave (a number, a list
// of lists …) is an *Error. An error that wraps ErrInput is the body's fault.
func (t *Template) Apply(ctx context.Context, body map[string]any) ([]map[string]any, error) {
	input, err := fromGo(body, 0)
	if err != nil {
		return nil, err
	}
	v, st, err := t.evaluate(ctx, input, nil)
	if err != nil {
		return nil, err
	}
	messages, err := messagesOf(st, v)
	if err != nil {
		return nil, newError(t.name, err)
	}
	return messages, nil
}

// Eval evaluates the template on any JSON and returns the result as JSON, nil
// where it is undefined. An empty input is undefined too. Bindings are JSON values
// for $name variables.
func (t *Template) Eval(ctx context.Context, input []byte, bindings map[string][]byte) ([]byte, error) {
	document, err := fromJSON(input)
	if err != nil {
		return nil, err
	}
	vars := make(map[string]any, len(bindings))
	for name, text := range bindings {
		if builtins["$"+name] != nil {
			return nil, newError(t.name, fmt.Errorf("$%s is a built-in function: give the variable another name", name))
		}
		if vars[name], err = fromJSON(text); err != nil {
			return nil, fmt.Errorf("variable $%s: %w", name, err)
		}
	}
	v, st, err := t.evaluate(ctx, document, vars)
	if err != nil || v == nil {
		return nil, err
	}
	text, err := encode(st, v)
	if err != nil {
		return nil, newError(t.name, err)
	}
	return text, nil
}

// evaluate runs the program on an input.
func (t *Template) evaluate(ctx context.Context, input any, vars map[string]any) (v any, st *state, err error) {
	st = newState(ctx)
	st.literals, st.fetch, st.input, st.currencies = t.literals, t.fetch, input, t.currencies
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, newError(t.name, fmt.Errorf("it cannot be evaluated: %v", r))
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, st, newError(t.name, err)
	}
	v, err = t.run(st, input, vars)
	if err != nil {
		return nil, st, newError(t.name, err)
	}
	return v, st, nil
}

func (t *Template) run(st *state, input any, vars map[string]any) (any, error) {
	args := make([]any, len(t.bindings))
	for i, name := range t.bindings {
		args[i] = vars[name]
		if name == "$" {
			args[i] = input
		}
	}
	program := t.program.lambda(nil, nil)
	return host(func() (any, error) { return program.enter(st, rootOf(input), args) })
}

// rootOf wraps an input that is a list, so that it counts as one value.
func rootOf(input any) any {
	if _, ok := input.(*array); ok {
		return &array{items: []any{input}, sequence: true, root: true}
	}
	return input
}
