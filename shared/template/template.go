// Package template compiles and applies JSONata templates, safely.
//
// The language is that of package jsonata. Templates add three functions to it: $money,
// $sha256 and $commerce.
package template

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/jsonata"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/money"
)

// ErrInput means that no template can use the input, for example because of a number
// beyond the range of a double. No change of a template can help.
var ErrInput = value.ErrInput

// Template is a compiled template, safe for use by many goroutines at once.
type Template struct {
	name       string
	expression *jsonata.Expression
	fetch      Fetch // what $commerce asks; nil: nothing
	// currencies has the decimals of the store's currencies in its settings.
	currencies money.Decimals
}

// library has the functions that a template can call. A start that only accepts a webhook
// does not make it.
var library = sync.OnceValue(func() functions.Library {
	all := functions.Standard()
	all.Define("money", "x-s?:n", 2, moneyFunction)
	all.DefineText("sha256", "s-:s", 1, sha256Function)
	all.DefineText("commerce", "s:x", 1, commerceFunction)
	return all
})

// event is the Host of an evaluation: what the functions of templates need to know.
type event struct {
	template *Template
	input    any
	shown    money.Prices // by the prices of the input, once they have been looked at
	lookups  int          // calls of $commerce so far
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
	var wrong *jsonata.Error
	if errors.As(err, &wrong) {
		e.Line, e.Message, e.Said = wrong.Line, wrong.Message, wrong.Said
	}
	return e
}

// Compile checks and compiles a template. The name appears in errors. Its error
// is an *Error that says template, line, construct and what to write instead.
func Compile(name, source string) (*Template, error) {
	decoded, err := chars.Decode([]byte(source))
	if err != nil {
		return nil, newError(name, err)
	}
	expression, err := jsonata.Compile(string(decoded), library())
	if err != nil {
		return nil, newError(name, err)
	}
	return &Template{name: name, expression: expression}, nil
}

// Fields returns the names of the fields that the template reads by name, in
// alphabetical order.
func (t *Template) Fields() []string { return t.expression.Fields() }

// Apply gives the template its input, a value of package value such as that of
// commerce.Webhook, and returns the Segment messages that it wrote, in order: none, one,
// or several. Each message is an object ready for encoding/json; whatever else the
// template gave (a number, a list of lists …) is an *Error.
func (t *Template) Apply(ctx context.Context, input any) ([]map[string]any, error) {
	v, st, err := t.expression.Evaluate(ctx, input, nil, &event{template: t, input: input})
	if err != nil {
		return nil, newError(t.name, err)
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
	result, err := t.expression.Eval(ctx, input, bindings, func(input any) any { return &event{template: t, input: input} })
	if err != nil && !errors.Is(err, value.ErrInput) {
		return nil, newError(t.name, err)
	}
	return result, err
}
