// Package template compiles and applies JSONata templates.
//
// The language is that of package jsonata. Templates add four functions to it: $money,
// $sha256, $consent and $commerce.
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

// ErrInput means that no template can use the input, for example because of a number beyond
// the range of a double. A change of the template does not help.
var ErrInput = value.ErrInput

// Template is a compiled template, safe for use by many goroutines at once.
type Template struct {
	name       string
	expression *jsonata.Expression
	fetch      Fetch // reads for $commerce; if nil, $commerce returns nothing
	optional   optional
	// currencies has the decimals of the store's currencies in its settings.
	currencies money.Decimals
}

// library returns the functions that a template can call. It is created at the first use,
// because a process that only accepts a webhook does not need it.
var library = sync.OnceValue(func() functions.Library {
	all := functions.Standard()
	all.Define("money", "x-s?:n", 2, moneyFunction)
	all.DefineText("sha256", "s-:s", 1, sha256Function)
	all.Define("consent", "x-:o", 1, consentFunction)
	all.Define("commerce", "x+:x", 1, commerceFunction) // it must know how many arguments are written
	return all
})

// event is the Host of an evaluation. It has what the functions of templates need.
type event struct {
	template *Template
	input    any
	shown    money.Prices // from the prices of the input; nil before the first use
	lookups  int          // calls of $commerce so far, without the optional ones
	optional int          // optional calls of $commerce so far
}

// Error is an error of a template, at compile time or during an evaluation.
type Error struct {
	Template string
	Line     int // from 1; 0 if it is not known
	Message  string
	// Said is the text that the template passed to $error or $assert, if one of them ended
	// the evaluation. Unlike Message it may have personal data: show it only to the user
	// who evaluates the template, and never log it.
	Said string

	cause error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("template %s: %s", e.Template, e.Message)
	}
	return fmt.Sprintf("template %s, line %d: %s", e.Template, e.Line, e.Message)
}

// Unwrap returns the cause, for example context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

func newError(name string, err error) *Error {
	e := &Error{Template: name, Message: err.Error(), cause: err}
	var wrong *jsonata.Error
	if errors.As(err, &wrong) {
		e.Line, e.Message, e.Said = wrong.Line, wrong.Message, wrong.Said
	}
	return e
}

// Compile checks and compiles a template. The name appears in errors. The error is an
// *Error that names the template, the line and the construct, and says what to write
// instead.
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

// Apply evaluates the template on an input, a value of package value such as the one of
// commerce.Webhook. It returns the Segment messages of the result, in order: none, one or
// several. Each message is an object ready for encoding/json. Any other result, such as a
// number or a list of lists, is an *Error.
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

// Eval evaluates the template on any JSON and returns the result as JSON, or nil if it is
// undefined. An empty input is undefined too. Bindings are JSON values for variables, by
// their names without $.
func (t *Template) Eval(ctx context.Context, input []byte, bindings map[string][]byte) ([]byte, error) {
	result, err := t.expression.Eval(ctx, input, bindings, func(input any) any { return &event{template: t, input: input} })
	if err != nil && !errors.Is(err, value.ErrInput) {
		return nil, newError(t.name, err)
	}
	return result, err
}
